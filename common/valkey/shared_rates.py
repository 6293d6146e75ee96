"""Token buckets that all processes share in Valkey, each with its own to fall back on.

A process decides by itself while it knows a bucket: it has just heard Valkey's count of it, and
few of its own takes are not in that count. It tells Valkey of these a little later, all of a bucket
at once. Of a bucket that it heard of longer ago and that has filled up since, it gives out one
token. Everything else is asked of Valkey, for another process may have emptied the bucket. Where
Valkey does not answer, each process counts alone, and tells it later how empty its bucket is.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from common.process.logs import log
from common.valkey.rates import Buckets, Rate, Verdict, describe
from common.valkey.valkey import Script, Taken, Valkey

ANSWER_SECONDS: Final = 0.05
LEAVE_ALONE_SECONDS: Final = 1.0  # after it failed
KNOWN_SECONDS: Final = 1.0  # after Valkey's count of a bucket was heard
REMEMBERED_SECONDS: Final = 600.0  # in a conversation somebody sends that often
MAX_REMEMBERED: Final = 5_000
MAX_UNCOUNTED_SHARE: Final = 0.1  # of a burst: what a process may give out beyond a known bucket
TELL_SECONDS: Final = 0.2  # after a take that was given out; an ask tells of it at once
MAX_BATCH: Final = 500
MAX_UNTOLD: Final = 10_000

# The same rule as common.valkey.rates.judge, by Valkey's clock, in microseconds; the bucket is no
# fuller than that of the caller. Answers whether the cost was taken, and in how many microseconds
# the bucket is full.
SCRIPT: Final = Script("""
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local cost, given = tonumber(ARGV[3]), ARGV[4] == '1'
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now + tonumber(ARGV[5]))
local after = math.max(full + cost * each, now)
local taken = given or after - now <= burst * each + 1
if not taken then after = full end
if after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
else
  redis.call('DEL', KEYS[1])
end
return {taken and 1 or 0, math.ceil(after - now)}
""")


Done = Callable[[Verdict], None]


class _Take(NamedTuple):
    """Tokens that were given out already, which Valkey only counts, in so many takes; or one that
    `done` waits for."""

    key: str
    rate: Rate
    cost: int
    given: int
    done: Done | None


class SharedBuckets:
    """What piles up while one round trip runs is the next one."""

    def __init__(self, valkey: Valkey, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._valkey = valkey
        self._topics = valkey.topics
        self._clock = clock
        self._mirror = Buckets()
        self._heard_at: OrderedDict[str, float] = OrderedDict()
        # Takes of a bucket that Valkey has not answered: given out already, and waiting for it.
        self._given: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._untold: dict[str, _Take] = {}  # of those given out
        self._counted_alone: set[str] = set()  # since Valkey was last heard of them
        self._waiting: list[_Take] = []
        self._teller: asyncio.Task[None] | None = None
        self._tells_soon = False
        self._left_alone_until = float("-inf")

    async def take(self, kind: str, whom: str, rate: Rate) -> Verdict:
        """One token, by Valkey's count; by this process's own where Valkey does not answer."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        def done(verdict: Verdict) -> None:
            if not answer.done():  # the asker went away
                answer.set_result(verdict)

        self.ask(kind, whom, rate, done)
        return await answer

    def take_at_once(self, kind: str, whom: str, rate: Rate) -> Verdict | None:
        """One token, by this process's count; None where that is not known to be right, and `ask`
        or `take` has to be called. So the takes of one bucket keep their order."""
        key = self._topics.bucket(kind, whom)
        now = self._clock()
        if not self._knows(key, rate, now):
            return None
        verdict = self._mirror.take(key, rate, now)
        if verdict.allowed:
            self._tell_soon(key, rate, 1)
        return verdict

    def ask(self, kind: str, whom: str, rate: Rate, done: Done) -> None:
        """The same as `take`, for a caller that does not wait; `done` is called once, at the latest
        when Valkey has not answered for `ANSWER_SECONDS`, in the order of the calls for one
        bucket."""
        self._ask(_Take(self._topics.bucket(kind, whom), rate, 1, 0, done))

    def give_back(self, kind: str, whom: str, rate: Rate) -> None:
        """The token that was taken last did not have to be."""
        key = self._topics.bucket(kind, whom)
        self._mirror.give_back(key, rate, self._clock())
        if key not in self._counted_alone:
            self._tell_soon(key, rate, -1)

    def _knows(self, key: str, rate: Rate, now: float) -> bool:
        if key in self._asked:
            return False
        if now < self._left_alone_until:
            return True
        if key in self._counted_alone:
            return False
        heard_at = self._heard_at.get(key)
        if heard_at is None or now - heard_at >= REMEMBERED_SECONDS:
            return False
        given = self._given.get(key, 0)
        if now - heard_at < KNOWN_SECONDS:
            return given < max(1, rate.burst * MAX_UNCOUNTED_SHARE)
        # One too much, until it has filled up once more, wherever else it was emptied.
        return not given and not self._mirror.full_in(key, now)

    def _ask(self, take: _Take) -> None:
        is_full = len(self._waiting) >= MAX_UNTOLD and take.key not in self._asked
        if is_full or self._clock() < self._left_alone_until:
            self._decide_alone(take)
            return
        self._waiting.append(take)
        self._asked[take.key] = self._asked.get(take.key, 0) + 1
        self._start_telling()

    def _tell_soon(self, key: str, rate: Rate, cost: int) -> None:
        untold = self._untold.get(key)
        if untold is not None:
            self._untold[key] = _Take(key, rate, untold.cost + cost, untold.given + 1, None)
        elif len(self._untold) < MAX_UNTOLD and self._clock() >= self._left_alone_until:
            self._untold[key] = _Take(key, rate, cost, 1, None)
        else:
            self._note_alone(key)
            return
        self._given[key] = self._given.get(key, 0) + 1
        if not self._tells_soon:
            self._tells_soon = True
            asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._tells_soon = False
        if self._untold:
            self._start_telling()

    def _start_telling(self) -> None:
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._waiting or (self._untold and not self._tells_soon):
            batch = self._take_batch()
            results: list[Any] | None = None
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        results = await self._ask_valkey(batch)
            finally:  # also when cancelled: no caller is left waiting
                if results is None:
                    batch += [*self._untold.values(), *self._waiting]
                    self._untold, self._waiting = {}, []
                    self._left_alone_until = self._clock() + LEAVE_ALONE_SECONDS
                self._hear(batch, results)
            if results is None:
                log("limits are local for now")

    def _take_batch(self) -> list[_Take]:
        """What was given out of a bucket goes before what asks for more of it."""
        self._waiting[:0] = self._untold.values()
        self._untold = {}
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        return batch

    def _ask_valkey(self, batch: list[_Take]) -> Taken:
        now = self._clock()
        return self._valkey.run(
            SCRIPT,
            [
                (
                    key, f"{1e6 / rate.per_second:.3f}", rate.burst, cost, int(given > 0),
                    self._alone_full_in(key, now),
                )
                for key, rate, cost, given, _ in batch
            ],
        )  # fmt: skip

    def _alone_full_in(self, key: str, now: float) -> int:
        """In microseconds; 0 where Valkey knows of all takes."""
        return round(self._mirror.full_in(key, now) * 1e6) if key in self._counted_alone else 0

    def _hear(self, batch: list[_Take], results: list[Any] | None) -> None:
        """The answers to a batch; None where there are none."""
        now = self._clock()
        while self._heard_at and (
            len(self._heard_at) > MAX_REMEMBERED
            or now - next(iter(self._heard_at.values())) >= REMEMBERED_SECONDS
        ):
            self._heard_at.popitem(last=False)
        for index, take in enumerate(batch):
            open_takes = self._asked if take.done else self._given
            left = open_takes.pop(take.key) - (take.given or 1)
            if left:
                open_takes[take.key] = left
            if results is None:
                self._decide_alone(take)
                continue
            taken, full_in = results[index]
            self._mirror.set_full_at(take.key, now + full_in / 1e6, now)
            self._counted_alone.discard(take.key)
            self._heard_at[take.key] = now
            self._heard_at.move_to_end(take.key)
            if take.done:
                _call(take.done, describe(take.rate, full_in / 1e6, bool(taken)))

    def _note_alone(self, key: str) -> None:
        if len(self._counted_alone) < MAX_UNTOLD:
            self._counted_alone.add(key)

    def _decide_alone(self, take: _Take) -> None:
        self._note_alone(take.key)
        if take.done:
            _call(take.done, self._mirror.take(take.key, take.rate, self._clock()))


def _call(done: Done, verdict: Verdict) -> None:
    try:
        done(verdict)
    except Exception:  # one asker's trouble must not leave the others without a verdict
        log("a verdict was not taken", level=logging.ERROR, exception=True)
