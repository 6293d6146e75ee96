"""Publishing: after the commit, in order, and despite failures in between."""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import psycopg
import pytest

from chats.log.digest import RecentChanges
from chats.log.encoding import UNSTAMPED, draft_event
from chats.log.outbox import Publisher, Sweep
from chats.store import outbox
from chats.store.messages import NewMessage, append_events
from chats.store.query import fetch
from common.database.pool import Pool, create_pool
from common.protocol.chats import Digest, Joined
from common.protocol.events import Message
from common.protocol.ids import new_id
from common.valkey.topics import Topics
from common.valkey.valkey import Valkey
from tests.contract.chats.conftest import Person, Stage, World, new_message
from tests.contract.chats.listener import listening, until_outbox_is_empty

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def commit_and_die(stage: Stage, chat: str, sender: Person, text: str) -> None:
    """The state left by a replica that is killed between commit and publish."""
    message = Message(chat=chat, by=sender.id, message_id=new_id(), message=text, **UNSTAMPED)
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        new = NewMessage(chat, sender.id, new_id(), draft_event(message))
        [outcome], _ = await append_events(pool, [new])
        assert outcome.what == "appended"


async def test_what_is_published_is_what_is_stored(stage: Stage, world: World) -> None:
    """One payload per chat and batch, with the bytes stored in the log; then the outbox is
    empty."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.chat(chat.id)) as listener:
        await world.send(*(new_message(chat.id, ann, f"{n}é") for n in range(5)))
        payload = await listener.next_payload()
    assert (payload.first, payload.size, payload.controls) == (2, 5, [])
    lines = [msgspec.json.decode(line) for line in payload.text.split(b"\n")]
    assert lines == (await world.read_events(chat.id, ann))[1:]
    await until_outbox_is_empty(stage)


async def test_who_joins_is_told(stage: Stage, world: World) -> None:
    """Each initial participant gets a notice on their own topic, and the payload has the entry."""
    ann, bob = await world.make_people(2)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.user(ann.id), topics.user(bob.id)) as listener:
        chat = await world.make_chat(ann, bob)
        for _ in range(2):
            notice = msgspec.json.decode(await listener.next_data(), type=Joined)
            assert notice == Joined(chat=chat.id, seq=1)


async def test_what_a_killed_replica_committed_is_published(stage: Stage, world: World) -> None:
    """Any other replica publishes it, together with its neighbours, and the digest reports it."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await until_outbox_is_empty(stage)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.chat(chat.id)) as listener:
        await commit_and_die(stage, chat.id, ann, "left behind")
        payload = await listener.next_payload()
    assert (payload.first, payload.size) == (2, 1)
    assert msgspec.json.decode(payload.text)["message"] == "left behind"
    await until_outbox_is_empty(stage)


async def test_a_message_between_does_not_hide_what_was_left(stage: Stage, world: World) -> None:
    """When another replica publishes a later message, the earlier one is still published."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await until_outbox_is_empty(stage)
    topics = Topics(stage.topic_prefix)
    async with listening(stage.valkey_url, topics.chat(chat.id)) as listener:
        await commit_and_die(stage, chat.id, ann, "left behind")
        await world.send(new_message(chat.id, ann))
        seen: set[int] = set()
        while seen != {2, 3}:
            payload = await listener.next_payload()
            seen |= set(range(payload.first, payload.first + payload.size))
    await until_outbox_is_empty(stage)


async def test_the_digest_comes_every_second(stage: Stage, world: World) -> None:
    """From each replica, with what changed, and also if nothing did."""
    ann = await world.make_person()
    async with listening(stage.valkey_url, Topics(stage.topic_prefix).digest) as listener:
        chat = await world.make_chat(ann)
        heads: dict[str, dict[str, int]] = {}
        while len(heads) < 2 or chat.id not in heads[world.chats[0]]:
            digest = msgspec.json.decode(await listener.next_data(), type=Digest)
            heads[digest.replica] = digest.heads
    assert heads[world.chats[0]][chat.id] == 1
    assert chat.id not in heads[world.chats[1]]


@contextlib.asynccontextmanager
async def old_rows(database_url: str, number: int) -> AsyncIterator[tuple[Pool, list[int]]]:
    """Minute-old rows in a database that no replica sweeps, and their ids."""
    async with create_pool(database_url, size=1, min_size=1) as pool:
        ids = await fetch(
            pool,
            "INSERT INTO outbox (chat, first, last, since)"
            " SELECT gen_random_uuid(), 1, 1, now() - interval '1 minute'"
            " FROM generate_series(1, %s) RETURNING id",
            (number,),
        )
        yield pool, sorted(id_ for (id_,) in ids)


async def test_a_claim_makes_an_event_no_younger(database_url: str) -> None:
    """Other replicas ignore what one has claimed, and the age is still that of the event."""
    async with old_rows(database_url, 1) as (pool, ids):
        claim = {"above": 0, "older_than_ms": 10_000, "limit": 10}
        assert [row.id for row in await outbox.claim_rows(pool, **claim)] == ids
        assert await outbox.claim_rows(pool, **claim) == []
        assert 60 <= (await outbox.measure(pool, above=0)).age_seconds < 120


async def test_measuring_a_large_outbox_counts_only_a_part(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few rows are counted; for many, the span of their ids is reported."""
    async with old_rows(database_url, 30) as (pool, ids):
        await outbox.mark_published(pool, [ids[10]])
        assert (await outbox.measure(pool, above=0)).rows == 29
        monkeypatch.setattr(outbox, "MAX_COUNTED", 10)
        assert (await outbox.measure(pool, above=0)).rows == 30
        assert await outbox.measure(pool, above=ids[-1]) == (0, 0.0)


async def test_ids_that_a_failover_gives_out_again_are_swept(
    stage: Stage, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep starts above the ids that it has seen published; a new timeline may begin below
    them."""
    monkeypatch.setattr("chats.log.outbox.FLOOR_SECONDS", 0.0)
    monkeypatch.setattr("chats.log.outbox.SWEEP_AGE_MS", 0)
    with (
        contextlib.closing(Valkey(stage.valkey_url, f"{stage.topic_prefix}anew:")) as valkey,
        psycopg.connect(database_url, autocommit=True) as database,
    ):
        async with create_pool(database_url, size=2) as pool:
            sweep = Sweep(pool, Publisher(valkey, pool), RecentChanges("anew"))

            async def add_and_sweep(rows: int) -> list[tuple[int]]:
                for _ in range(rows):
                    database.execute(
                        "INSERT INTO outbox (chat, first, last) VALUES (%s, 1, 1)", (new_id(),)
                    )
                for _ in range(4):
                    await sweep.run()
                return database.execute("SELECT id FROM outbox").fetchall()

            assert await add_and_sweep(rows=5) == []
            database.execute("ALTER TABLE outbox ALTER COLUMN id RESTART")
            assert await add_and_sweep(rows=1) == [(1,)]
            sweep.begin_anew()
            assert await add_and_sweep(rows=1) == []
