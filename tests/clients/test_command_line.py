"""`python -m hubbub_client`, as far as it needs no server."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hubbub_client import Client
from hubbub_client.__main__ import SessionStore, parse, run, tail
from hubbub_client.rest import Tokens
from hubbub_client.store import FileStore, SharedStore

from tests.clients.stub import Answer, message, serving, somebody, until
from tests.fixtures.busy import quiet_environment


def test_a_command_leaves_the_place_of_a_bot_alone(tmp_path: Path) -> None:
    """It takes the session and unsent changes from the file, and begins with new events."""
    bots = FileStore(tmp_path / "store")
    for name in ("session", "cursor a", "epoch", "unsent 1"):
        bots.put(name, b"the bot's")
    store = SessionStore(tmp_path / "store")
    assert store.get("session") == b"the bot's"
    assert (store.get("cursor a"), store.get("epoch")) == (None, None)
    for name in ("session", "cursor a", "epoch", "unsent 2"):
        store.put(name, b"the command's")
    assert store.names("cursor ") == ["cursor a"]
    assert store.names("unsent ") == ["unsent 1", "unsent 2"]
    store.close()
    assert bots.get("cursor a") == bots.get("epoch") == b"the bot's"
    assert bots.get("session") == bots.get("unsent 2") == b"the command's"
    assert isinstance(store, SharedStore)
    bots.close()


@contextlib.asynccontextmanager
async def tailing(client: Client, *words: str) -> AsyncIterator[None]:
    task = asyncio.create_task(tail(client, parse(["tail", "c", *words])))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("lines", [0, 1, 3, 101])
async def test_tail_begins_with_as_many_messages_as_asked_for(
    lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also with none, and with more than a page."""

    def answer(_: str, path: str) -> Answer:
        before = int(path.partition("before=")[2].partition("&")[0] or 121)
        seqs = range(before - 1, max(0, before - 51), -1)
        page = [message(seq) for seq in seqs]
        return 200, {"messages": page, "seq": 120, "more": seqs[-1] > 1}

    shown: list[str] = []

    def is_shown(number: int) -> bool:
        shown.extend(capsys.readouterr().out.splitlines())
        return len(shown) >= number

    async with serving() as (stub, origin), Client(origin) as client:
        stub.answer, stub.ready["chats"] = answer, {"c": 120}
        await client.log_in("ann", "correct horse")
        async with tailing(client, "--lines", str(lines)):
            await until(lambda: client.chat("c").messages != [] and is_shown(lines))
            await stub.hear(message(121))
            await until(lambda: is_shown(lines + 1))
    assert shown == [f"t{seq}\tben\ttext {seq}" for seq in range(121 - lines, 122)]


async def test_a_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its content: a sender cannot control the terminal."""
    said = "two\nlines, \ta tab, \x1b[2J, \x9b, \u2028, Grüße 👩\u200d👧"
    shown = ""

    def is_shown() -> bool:
        nonlocal shown
        shown += capsys.readouterr().out
        return shown != ""

    async with somebody() as (stub, client):
        stub.answer = lambda *_: (200, {"messages": [message(5, said)], "seq": 5, "more": False})
        async with tailing(client):
            await until(is_shown)
    text = r"two\nlines, \ta tab, \x1b[2J, \x9b, \u2028, Grüße " + "👩\u200d👧"
    assert shown == f"t5\tben\t{text}\n"


PACKAGE = Path(__file__).parents[2] / "clients" / "python"


def logged_in(store: Path) -> Path:
    session = FileStore(store)
    session.put("session", msgspec.json.encode(Tokens("ann", "a", "r", 1e12)))
    session.close()
    return store


async def command(
    origin: str, store: Path, *words: str | bytes, stdout: int | None = None
) -> tuple[int, str]:
    """Its exit code and its error output."""

    def start() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "hubbub_client", "--origin", origin, "--store", store, *words],
            env={**quiet_environment(), "PYTHONPATH": str(PACKAGE), "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,  # without a terminal for a prompt
            check=False,
        )

    ran = await asyncio.to_thread(start)
    return ran.returncode, ran.stderr.decode()


@pytest.mark.parametrize("words", [("chats",), ("search", "hello"), ("send", "c", "hello")])
async def test_a_reader_that_has_had_enough_ends_a_command(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """As with `dmesg`: `… | head -1` is not an error."""
    info = {"messageId": "m9", "seq": 9, "at": "t9"}
    answer = {
        "chats": [{"id": "c", "chatName": "talk"}] * 3, "messages": [message(5)], "next": None,
        "messageInfo": info,
    }  # fmt: skip
    reader, writer = os.pipe()
    os.close(reader)
    async with serving() as (stub, origin):
        stub.answer = lambda *_: (200, answer)
        store = logged_in(tmp_path / "store")
        assert await command(origin, store, *words, stdout=writer) == (0, "")
    os.close(writer)


@pytest.mark.parametrize("words", [("send", "c", "hello"), ("upload", "c", "FILE")])
async def test_what_the_server_does_not_answer_is_told_and_sent_by_the_next_command(
    words: tuple[str, ...], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """With exit code 1, and under the same key."""
    monkeypatch.setattr("hubbub_client.__main__.SEND_SECONDS", 0.5)
    (tmp_path / "a.txt").write_text("bytes")
    file = {"id": "f", "name": "a.txt", "type": "text/plain", "size": 5}
    answers = {"/api/chat/c/file?name=a.txt": (201, {"file": file})}
    store = logged_in(tmp_path / "store")
    options = ["--store", str(store), *(w.replace("FILE", str(tmp_path / "a.txt")) for w in words)]
    async with serving() as (stub, origin):
        stub.may_begin.clear()  # changes go by REST
        stub.answer = lambda _, path: answers.get(path, (503, {}))
        assert await run(parse(["--origin", origin, *options])) == 1
        told = "There was no answer. The message is kept, and the next command sends it.\n"
        assert capsys.readouterr() == ("", told)
        stub.asked.clear()
        info = {"messageId": "m9", "seq": 9, "at": "t9"}
        stub.answer = lambda *_: (200, {"chats": [], "next": None, "messageInfo": info})
        assert await run(parse(["--origin", origin, "--store", str(store), "chats"])) == 0
        assert ("POST", "/api/chat/c/message") in stub.asked
    left = FileStore(store)
    assert left.names("unsent ") == []
    left.close()


@pytest.mark.parametrize(("words", "code"), [(("send", "c", "hello"), 130), (("tail", "c"), 0)])
async def test_ctrl_c_is_a_success_only_where_it_is_the_usual_end(
    words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    """Of a send that has no answer it is not."""
    store = logged_in(tmp_path / "store")
    async with serving() as (stub, origin):
        stub.may_begin.clear()
        stub.answer = lambda *_: (503, {})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hubbub_client", "--origin", origin, "--store", store, *words,
            env={**quiet_environment(), "PYTHONPATH": str(PACKAGE)}, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await until(lambda: stub.asked != [])
        process.send_signal(signal.SIGINT)
        _, error = await process.communicate()
    assert (process.returncode, error) == (code, b"")


@pytest.mark.parametrize(
    ("words", "store", "said"),
    [
        (("upload", "c", "none.pdf"), "new", "No such file or directory: 'none.pdf'"),
        (("send", "c", b"caf\xe9"), "new", "The text is not UTF-8."),
        (("log-in", "ann"), "new", "There is no password: set HUBBUB_PASSWORD."),
        (("chats",), "folder", "unable to open database file"),
        (("chats",), "text", "file is not a database"),
    ],
)
async def test_what_is_of_no_use_is_told_in_a_sentence(
    words: tuple[str, ...], store: str, said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Not in a traceback."""
    monkeypatch.delenv("HUBBUB_PASSWORD", raising=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("These are some words of a text. " * 100)
    logged_in(tmp_path / "new")
    async with serving() as (stub, origin):
        stub.answer = lambda *_: (200, {})
        code, error = await command(origin, tmp_path / store, *words)
    assert code == 2
    assert error.splitlines()[-1].endswith(said)
    assert "Traceback" not in error
