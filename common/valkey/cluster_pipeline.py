"""Commands to a Valkey cluster: each to the server that has its slot, one connection per server.

Guarantees what common/valkey/pipeline.py does, except for the order: only commands about one name
are in order.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import hiredis

from common.process.logs import log
from common.process.tasks import set_unless_done
from common.valkey.cluster import Cluster, Place, slot_of
from common.valkey.pipeline import NOT_REACHED, Answers, ValkeyPipeline

# In other commands it is the first argument.
_KEY_PLACES: Final = {"EVAL": 3, "EVALSHA": 3, "EVAL_RO": 3, "EVALSHA_RO": 3}
# A replica accepts these too, and forwards them to the others of its shard.
_FOR_ANY_MEMBER: Final = frozenset({"SPUBLISH"})
_FOR_ANY_SERVER: Final = frozenset({"PUBLISH", "PING"})
_MAX_KNOWN_SLOTS: Final = 10_000


class ClusterPipeline:
    """Learns the slots when first used, when told that they have moved, and when a server is gone.
    A command that was sent to the wrong server, or to none, is sent a second time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pipelines: dict[Place, ValkeyPipeline] = {}
        self._slots: dict[str, int] = {}  # of names, by what precedes their first colon
        self._learning: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def ask(self, commands: Sequence[tuple[Any, ...]]) -> asyncio.Future[Answers]:
        """As ValkeyPipeline.ask."""
        done: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        if not commands:
            done.set_result([])
        elif self._is_closed:
            done.set_result(None)
        elif not self._cluster.slots.places:
            self._begin(self._learn_and_send(commands, done))
        else:
            self._send(commands, done, may_repeat=True)
        return done

    def close(self) -> None:
        """Unanswered and later commands fail."""
        self._is_closed = True
        for task in list(self._tasks):
            task.cancel()
        for pipeline in self._pipelines.values():
            pipeline.close()

    def _begin(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _learn_and_send(
        self, commands: Sequence[tuple[Any, ...]], done: asyncio.Future[Answers]
    ) -> None:
        try:
            if await self._cluster.learn():
                self._send(commands, done, may_repeat=False)
            else:
                set_unless_done(done, None)
        except asyncio.CancelledError:
            set_unless_done(done, None)
            raise

    def _send(
        self,
        commands: Sequence[tuple[Any, ...]],
        done: asyncio.Future[Answers],
        *,
        may_repeat: bool,
    ) -> None:
        parts: dict[Place, list[int]] = {}
        for number, command in enumerate(commands):
            place = self._find(command)
            if place is None:
                self._learn_again()
                set_unless_done(done, None)
                return
            parts.setdefault(place, []).append(number)
        batch = _Batch(commands, done, len(parts), may_repeat)
        for place, numbers in parts.items():
            pipeline = self._pipelines.get(place)
            if pipeline is None:
                pipeline = ValkeyPipeline(self._cluster.url_of(place), keep_refusals=True)
                self._pipelines[place] = pipeline
            asked = pipeline.ask([commands[number] for number in numbers])
            asked.add_done_callback(partial(self._hear, batch, place, numbers))

    def _find(self, command: tuple[Any, ...]) -> Place | None:
        """The server to ask; None if none has the slot."""
        verb = command[0]
        if verb in _FOR_ANY_SERVER:
            members: Sequence[Place] = self._cluster.slots.places
        else:
            members = self._cluster.slots.members(self._slot_of(command[_KEY_PLACES.get(verb, 1)]))
            if verb not in _FOR_ANY_MEMBER:
                members = members[:1]
        if not members:
            return None
        return members[0] if len(members) == 1 else self._cluster.choose(members)[0]

    def _slot_of(self, name: str) -> int:
        """Partition tags come first in names, and there are few of them."""
        start = name.partition("}")[0] if "{" in name else name
        slot = self._slots.get(start)
        if slot is None:
            if len(self._slots) > _MAX_KNOWN_SLOTS:
                self._slots.clear()
            slot = self._slots[start] = slot_of(name)
        return slot

    def _hear(
        self,
        batch: "_Batch",
        place: Place,
        numbers: list[int],
        asked: asyncio.Future[Answers],
    ) -> None:
        answers = None if asked.cancelled() else asked.result()
        if answers is None or NOT_REACHED in answers:
            self._cluster.avoid(place)
            self._learn_again()
        if answers is None:
            batch.fail()
        else:
            for number, answer in zip(numbers, answers, strict=True):
                batch.answers[number] = answer
        batch.missing -= 1
        if batch.missing == 0:
            self._finish(batch)

    def _finish(self, batch: "_Batch") -> None:
        if batch.done.done():
            return
        refused = [
            number
            for number, answer in enumerate(batch.answers)
            if isinstance(answer, hiredis.ReplyError)
        ]
        if not refused:
            batch.done.set_result(batch.answers)
            return
        kinds = {str(batch.answers[number]).split(" ", 1)[0] for number in refused}
        if kinds <= {"MOVED", "ASK", "TRYAGAIN"} and batch.may_repeat and not self._is_closed:
            self._begin(self._repeat(batch, refused))
            return
        log("valkey refuses a command", level=logging.WARNING, error=sorted(kinds)[0])
        if "CLUSTERDOWN" in kinds:
            self._learn_again()
        batch.done.set_result(None)

    async def _repeat(self, batch: "_Batch", refused: list[int]) -> None:
        """A command that was sent to the wrong server was not executed there."""
        again: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        await self._learn_and_send([batch.commands[number] for number in refused], again)
        answers = await again
        if answers is None:
            set_unless_done(batch.done, None)
            return
        for number, answer in zip(refused, answers, strict=True):
            batch.answers[number] = answer
        set_unless_done(batch.done, batch.answers)

    def _learn_again(self) -> None:
        if self._learning is None and not self._is_closed:
            self._learning = asyncio.create_task(self._learn())
            self._tasks.add(self._learning)

    async def _learn(self) -> None:
        task = self._learning
        try:
            await self._cluster.learn()
        finally:
            self._learning = None
            if task is not None:
                self._tasks.discard(task)


class _Batch:
    """Commands whose answers come from several servers."""

    __slots__ = ("answers", "commands", "done", "may_repeat", "missing")

    def __init__(
        self,
        commands: Sequence[tuple[Any, ...]],
        done: asyncio.Future[Answers],
        missing: int,
        may_repeat: bool,
    ) -> None:
        self.commands = commands
        self.answers: list[Any] = [None] * len(commands)
        self.done = done
        self.missing = missing
        self.may_repeat = may_repeat

    def fail(self) -> None:
        set_unless_done(self.done, None)
