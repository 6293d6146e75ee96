"""The Python client on a whole Hubbub whose processes die: what its program receives and sends."""

import asyncio
import contextlib
import os
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hubbub_client import (
    Client,
    Event,
    FileStore,
    InvalidCredentials,
    MessageSent,
    NotFound,
    Stopped,
    Unauthenticated,
)
from hubbub_client.rest import Tokens

from tests.fixtures.hubbub import Hubbub

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"
PATIENCE_SECONDS = 60.0


@contextlib.asynccontextmanager
async def somebody(system: Hubbub, store: FileStore | None = None) -> AsyncIterator[Client]:
    name = f"client-{uuid.uuid4().hex[:12]}"
    async with Client(system.origin, store) as client:
        await client.sign_up(name, f"{name}@example.org", PASSWORD)
        await client.until_ready()
        yield client


class Listener:
    """Takes the events of a client as a program does."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.events: list[Event] = []
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._client.events():
            assert isinstance(event, Event)
            self.events.append(event)

    def texts(self, chat: str) -> list[str]:
        return [e.message for e in self.events if isinstance(e, MessageSent) and e.chat == chat]

    async def until(self, chat: str, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while len(self.texts(chat)) < count:  # noqa: ASYNC110 - a list
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def test_processes_die_and_the_program_has_everything_once_and_in_order(
    system: Hubbub,
) -> None:
    """kill -9 of realtime, chats, edge and Valkey while two users write; a third only listens."""
    async with somebody(system) as ann, somebody(system) as ben, somebody(system) as cat:
        listeners = [Listener(client) for client in (ann, ben, cat)]
        chat = (await ann.create_chat("talk", ben.user, cat.user)).id

        async def write(client: Client, name: str) -> None:
            for number in range(40):
                await client.chat(chat).send(f"{name} {number}")
                await asyncio.sleep(0.1)

        async def kill() -> None:
            for role in ("realtime", "chats", "edge", "valkey"):
                await asyncio.sleep(0.4)
                old = system.kill(role)
                await system.until_replaced(old)

        await asyncio.gather(write(ann, "ann"), write(ben, "ben"), kill())
        for listener in listeners:
            await listener.until(chat, 80)
            seqs = [event.seq for event in listener.events if event.chat == chat]
            assert seqs == sorted(set(seqs))
            assert listener.texts(chat) == listeners[0].texts(chat)
        for name in ("ann", "ben"):
            written = [text for text in listeners[0].texts(chat) if text.startswith(name)]
            assert written == [f"{name} {number}" for number in range(40)]
        for listener in listeners:
            await listener.end()


async def test_a_program_that_is_started_again_goes_on_where_it_was(
    system: Hubbub, tmp_path: Path
) -> None:
    """With a store file it needs no password, misses nothing and gets nothing twice."""
    path = tmp_path / "store"
    store = FileStore(path)
    async with somebody(system) as ann:
        async with somebody(system, store) as ben:
            listener = Listener(ben)
            chat = await ann.create_chat("talk", ben.user)
            await chat.send("one")
            await listener.until(chat.id, 1)
            await asyncio.sleep(0)  # the program has asked for the next one
            await listener.end()
        store.close()
        await chat.send("two")
        last = await chat.send("three")
        store = FileStore(path)
        async with Client(system.origin, store) as ben:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while ben.cursor(chat.id) < last.seq:  # noqa: ASYNC110 - a number
                    await asyncio.sleep(0.02)
            listener = Listener(ben)  # earlier events wait for it
            await listener.until(chat.id, 2)
            assert listener.texts(chat.id)[-2:] == ["two", "three"]
            await listener.end()
        store.close()


async def test_a_token_that_ran_out_while_away_is_replaced(system: Hubbub, tmp_path: Path) -> None:
    """Before the socket is opened. The client reports an ended session, and the user may log in
    again."""
    store = FileStore(tmp_path / "store")
    async with somebody(system, store) as ann:
        user, name = ann.user, (await ann.users(ann.user))[0]["username"]
    tokens = msgspec.json.decode(store.get("session") or b"", type=Tokens)
    store.put("session", msgspec.json.encode(Tokens(user, "ran out", tokens.refresh, 0.0)))
    async with Client(system.origin, store) as ann:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await ann.until_ready()
            await ann.rest.call("POST", "/api/user/logout")
            for _ in range(2):  # asking again gives the same error
                with pytest.raises(Stopped) as ended:
                    async for _ in ann.events():
                        pass
                assert ended.value.code == 4502
            await ann.log_in(name, PASSWORD)
            await ann.until_ready()
    store.close()


async def test_a_change_waits_for_its_user_and_is_sent_once(system: Hubbub) -> None:
    """The session ends before it is sent; another user logs in to the same client; then its own
    user."""
    async with somebody(system) as ben, somebody(system) as client:
        ann = client.user
        names = {one["id"]: one["username"] for one in await ben.users(ann, ben.user)}
        chat = await client.create_chat("talk", ben.user)

        async def said() -> list[tuple[str, str]]:
            return [(names[one.by], one.message) for one in await ben.chat(chat.id).load()]

        async with asyncio.timeout(PATIENCE_SECONDS):
            await client.rest.call("POST", "/api/user/logout")
            with pytest.raises(Stopped):
                async for _ in client.events():
                    pass
            with pytest.raises(Unauthenticated):
                await chat.send("unsent")
            await client.log_in(names[ben.user], PASSWORD)
            await chat.send("as ben")
            await client.until_ready()
            assert await said() == [(names[ben.user], "as ben")]
            await client.log_in(names[ann], PASSWORD)
            await chat.send("as ann")
            await client.outbox.empty()
        assert await said() == [
            (names[ben.user], "as ben"), (names[ann], "unsent"), (names[ann], "as ann"),
        ]  # fmt: skip


async def test_from_the_start_a_program_gets_all_that_was_said(system: Hubbub) -> None:
    """Also in chats older than its first socket."""
    async with somebody(system) as ann:
        name = f"archive-{uuid.uuid4().hex[:12]}"
        async with Client(system.origin, from_start=True) as archive:
            await archive.rest.sign_up(name, f"{name}@example.org", PASSWORD)
            chat = await ann.create_chat("talk", archive.user)
            for number in range(3):
                await chat.send(f"line {number}")
            listener = Listener(archive)
            await archive.log_in(name, PASSWORD)
            await listener.until(chat.id, 3)
            assert [event.seq for event in listener.events] == [1, 2, 3, 4]
            await listener.end()


async def test_messages_are_what_history_says(system: Hubbub) -> None:
    """Edits, deletions and reactions of others are folded into loaded messages, older pages
    included."""
    async with somebody(system) as ann, somebody(system) as ben:
        chat = await ann.create_chat("talk", ben.user)
        sent = [await chat.send(f"line {number}") for number in range(12)]
        bens = ben.chat(chat.id)
        await bens.load(5)
        assert bens.has_older
        await bens.load_older(5)
        await chat.edit(sent[8].message_id, "line 8, corrected")
        await bens.react(sent[9].message_id, "👍")
        await chat.delete(sent[10].message_id)
        last = await chat.send("last")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while bens.messages[-1].seq < last.seq:  # noqa: ASYNC110 - a property
                await asyncio.sleep(0.02)
        assert [message.message for message in bens.messages] == [
            *(f"line {number}" for number in range(2, 8)),
            "line 8, corrected", "line 9", "", "line 11", "last",
        ]  # fmt: skip
        assert [one.emoji for one in bens.messages[7].reactions] == ["👍"]
        assert bens.messages[8].deleted_by == ann.user
        seen = bens.messages
        assert await bens.load(len(seen)) == seen


async def test_messages_are_what_history_says_to_who_is_added_again(system: Hubbub) -> None:
    """Events between removal and addition are not delivered: `messages` begins with the addition,
    and the page before it shows the present state."""
    async with somebody(system) as ann, somebody(system) as ben:
        chat = await ann.create_chat("talk", ben.user)
        sent = [await chat.send(f"line {number}") for number in range(3)]
        bens = ben.chat(chat.id)
        await bens.load()
        await chat.remove(ben.user)
        await chat.edit(sent[0].message_id, "line 0, corrected")
        await chat.delete(sent[1].message_id)
        await chat.send("between")
        await chat.add(ben.user)
        last = await chat.send("again")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while ben.cursor(chat.id) < last.seq:  # noqa: ASYNC110 - a number
                await asyncio.sleep(0.02)
        assert ([message.message for message in bens.messages], bens.has_older) == (
            ["again"], True,
        )  # fmt: skip
        seen = await bens.load_older()
        assert ([message.message for message in seen], bens.has_older) == (
            ["line 0, corrected", "", "line 2", "between", "again"], False,
        )  # fmt: skip
        assert await bens.load() == seen


async def test_refusals_are_types(system: Hubbub) -> None:
    """Each has the server's code and message."""
    async with somebody(system) as ann:
        with pytest.raises(NotFound) as refused:
            await ann.chat(str(uuid.uuid4())).send("to nobody")
        assert refused.value.code == "not_found"
        with pytest.raises(InvalidCredentials):
            await ann.rest.log_in("nobody-at-all", "whatever it is")


@contextlib.asynccontextmanager
async def program(
    system: Hubbub, store: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python"),
                   "HUBBUB_ORIGIN": system.origin, "HUBBUB_STORE": str(store)}  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_examples_do_what_they_say(system: Hubbub, tmp_path: Path) -> None:
    """Echo bot, reminder, pipe, terminal and the command line, each as a separate program."""
    store = tmp_path / "bot"
    async with somebody(system) as ann:
        kept = FileStore(store)
        async with somebody(system, kept) as bot:
            chat = await ann.create_chat("robots", bot.user)
            listener = Listener(ann)
        kept.close()

        async def hears(text: str) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while text not in listener.texts(chat.id):  # noqa: ASYNC110 - a list
                    await asyncio.sleep(0.02)

        async with program(system, store, "examples/echo_bot.py"):
            await chat.send("hello")
            await hears("You said: hello")
        async with program(system, store, "examples/reminder.py"):
            await chat.send("remind me in 1 second to stand up")
            await hears("You wanted to stand up")
        command = ("examples/pipe.py", chat.id, sys.executable, "-c", "print('built')")
        async with program(system, store, *command) as pipe:
            await hears("built")
            assert await pipe.wait() == 0
        async with program(system, store, "examples/terminal.py", chat.id) as terminal:
            said, _ = await terminal.communicate(b"from a terminal\n")
            assert b"You wanted to stand up" in said
            await hears("from a terminal")
        line = ("-m", "hubbub_client", "--origin", system.origin, "--store", str(store))
        async with program(system, store, *line, "send", chat.id, "from a script") as script:
            await hears("from a script")
            assert await script.wait() == 0
        async with program(system, store, *line, "tail", chat.id, "--lines", "1") as script:
            assert script.stdout is not None
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert b"from a script" in await script.stdout.readline()
        (tmp_path / "report.txt").write_text("bytes")
        upload = (*line, "upload", chat.id, str(tmp_path / "report.txt"), "--text", "This week's")
        await chat.send("from outside")
        async with program(system, store, *upload) as script:
            await hears("This week's")
            assert await script.wait() == 0
        sent = next(e for e in reversed(listener.events) if isinstance(e, MessageSent))
        assert [file.name for file in sent.attachments] == ["report.txt"]
        # A command stores no position in a bot's file: the bot continues where it was.
        async with program(system, store, "examples/echo_bot.py"):
            await hears("You said: from outside")
        await listener.end()


async def test_what_is_refused_ends_no_bot(system: Hubbub, tmp_path: Path) -> None:
    """Otherwise it would end with the same message at each start, since that was never
    acknowledged."""
    store = tmp_path / "bot"
    async with somebody(system) as ann:
        kept = FileStore(store)
        async with somebody(system, kept) as bot:
            chat = await ann.create_chat("robots", bot.user)
            listener = Listener(ann)
        kept.close()

        async def hears(text: str) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while text not in listener.texts(chat.id):  # noqa: ASYNC110 - a list
                    await asyncio.sleep(0.02)

        async with program(system, store, "examples/echo_bot.py"):
            await chat.send("x" * 8_190)
            await chat.send("hello")
            await hears("You said: hello")
        async with program(system, store, "examples/reminder.py"):
            await chat.send(f"remind me in {'9' * 5_000} hours to sleep")
            asked = await chat.send("remind me in 1 second to be quiet")
            await chat.delete(asked.message_id)
            await asyncio.sleep(1.5)
            await chat.send("remind me in 1 second to stand up")
            await hears("You wanted to stand up")
        await listener.end()


async def test_a_pipe_takes_what_is_long_apart(system: Hubbub, tmp_path: Path) -> None:
    """It splits long input between lines if possible, and never within a character."""
    store = tmp_path / "bot"
    kept = FileStore(store)
    async with somebody(system, kept) as bot:
        chat = await bot.create_chat("builds")
        output = b"a" * 5_000 + b"\n" + b"b" * 5_000 + b"\n" + "ü".encode() * 5_000 + b"\xff" * 9
        (tmp_path / "output").write_bytes(output)
        command = ("examples/pipe.py", chat.id, "cat", str(tmp_path / "output"))
        async with program(system, store, *command) as pipe:
            assert await pipe.wait() == 0
        messages = [message.message for message in await chat.load()]
        assert messages[:2] == ["a" * 5_000, "b" * 5_000]
        assert "".join(messages[2:-1]) == "ü" * 5_000 + "\ufffd" * 9
        assert "ended with 0" in messages[-1]
    kept.close()
