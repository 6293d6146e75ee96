"""The parts of growth by name, in the order in which they run."""

from collections.abc import Callable
from typing import Final

from loadtest.peers.growing import (
    Measured,
    measure_chats,
    measure_connections,
    measure_members,
    measure_ready,
    measure_relay,
)
from loadtest.peers.participating import measure_participants
from loadtest.peers.reading import measure_messages
from loadtest.peers.spreading import measure_nodes, measure_rooms

GROWTH: Final[dict[str, Callable[[], Measured]]] = {
    "relay": measure_relay,
    "members": measure_members,
    "connections": measure_connections,
    "chats": measure_chats,
    "messages": measure_messages,
    "ready": measure_ready,
    "participants": measure_participants,
    "nodes": measure_nodes,
    "rooms": measure_rooms,
}
