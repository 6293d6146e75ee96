"""The JavaScript client in Node.js, on a whole Hubbub whose processes die."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.fixtures.hubbub import Hubbub
from tests.flow.test_python_client import Listener, somebody

ROOT = Path(__file__).parents[2]
PEOPLE = Path(__file__).parent / "javascript_people.mjs"
PATIENCE_SECONDS = 60.0


class Program:
    """A Node.js program and its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._changed = asyncio.Event()
        self.said: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.said.append(json.loads(line))
            self._changed.set()

    async def _until(self, key: str, value: object = None) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                self._changed.clear()
                for line in self.said:
                    if key in line and value in (None, line[key]):
                        return line
                await self._changed.wait()

    async def user(self) -> str:
        return str((await self._until("user"))["user"])

    async def do(self, what: str, **rest: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **rest}).encode() + b"\n")
        return (await self._until("done", what)).get("result")

    def events(self, chat: str) -> list[tuple[str, int, str | None]]:
        heard = [line["event"] for line in self.said if "event" in line]
        return [(type, seq, text) for type, of, seq, text in heard if of == chat]

    def texts(self, chat: str) -> list[str | None]:
        return [text for type, _, text in self.events(chat) if type == "message"]

    async def until(self, chat: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.texts(chat)) < count:
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def program(system: Hubbub, store: Path, script: Path = PEOPLE) -> AsyncIterator[Program]:
    environment = {**os.environ, "HUBBUB_ORIGIN": system.origin, "HUBBUB_STORE": str(store)}
    process = await asyncio.create_subprocess_exec(
        str(ROOT / ".ci" / "npx"), "node", "--experimental-websocket", "--no-warnings",
        str(script), system.origin, str(store), env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Program(process)
    finally:
        process.kill()
        await process.wait()


async def test_a_node_program_has_everything_once_and_in_order(
    system: Hubbub, tmp_path: Path
) -> None:
    """kill -9 of realtime, chats, edge and Valkey while it and a Python program write, then of the
    program itself: restarted, it misses nothing. Its changes in a chat are in history."""
    async with somebody(system) as ann:
        listener = Listener(ann)
        async with program(system, tmp_path / "store") as ben:
            made = await ann.create_chat("talk", await ben.user())
            chat = made.id

            async def write() -> None:
                for number in range(40):
                    await made.send(f"ann {number}")
                    await asyncio.sleep(0.1)

            async def kill() -> None:
                for role in ("realtime", "chats", "edge", "valkey"):
                    await asyncio.sleep(0.4)
                    old = system.kill(role)
                    await system.until_replaced(old)

            await asyncio.gather(write(), ben.do("write", chat=chat, name="ben"), kill())
            await ben.until(chat, 80)
            await listener.until(chat, 80, PATIENCE_SECONDS)
            assert ben.texts(chat) == listener.texts(chat)
            assert [text for text in ben.texts(chat) if text and text.startswith("ben")] == [
                f"ben {number}" for number in range(40)
            ]
            seqs = [seq for _, seq, _ in ben.events(chat)]
            assert seqs == sorted(set(seqs))
            had = ben.texts(chat)
        await made.send("while it was dead")
        async with program(system, tmp_path / "store") as again:
            await again.until(chat, 1)
            # The event that it held when killed may come again: it was never acknowledged.
            assert again.texts(chat)[-1] == "while it was dead"
            assert set(again.texts(chat)[:-1]) <= set(had[-2:])
            used = await again.do("use", chat=chat)
        async with program(system, tmp_path / "store", ROOT / "examples" / "echo_bot.mjs"):
            await made.send("hello")
            async with asyncio.timeout(PATIENCE_SECONDS):
                while "You said: hello" not in listener.texts(chat):  # noqa: ASYNC110 - a list
                    await asyncio.sleep(0.02)
        await listener.end()
    assert used["shown"] == used["loaded"]
    shown = {message["message"]: message for message in used["shown"]}
    assert [*shown] == ["line 1", "line 2, corrected", "line 3", "", "line 5"]
    assert shown["line 3"]["reactions"][0]["emoji"] == "👍"
    assert [message["message"] for message in used["found"]] == ["line 2, corrected"]
    assert used["text"] == "bytes"
    assert (used["refused"], used["hasOlder"]) == ("NotFound", True)
