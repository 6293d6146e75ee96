"""Invariants inside a node: those of every moment, and those of a node that everybody has left."""

from typing import Any, Final

from realtime.protocol.session import State
from simulation.processes import Process

OWN_TOPICS: Final = 7  # digest, revoked, read markers, two canaries, and two of presence


def find_wrong(fleet: Any) -> str | None:
    """The first violation in any running node."""
    for host, node in fleet.nodes():
        services = node.services
        for room in services.hub.rooms.values():
            stream = room.stream
            if stream._early and not stream.is_behind:
                return f"{host} holds back {sorted(stream._early)}, its head is {stream.head}"
            for listener in room.listeners:
                if listener not in services.connections._open:
                    return f"{host}: a room is heard by a socket that has ended"
        for person in services.hub.people.values():
            if any(socket not in services.connections._open for socket in person.sockets):
                return f"{host}: a socket that has ended is still a person's"
    return None


def has_open_socket(fleet: Any, session: str) -> bool:
    """Whether a node has a socket of the session that it has not ended."""
    return any(
        one.session_id == session and one._session.state is State.READY
        for _, node in fleet.nodes()
        for one in node.services.connections._open
    )


def find_leak(fleet: Any) -> str | None:
    """What is left in running nodes when nobody is connected."""
    for host, node in fleet.nodes():
        services = node.services
        wheel = services.wheel
        topics = services.joiner._bus.subscriptions
        if topics > OWN_TOPICS:
            return f"{host} hears {topics} topics"
        left = {
            "connections": len(services.connections),
            "sockets": services.admission.sockets,
            "users": len(services.admission._users),
            "handshakes": len(services.pending),
            "rooms": len(services.hub.rooms),
            "people": len(services.hub.people),
            "watchers": services.presence.watchers,
            "markers": services.markers.waiting,
            "buckets of the wheel": len(wheel._buckets),
            "topics of rooms": len(services.joiner._rooms.by_topic),
            "sends": 0 if services.sends._lanes.is_idle else 1,
            "sockets of the kernel": _sockets_of_devices(fleet.processes[host]),
        }
        found = {name: number for name, number in left.items() if number}
        if found:
            return f"{host} has {found}"
    return None


def _sockets_of_devices(process: Process) -> int:
    return sum(t.get_extra_info("peername")[0].startswith("device") for t in process.transports)
