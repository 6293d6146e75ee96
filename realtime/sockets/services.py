"""The node's services for its connections."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from common.identity.credentials import Credentials
from common.process.rest import NEVER, Rest
from realtime.counters import Counters
from realtime.fan_out.hub import Hub
from realtime.fan_out.joining import Joiner
from realtime.presence.presence import Presence
from realtime.sending.markers import Markers
from realtime.sending.sends import Sends
from realtime.sending.typists import Typists
from realtime.settings import RealtimeSettings
from realtime.sockets.admission import Admission
from realtime.sockets.connections import Connections
from realtime.sockets.keepalive import Wheel
from realtime.sockets.pending import PendingHandshakes
from realtime.tasks import Spawn

if TYPE_CHECKING:
    from realtime.sockets.connection import Connection


class Services(NamedTuple):
    """Created in `realtime.node` only. `process` is a name that no other process has or had."""

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
    spawn: Spawn
    rest: Rest = NEVER
