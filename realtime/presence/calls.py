"""The call that tells who is active on a node. files asks before it pushes a notification."""

from typing import Any

from common.calls.service import Call
from common.protocol.push import ActiveUsers, ListActive
from realtime.fan_out.hub import Hub


def create_calls(hub: Hub) -> list[Call[Any, Any]]:
    async def list_active(asked: ListActive) -> ActiveUsers:
        return ActiveUsers(users=[user for user in asked.users if _is_active(hub, user)])

    return [Call("list_active", "files", "reads", ListActive, ActiveUsers, list_active)]


def _is_active(hub: Hub, user: str) -> bool:
    person = hub.people.get(user)
    return person is not None and any(socket.is_active for socket in person.sockets)
