"""Notices of joins that come late or again."""

from uuid import UUID

import msgspec

from common.protocol.chats import Digest, Join, Slice
from common.protocol.close_codes import CloseCode
from realtime.fan_out.notices import REPEATED_SECONDS
from realtime.fan_out.rooms import LINGER_SECONDS
from tests.fixtures.quiet_node import USER, QuietNode, until

FIRST = str(UUID(int=1))


async def test_a_late_notice_brings_back_nothing_that_its_user_has_left() -> None:
    """A room is swept after its only user was removed; then a notice of an earlier join comes. A
    notice of a later join is accepted."""
    node = QuietNode()
    node.memberships = {FIRST: 5}
    connection, _ = await node.connect_and_wait()
    hub, rooms = node.fan_out.hub, node.fan_out.rooms
    hub.dismiss(hub.rooms[FIRST], [USER], 7)
    node.now += LINGER_SECONDS + 1
    await rooms.drop_idle(LINGER_SECONDS)
    node.fan_out.notices.join(USER, FIRST, 2)
    assert rooms.find_all() == []
    node.fan_out.notices.join(USER, FIRST, 9)
    assert [room.stream.known for room in rooms.find_all()] == [9]
    rooms.drop_all()  # after a restore the chat may be at an earlier seq
    node.fan_out.notices.join(USER, FIRST, 2)
    assert [room.stream.known for room in rooms.find_all()] == [2]
    connection.end(CloseCode.DRAINING, "1")


async def test_a_digest_tells_nobody_of_a_chat_that_they_left_before_they_came() -> None:
    """While a join may be older than the user's socket, chats is asked whether they are still in
    the chat. Later a removal must be newer than the socket, which hears it."""
    node = QuietNode()
    left, joined, later = (str(UUID(int=number)) for number in (2, 3, 4))

    async def fetch(chat: str, after: int) -> Slice:
        return Slice(chat=chat, after=after, events=[], controls=[], head=after)

    node.fetch = fetch
    node.now += 1_000
    await node.connect_and_wait()
    rooms = node.fan_out.rooms

    def tell(*chats: str) -> None:
        joins = [Join(chat=chat, seq=1, users=[USER]) for chat in chats]
        digest = Digest(replica="chats", heads={}, joins=joins, age=9.0)
        node.fan_out.heads.receive_digest(msgspec.json.encode(digest))

    node.memberships = {joined: 1}
    tell(left, joined)
    await until(lambda: rooms.find(joined) is not None)
    node.now += REPEATED_SECONDS + 1
    tell(left, later)
    assert rooms.find(later) is not None
    assert rooms.find(left) is None
