"""Read markers that are moved in batches: the result, and who is notified."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

import psycopg
import pytest

from chats.own.markers import MAX_NODES_TOLD_ALL
from chats.store.markers import Move, move_markers
from common.database.pool import Pool, create_pool
from common.protocol.chats import ChatPage, ListChats
from common.protocol.notices import unpack_notice, unpack_notices
from common.protocol.own import Marker, MarkersMoved, Mine, MoveMarker, MoveMarkers
from common.valkey.topics import Topics
from tests.contract.chats.conftest import Person, Stage, World, new_message
from tests.contract.chats.listener import listening
from tests.contract.chats.test_own import move, shown

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = random.randrange(2**32)


async def test_batches_of_markers(world: World) -> None:
    """A batch may name a marker several times, and contain refused ones; parallel batches on both
    replicas, in any order, do not block each other."""
    chance = random.Random(SEED)
    ann, *readers = await world.make_people(6)
    chats = [(await world.make_chat(ann, *readers)).id for _ in range(6)]
    for chat in chats:
        await world.send(*(new_message(chat, ann) for _ in range(20)))
    stranger = await world.make_person()

    async def store(replica: int) -> None:
        moves = [
            MoveMarker(user=who.id, chat=chat, seq=seq, back=False)
            for who in readers
            for chat in chats
            for seq in (chance.randint(1, 20), 21, 99)
        ]
        moves.append(MoveMarker(user=stranger.id, chat=chats[0], seq=2, back=False))
        chance.shuffle(moves)
        await world.call("move_markers", MoveMarkers(moves=moves), MarkersMoved, replica)

    await asyncio.gather(*(store(number % 2) for number in range(8)))
    for who in readers:
        page = await world.call(
            "list_chats", ListChats(user=who.id, before=None, limit=10), ChatPage
        )
        assert [chat.mine.read for chat in page.chats if isinstance(chat.mine, Mine)] == [21] * 6


async def test_a_move_asked_for_before_the_marker_was_turned_back(world: World) -> None:
    """It moves the marker at most to the seq that it was turned back to, also if the turning back
    moved nothing or waits in the same batch; a move from before the previous turning back is
    ignored."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    await world.send(*(new_message(chat, ann) for _ in range(20)))

    def forward(seq: int, asked: int) -> MoveMarker:
        return MoveMarker(user=bob.id, chat=chat, seq=seq, back=False, asked=asked)

    before = time.time_ns() // 1000
    assert await move(world, chat, bob, 5, back=True) == 1
    after = time.time_ns() // 1000
    assert (await world.call("move_marker", forward(3, before), Marker)).read == 3
    assert (await world.call("move_marker", forward(9, before), Marker)).read == 5
    assert (await world.call("move_marker", forward(9, after), Marker)).read == 9
    back = MoveMarker(user=bob.id, chat=chat, seq=3, back=True)
    batch = MoveMarkers(
        moves=[back, forward(20, after), forward(7, time.time_ns() // 1000 + 10**6)]
    )
    await world.call("move_markers", batch, MarkersMoved)
    assert (await shown(world, chat, bob))[0].read == 7
    before = time.time_ns() // 1000
    assert await move(world, chat, bob, 2, back=True) == 2
    assert await move(world, chat, bob, 6, back=True) == 2
    assert (await world.call("move_marker", forward(9, before), Marker)).read == 2


async def test_a_turn_before_the_clock_was_set_back_holds_up_no_move(
    world: World, stage: Stage
) -> None:
    """PostgreSQL's clock was ahead while the marker was turned back: the turn is in the future."""
    ann, bob = await world.make_people(2)
    chats = [(await world.make_chat(ann, bob)).id for _ in range(2)]
    now = (
        "CREATE OR REPLACE FUNCTION microseconds_now() RETURNS bigint LANGUAGE sql VOLATILE"
        " RETURN (extract(epoch FROM clock_timestamp() + interval '{}') * 1000000)::bigint"
    )
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        connection.execute(now.format("1 h").encode())
        try:
            for chat in chats:
                await world.send(*(new_message(chat, ann) for _ in range(20)))
                assert await move(world, chat, bob, 9) == 9
                assert await move(world, chat, bob, 5, back=True) == 5
            assert await move(world, chats[1], bob, 4, back=True) == 4
        finally:
            connection.execute(now.format("0").encode())
    assert await move(world, chats[1], bob, 3, back=True) == 3  # the turn before is in the future
    for chat in chats:
        assert await move(world, chat, bob, 21) == 21


async def test_whom_a_moved_marker_is_told(world: World, stage: Stage) -> None:
    """All nodes get one payload per batch; with many nodes, only those of the user. A marker that
    was not moved is not published."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    await world.send(*(new_message(chat, ann) for _ in range(20)))
    topics = Topics(stage.topic_prefix)

    def move_both(seq: int) -> MoveMarkers:
        return MoveMarkers(
            moves=[
                MoveMarker(user=who.id, chat=chat, seq=seq, back=False, origin=f"{who.id}:1")
                for who in (ann, bob)
            ]
        )

    def told(who: Person, seq: int) -> tuple[str, str, bytes]:
        frame = f'{{"type":"read","chat":"{chat}","upTo":{seq}}}'
        return who.id, f"{who.id}:1", frame.encode()

    async with (
        listening(stage.valkey_url, topics.markers, topics.user(bob.id)) as listener,
        AsyncExitStack() as stack,
    ):
        await world.call("move_markers", move_both(3), MarkersMoved)
        assert [*unpack_notices(await listener.next_data())] == [told(ann, 3), told(bob, 3)]
        for _ in range(MAX_NODES_TOLD_ALL):
            await stack.enter_async_context(listening(stage.valkey_url, topics.markers))
        await world.call("move_markers", move_both(4), MarkersMoved)
        assert [*unpack_notices(await listener.next_data())] == [told(ann, 4), told(bob, 4)]
        await world.call("move_markers", move_both(2), MarkersMoved)
        await world.call("move_markers", move_both(5), MarkersMoved)
        assert await listener.next_data() == b""
        assert unpack_notice(await listener.next_data()) == told(bob, 5)[1:]
        await stack.aclose()
        for seq in range(6, 22):  # until Valkey has noticed that they are gone
            await world.call("move_markers", move_both(seq), MarkersMoved)
            if notices := await listener.next_data():
                break
            assert unpack_notice(await listener.next_data()) == told(bob, seq)[1:]
        assert [*unpack_notices(notices)] == [told(ann, seq), told(bob, seq)]


async def count_updates(pool: Pool) -> tuple[int, int]:
    """Updates of own_chats, all and HOT ones, as counted by the connections of this pool."""
    async with pool.connection() as one, pool.connection() as other:
        for connection in (one, other):
            await connection.execute("SELECT pg_stat_force_next_flush()")
            await connection.commit()
        found = await one.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'own_chats'"
        )
        return (await found.fetchall())[0]


async def test_moving_markers_leaves_no_bloat(world: World, stage: Stage) -> None:
    """An existing row is updated within its page, and no index grows (HOT)."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    await world.send(*(new_message(chat, ann) for _ in range(100)))
    await move(world, chat, bob, 2)
    pool = create_pool(stage.chats_database_url, size=2)
    await pool.open()
    try:
        before = await count_updates(pool)
        for seq in range(3, 101):
            await move_markers(pool, [Move(chat, bob.id, seq, False, time.time_ns() // 1000)])
        updates, hot = (
            now - then for now, then in zip(await count_updates(pool), before, strict=True)
        )
    finally:
        await pool.close()
    assert updates >= 98
    assert updates - hot <= 2
