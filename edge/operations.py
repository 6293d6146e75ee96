"""All public calls, as their routes declare them."""

from typing import Final

from edge.operation import operations_of
from edge.routes.accounts import AccountRoutes
from edge.routes.administration import AdministrationRoutes
from edge.routes.changes import ChangeRoutes
from edge.routes.chats import ChatRoutes
from edge.routes.descriptions import DescriptionRoutes
from edge.routes.files import FileRoutes
from edge.routes.health import HealthRoutes
from edge.routes.instance import InstanceRoutes
from edge.routes.invitations import InvitationRoutes
from edge.routes.messages import MessageRoutes
from edge.routes.overview import OverviewRoutes
from edge.routes.own import OwnRoutes
from edge.routes.profiles import ProfileRoutes
from edge.routes.push import PushRoutes
from edge.routes.search import SearchRoutes
from edge.routes.sessions import SessionRoutes

OPERATIONS: Final = tuple(
    operations_of(
        AccountRoutes, SessionRoutes, ProfileRoutes, PushRoutes, ChatRoutes, MessageRoutes,
        ChangeRoutes, FileRoutes, OwnRoutes, SearchRoutes, InstanceRoutes, OverviewRoutes,
        InvitationRoutes, AdministrationRoutes, HealthRoutes, DescriptionRoutes,
    )
)  # fmt: skip
