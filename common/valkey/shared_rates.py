"""Token buckets that all processes share in Valkey, each with its own to fall back on.

A mirror of what Valkey said last decides where nobody may wait, and where Valkey is gone. The
buckets of the two agree as soon as a batch of takes is told; what was given out meanwhile is owed.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from common.process.logs import log
from common.valkey.pipeline import ValkeyPipeline
from common.valkey.rates import Buckets, Rate, Verdict, describe
from common.valkey.topics import Topics

ANSWER_SECONDS: Final = 0.05
LEAVE_ALONE_SECONDS: Final = 1.0  # after it failed
MAX_BATCH: Final = 500
MAX_UNTOLD: Final = 10_000

# The same rule as common.valkey.rates.judge, by Valkey's clock, in microseconds. Answers whether
# the cost was taken, and in how many microseconds the bucket is full.
SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local cost, owed = tonumber(ARGV[3]), ARGV[4] == '1'
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local after = math.max(full + cost * each, now)
local taken = owed or after - now <= burst * each + 1
if not taken then after = full end
if after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
return {taken and 1 or 0, math.ceil(after - now)}
"""
SCRIPT_SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class _Wish(NamedTuple):
    key: str
    rate: Rate
    cost: int
    owed: bool  # it was given out already: Valkey has no say
    answer: "asyncio.Future[Verdict | None] | None"


class SharedBuckets:
    """What piles up while one round trip runs is the next one."""

    def __init__(
        self,
        line: ValkeyPipeline,
        topics: Topics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._topics = topics
        self._mirror = Buckets()
        self._clock = clock
        self._wishes: list[_Wish] = []
        self._teller: asyncio.Task[None] | None = None
        self._left_alone_until = float("-inf")

    async def take(self, kind: str, whom: str, rate: Rate) -> Verdict:
        """One token, by Valkey's count; by this process's own where Valkey does not answer."""
        answer: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        key = self._topics.bucket(kind, whom)
        self._tell(_Wish(key, rate, 1, False, answer))
        return await answer or self._mirror.take(key, rate, self._clock())

    def take_at_once(self, kind: str, whom: str, rate: Rate) -> Verdict:
        """One token by this process's count, which Valkey's corrects within a round trip."""
        key = self._topics.bucket(kind, whom)
        verdict = self._mirror.take(key, rate, self._clock())
        if verdict.allowed:
            self._tell(_Wish(key, rate, 1, True, None))
        return verdict

    def give_back(self, kind: str, whom: str, rate: Rate) -> None:
        """The token that was taken last did not have to be."""
        key = self._topics.bucket(kind, whom)
        self._mirror.give_back(key, rate, self._clock())
        self._tell(_Wish(key, rate, -1, True, None))

    def _tell(self, wish: _Wish) -> None:
        if len(self._wishes) >= MAX_UNTOLD or self._clock() < self._left_alone_until:
            if wish.answer:
                wish.answer.set_result(None)
            return
        self._wishes.append(wish)
        if wish.answer:
            self._start_telling()
        elif self._teller is None or self._teller.done():
            # Behind what this turn of the loop is about: alone it costs a send 0.2 ms.
            asyncio.get_running_loop().call_soon(self._start_telling)

    def _start_telling(self) -> None:
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._wishes:
            batch, self._wishes = self._wishes[:MAX_BATCH], self._wishes[MAX_BATCH:]
            results: list[Any] | None = None
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        results = await self._ask(batch)
            finally:  # also when cancelled: nobody is left waiting
                self._hear(batch, results or [])
            if results is None:
                log("limits are local for now")
                self._left_alone_until = self._clock() + LEAVE_ALONE_SECONDS

    def _ask(self, batch: list[_Wish]) -> asyncio.Future[list[Any] | None]:
        # The first brings the script along, so that the others may name it.
        run = ("EVAL", SCRIPT)
        commands = []
        for key, rate, cost, owed, _ in batch:
            commands.append(
                (*run, 1, key, f"{1e6 / rate.per_second:.3f}", rate.burst, cost, int(owed))
            )
            run = ("EVALSHA", SCRIPT_SHA)
        return self._line.ask(commands)

    def _hear(self, batch: list[_Wish], results: list[Any]) -> None:
        now = self._clock()
        for index, wish in enumerate(batch):
            verdict = None
            if index < len(results):
                taken, full_in = results[index]
                self._mirror.set_full_at(wish.key, now + full_in / 1e6, now)
                verdict = describe(wish.rate, full_in / 1e6, bool(taken))
            if wish.answer and not wish.answer.done():
                wish.answer.set_result(verdict)
