"""chats while its database is unreachable, and after."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from chats.log.appending import MAX_DELETIONS
from chats.store import messages
from common.protocol.chats import Chat, Done, GetChat
from common.protocol.errors import Refusal
from common.protocol.events import LinkPreview
from common.protocol.items import AnyItem, MessageStored
from common.protocol.links import ClaimedLinks, SettleLinks
from tests.contract.chats.conftest import Stage, World, code_of, new_message, running_world
from tests.contract.chats.scene import make_scene
from tests.fixtures.busy import IS_AT_REST, bound
from tests.fixtures.servers import PostgresServer, ValkeyServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def patient_connections() -> None:
    """Not here: how long a replica waits for its database is what is tested."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stage: Stage) -> AsyncIterator[World]:
    """Its replicas wait for the database as services do."""
    async with running_world(stage, is_patient=False) as world:
        yield world


async def test_the_database_gone_is_unavailable(stage: Stage, world: World) -> None:
    """Sends, reads and changes are refused as unavailable while no connection can be opened, and
    work again afterwards."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    name = stage.chats_database_url.rpartition("/")[2]
    with psycopg.connect(stage.users_database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        with pytest.raises(Refusal, match="unavailable"):
            await world.send(new_message(chat.id, ann), seconds=1.0)
        with pytest.raises(Refusal, match="unavailable"):
            await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
        with pytest.raises(Refusal, match="unavailable"):
            await world.make_chat(ann)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    assert (await world.send(new_message(chat.id, ann)))[0].seq == 2


async def test_a_batch_whose_connection_ends_is_stored_all_the_same(
    stage: Stage, world: World
) -> None:
    """The server ends the session in the middle of the statement; the batch is retried."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    url = stage.chats_database_url
    with psycopg.connect(url) as lock, psycopg.connect(url, autocommit=True) as connection:
        lock.execute("SELECT FROM chats WHERE id = %s FOR UPDATE", (chat.id,))
        sending = asyncio.create_task(world.send(new_message(chat.id, ann), seconds=30.0))
        while not connection.execute(  # noqa: ASYNC110 - no event to wait for
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchall():
            await asyncio.sleep(0.01)
        lock.rollback()
    [result] = await sending
    assert result.seq == 2


async def test_a_restart_under_sends_is_invisible(
    make_postgres: Callable[[], PostgresServer],
    valkey: ValkeyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If PostgreSQL is killed and restarted during sends, within the time their callers wait, no
    send fails, none is stored twice, and their order stays."""
    if not IS_AT_REST:  # a chat counts as held when a replica stands still while it sends
        monkeypatch.setattr("common.database.pool._SESSION_OPTIONS", "")
    server = make_postgres()
    urls = server.make_database("chats"), server.make_database("users")
    stage = Stage(*urls, valkey.url, f"test-{secrets.token_hex(6)}:", tmp_path)
    async with running_world(stage) as world:
        ann = await world.make_person()
        chat = await world.make_chat(ann)
        sent: dict[int, list[int]] = {}
        is_over = False

        async def talk(sender: int) -> None:
            seqs = sent[sender] = []
            while not is_over:
                text = f"{sender}.{len(seqs)}"
                [result] = await world.send(
                    new_message(chat.id, ann, text), replica=sender % 2, seconds=bound(5.0, 60.0)
                )
                assert result.message == text
                seqs.append(result.seq)

        async with asyncio.TaskGroup() as senders:
            for sender in range(8):
                senders.create_task(talk(sender))
            for _ in range(3):
                await until_each_sends(sent, 5)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await until_each_sends(sent, 5)
            is_over = True
        stored = {
            event["message"]: event["seq"] for event in (await world.read_events(chat.id, ann))[1:]
        }
        assert stored == {
            f"{sender}.{n}": seq for sender, seqs in sent.items() for n, seq in enumerate(seqs)
        }
        assert all(seqs == sorted(seqs) for seqs in sent.values())


async def until_each_sends(sent: dict[int, list[int]], more: int) -> None:
    """Waits until each sender has had this many more answers."""
    before = {sender: len(seqs) for sender, seqs in sent.items()}
    async with asyncio.timeout(bound(20.0, 120.0)):
        while any(  # noqa: ASYNC110 - polls over HTTP
            len(sent.get(s, [])) < before.get(s, 0) + more for s in range(8)
        ):
            await asyncio.sleep(0.01)


async def test_a_chat_that_is_locked_for_long_is_waited_for(stage: Stage, world: World) -> None:
    """A send that waits for a row longer than PostgreSQL's lock timeout is retried."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    with (
        psycopg.connect(stage.chats_database_url) as holder,
        psycopg.connect(stage.chats_database_url, autocommit=True) as watcher,
    ):
        holder.execute("SELECT FROM chats WHERE id = %s FOR UPDATE", (chat.id,))
        sending = asyncio.create_task(world.send(new_message(chat.id, ann)))
        first = await _until_another_waits(watcher, ())
        await _until_another_waits(watcher, first)
        assert not sending.done()
        holder.commit()
        [result] = await sending
    assert result.seq == 2


async def test_a_chat_that_is_held_does_not_keep_others_waiting(stage: Stage, world: World) -> None:
    """As when `make rebuild` locks one: sends to it are refused after two waits, and at once from
    then on; all others are stored. Once unlocked, it accepts sends."""
    ann = await world.make_person()
    held, *others = [(await world.make_chat(ann)).id for _ in range(12)]
    item = new_message(held, ann)
    with psycopg.connect(stage.chats_database_url) as holder:
        holder.execute("SET transaction_timeout = 0")
        holder.execute("SELECT FROM chats WHERE id = %s FOR NO KEY UPDATE", (held,))
        for _ in range(20):
            sends = [world.append(new_message(chat, ann)) for chat in others]
            [refused], *stored = await asyncio.gather(world.append(item), *sends)
            assert code_of(refused) == "unavailable"
            assert all(isinstance(result, MessageStored) for [result] in stored)
        holder.commit()
    async with asyncio.timeout(bound(1.0, 30.0)):
        while code_of((await world.append(item))[0]) == "unavailable":  # noqa: ASYNC110 - polls
            await asyncio.sleep(0.05)
    assert len(await world.read_events(held, ann)) == 2
    for chat in others:
        assert len(await world.read_events(chat, ann)) == 21


async def test_what_follows_deletions_in_a_chat_that_is_held_does_not_overtake_them(
    stage: Stage, world: World
) -> None:
    """One caller's items keep their order, although so many deletions are several transactions."""
    scene = await make_scene(world)
    ann, _ = scene.people
    sent = await world.send(*(new_message(scene.id, ann) for _ in range(MAX_DELETIONS + 1)))
    deletions = [scene.delete(ann, of=one.message_id) for one in sent]
    with (
        psycopg.connect(stage.chats_database_url) as holder,
        psycopg.connect(stage.chats_database_url, autocommit=True) as watcher,
    ):
        holder.execute("SELECT FROM chats WHERE id = %s FOR UPDATE", (scene.id,))
        items: list[AnyItem] = [scene.edit(ann, "first"), *deletions, scene.edit(ann, "second")]
        appending = asyncio.create_task(world.append(*items))
        first = await _until_another_waits(watcher, ())
        await _until_another_waits(watcher, first)  # the items of the first transaction, again
        holder.commit()
        *_, last = await appending
    assert code_of(last) == "unavailable"
    events = await scene.events()
    assert [one["message"] for one in events if one["type"] == "message.edited"] == ["first"]


async def test_a_chat_that_nothing_was_sent_to_is_not_taken_for_held(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL reports a row by its location, where another chat's row may be by the time it is
    looked up."""
    ann = await world.make_person()
    held, other = [(await world.make_chat(ann)).id for _ in range(2)]

    async def find_another(*_: object) -> str:
        return other

    monkeypatch.setattr(messages, "_find_held", find_another)
    with (
        psycopg.connect(stage.chats_database_url) as holder,
        psycopg.connect(stage.chats_database_url, autocommit=True) as watcher,
    ):
        holder.execute("SELECT FROM chats WHERE id = %s FOR UPDATE", (held,))
        sending = asyncio.create_task(world.send(new_message(held, ann)))
        first = await _until_another_waits(watcher, ())
        await _until_another_waits(watcher, first)
        assert (await world.send(new_message(other, ann)))[0].seq == 2
        holder.commit()
        assert (await sending)[0].seq == 2


async def _until_another_waits(
    watcher: psycopg.Connection, known: tuple[object, ...]
) -> tuple[object, ...]:
    """Returns the statement that waits for a lock, once it differs from `known`.

    `watcher` is in no transaction: within one, PostgreSQL shows each session as first seen.
    """
    waiting = (
        "SELECT pid, query_start FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(60):
        while (found := watcher.execute(waiting).fetchone() or known) == known:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


async def test_previews_wait_for_a_chat_that_is_held(stage: Stage, world: World) -> None:
    """files is told that they are not settled, and the links can be claimed again."""
    ann = await world.make_person()
    chat = (await world.make_chat(ann)).id
    url = "http://example.com/"
    [sent] = await world.send(new_message(chat, ann))
    text = sent.seq
    links = ClaimedLinks(
        chat=chat, seq=text, text_seq=text, message=sent.message_id, sender=ann.id, urls=[url]
    )
    settle = SettleLinks(links=links, previews=[LinkPreview(url=url, title="A page")])
    with (
        psycopg.connect(stage.chats_database_url) as holder,
        psycopg.connect(stage.chats_database_url, autocommit=True) as watcher,
    ):
        watcher.execute(
            "INSERT INTO links_to_preview (chat, seq, text_seq, message, sender, urls, due_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, now() + interval '1 hour')",
            (chat, text, text, sent.message_id, ann.id, [url]),
        )
        holder.execute("SET transaction_timeout = 0")
        holder.execute("SELECT FROM chats WHERE id = %s FOR NO KEY UPDATE", (chat,))
        with pytest.raises(Refusal) as refused:
            await world.call("settle_links", settle, Done)
        assert refused.value.code == "unavailable"
        kept = "SELECT count(*) FROM links_to_preview WHERE chat = %s"
        assert watcher.execute(kept, (chat,)).fetchone() == (1,)
        holder.commit()
        async with asyncio.timeout(bound(1.0, 30.0)):
            done = None
            while done is None:
                with suppress(Refusal):
                    done = await world.call("settle_links", settle, Done)
        assert done.changed
        assert watcher.execute(kept, (chat,)).fetchone() == (0,)
