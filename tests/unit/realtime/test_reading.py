"""A socket that sends more at once than one turn of the loop may read."""

import asyncio

from realtime.protocol.session import FRAMES_A_TURN
from tests.fixtures.quiet_node import QuietNode, objects_in, until
from tests.unit.realtime.test_session import client_frame, text

PING = text({"type": "ping"})


async def test_others_have_their_turn_while_a_flood_is_read() -> None:
    """Nothing more is read from its socket until it is done, and what it sent is answered in
    slices, with a turn for other sockets in between."""
    node = QuietNode()
    connection, wire = await node.connect_and_wait()
    neighbour, neighbours_wire = await node.connect_and_wait()
    before, most = len(objects_in(wire)), 0
    connection.data_received(PING * 20 * FRAMES_A_TURN)
    turns = 0
    while not wire.is_reading:
        found = len(objects_in(wire))
        most, before = max(most, found - before), found
        turns += 1
        await asyncio.sleep(0)
    assert 0 < most <= FRAMES_A_TURN
    assert turns >= 19
    assert len(objects_in(wire)) == 1 + 20 * FRAMES_A_TURN
    neighbour.write(b"\x81\x02{}")
    assert objects_in(neighbours_wire)[1:] == [{}]


async def test_what_comes_before_ready_is_read_when_it_is_ready() -> None:
    """Also if it is more than may wait: the rest stays unread until then."""
    node = QuietNode()
    connection, wire = node.connect()
    connection.data_received(client_frame(0x81, b'{"type":"ping"}'.ljust(60_000)) * 4)
    assert not wire.is_reading
    await until(lambda: b'"ready"' in wire.data and wire.is_reading)
    assert [frame["type"] for frame in objects_in(wire)] == ["ready"] + ["pong"] * 4


async def test_a_socket_that_ends_in_the_middle_of_a_flood_reads_no_more() -> None:
    """What was sent after the end is dropped."""
    node = QuietNode()
    connection, wire = await node.connect_and_wait()
    connection.data_received(PING * 10 * FRAMES_A_TURN)
    wire.abort()
    connection.connection_lost(None)
    written = wire.data
    for _ in range(10):
        await asyncio.sleep(0)
    assert wire.data == written
