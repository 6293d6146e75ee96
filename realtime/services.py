"""What connections need of their node."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from common.identity.credentials import Credentials
from realtime.admission import Admission
from realtime.connections import Connections
from realtime.counters import Counters
from realtime.hub import Hub
from realtime.joining import Joiner
from realtime.keepalive import Wheel
from realtime.markers import Markers
from realtime.pending import PendingHandshakes
from realtime.presence.presence import Presence
from realtime.sends import Sends
from realtime.settings import RealtimeSettings
from realtime.typists import Typists

if TYPE_CHECKING:
    from realtime.connection import Connection


class Services(NamedTuple):
    """Made in one place, `realtime.node`. `process` names it among all that there ever were."""

    process: str
    settings: RealtimeSettings
    admission: Admission
    credentials: Credentials
    hub: Hub
    joiner: Joiner
    sends: Sends
    typists: Typists
    markers: Markers
    presence: Presence
    wheel: "Wheel[Connection]"
    pending: "PendingHandshakes[Connection]"
    counters: Counters
    connections: Connections
    clock: Callable[[], float]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
