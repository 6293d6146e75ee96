"""Programs on both client libraries, while processes and the programs themselves die: what each
received and sent. `PROGRAMS_SECONDS=3600` runs it for an hour, `PROGRAMS_PAUSE` sets the pause
between deaths.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fixtures.hubbub import Hubbub
from tests.flow.test_python_client import somebody

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "programs"
SECONDS = float(os.environ.get("PROGRAMS_SECONDS", "40"))
PAUSE = float(os.environ.get("PROGRAMS_PAUSE", "1.5"))
PATIENCE_SECONDS = 120.0
COMMANDS = {
    "py": (sys.executable, str(FOLDER / "talker.py")),
    "js": (
        str(ROOT / ".ci" / "npx"), "node", "--experimental-websocket", "--no-warnings",
        str(FOLDER / "talker.mjs"),
    ),
}  # fmt: skip
ROLES = ("edge", "realtime", "users", "chats", "valkey", "cache", "postgres", "balancer")


class Event(NamedTuple):
    chat: str
    seq: int
    type: str
    text: str | None


class Life:
    """One process of a program, and its output."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._changed = asyncio.Event()
        self.events: list[Event] = []
        self.said: dict[str, Any] = {}  # the last value of each key, except events
        self.sent: dict[int, tuple[str, int]] = {}  # number -> its chat and seq
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue  # cut short by its death
            if "event" in said:
                self.events.append(Event(*said["event"]))
            elif "sent" in said:
                chat, seq, number = said["sent"]
                self.sent[number] = chat, seq
            else:
                self.said |= said
            self._changed.set()

    async def until(self, key: str) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while key not in self.said:
                assert self._process.returncode is None, f"it ended: {self._log.read_text()}"
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 1)
        return self.said[key]

    async def until_had(self, chat: str, seq: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(one.chat == chat and one.seq == seq for one in self.events[-200:]):
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 1)

    def do(self, what: str, **rest: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **rest}).encode() + b"\n")

    async def die(self) -> None:
        """kill -9, as a program dies without warning."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading


class Talker:
    """A program over all its lives."""

    def __init__(self, kind: str, system: Hubbub, folder: Path) -> None:
        self.kind = kind
        self.lives: list[Life] = []
        self._command = (*COMMANDS[kind], system.origin, str(folder / kind), kind)
        self._log = folder / f"{kind}.log"

    async def live(self) -> Life:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=log, limit=1 << 24,
                env={**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")},
            )  # fmt: skip
        self.lives.append(Life(process, self._log))
        return self.lives[-1]

    @property
    def next_number(self) -> int:
        return max((life.said.get("trying", -1) for life in self.lives), default=-1) + 1

    @property
    def sent(self) -> dict[int, tuple[str, int]]:
        return {number: place for life in self.lives for number, place in life.sent.items()}

    def breaches(self, chat: str, log: list[dict[str, Any]]) -> Iterator[str]:
        """Every way in which the events that it received of a chat differ from the log."""
        had = 0  # up to this seq in earlier lives
        for n, life in enumerate(self.lives):
            events = [one for one in life.events if one.chat == chat]
            # The event that it held when killed may come again: it was never acknowledged.
            if events and not had - 1 <= events[0].seq <= had + 1:
                yield f"{self.kind} had {had} and began life {n} with {events[0]}"
            for before, after in itertools.pairwise(events):
                if after.seq != before.seq + 1:
                    yield f"{self.kind} had {after} after {before}"
            for one in events:
                was = log[one.seq - 1]
                text = was.get("message")
                if one.type != was["type"] or (text and one.text != text):
                    yield f"{self.kind} had {one} instead of {was}"
            had = max([had, *(one.seq for one in events)])
        if had != len(log):
            yield f"{self.kind} had {had} of {len(log)} events"

    def lost(self, chat: str, log: list[dict[str, Any]], user: str) -> Iterator[str]:
        """Every answered message of the program that is not in the chat as it was answered."""
        said = [one for one in log if one["type"] == "message" and one["by"] == user]
        numbers = [int(one["message"].split()[1]) for one in said if one["message"]]
        if numbers != sorted(set(numbers)):
            yield f"{self.kind} said something twice or in another order: {numbers}"
        seqs = {one["seq"] for one in said}
        for number, (where, seq) in self.sent.items():
            if where == chat and seq not in seqs:
                yield f"{self.kind} {number} was answered as {seq} and is not there"


@contextlib.asynccontextmanager
async def talkers(system: Hubbub, folder: Path) -> AsyncIterator[list[Talker]]:
    both = [Talker(kind, system, folder) for kind in COMMANDS]
    try:
        yield both
    finally:
        for talker in both:
            await talker.lives[-1].die()


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 600)
async def test_programs_live_through_deaths(system: Hubbub, tmp_path: Path, seed: int) -> None:
    """kill -9 of anything, the programs included: each gets every event of its chats once and in
    order, every answered message is there once, and a chat shows what history says."""
    pace = random.Random(seed)
    deaths: Counter[str] = Counter()
    async with somebody(system) as ann, talkers(system, tmp_path) as both:
        users = [await (await talker.live()).until("user") for talker in both]
        chats = [(await ann.create_chat(f"talk {n}", *users)).id for n in range(2)]

        def talk(talker: Talker) -> None:
            number = talker.next_number
            talker.lives[-1].do("talk", chats=chats, **{"from": number}, pause=0.3)

        for talker in both:
            talk(talker)
        ends_at = time.monotonic() + SECONDS
        while time.monotonic() < ends_at:
            await asyncio.sleep(pace.uniform(0.2, 1.8) * PAUSE)
            victim = pace.choice((*ROLES, *COMMANDS))
            deaths[victim] += 1
            if victim in COMMANDS:
                talker = next(one for one in both if one.kind == victim)
                await talker.lives[-1].die()
                await (await talker.live()).until("user")
                talk(talker)
            else:
                if pace.random() < 0.5:
                    old = [await system.kill_one_that_lives(victim, pace.choice)]
                else:
                    old = system.kill(victim)
                await system.until_replaced(old, 60)
        for talker in both:
            talker.lives[-1].do("stop")
            await talker.lives[-1].until("stopped")
        breaches: list[str] = []
        for chat in chats:
            last = await ann.chat(chat).send("the end")
            log: list[dict[str, Any]] = []
            while len(log) < last.seq:
                path = f"/api/chat/{chat}/events?after={len(log)}&limit=200"
                log += (await ann.rest.call("GET", path))["events"]
            for talker, user in zip(both, users, strict=True):
                await talker.lives[-1].until_had(chat, last.seq)
                breaches += [*talker.breaches(chat, log), *talker.lost(chat, log, user)]
                talker.lives[-1].said.pop("shown", None)
                talker.lives[-1].do("show", chat=chat)
                await talker.lives[-1].until("shown")
                said = talker.lives[-1].said
                assert said["count"] > 0
                for shown, loaded in zip(said["messages"], said["loaded"], strict=True):
                    if shown != loaded:
                        breaches.append(f"{talker.kind} shows {shown} for {loaded}")
        print(f"{sum(len(one.sent) for one in both)} answered, killed: {dict(deaths)}")
    assert not breaches, f"seed {seed}: {len(breaches)} breaches\n" + "\n".join(breaches[:20])
