"""Token buckets that all processes share in Valkey, each with its own copy to fall back on.

A process decides by itself while it knows a bucket: it has just received Valkey's count of it, and
few of its own takes are not in that count. It reports these to Valkey a little later, all of a
bucket at once, and each bucket at a time of its own. From a bucket whose count is older and that
has filled up since, it gives out one token. Everything else is asked of Valkey, because another
process may have emptied the bucket. While Valkey does not answer, each process counts alone, and
later reports how empty its bucket is.
"""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from common.process.logs import log
from common.valkey.due import Due
from common.valkey.rates import Rate, Verdict, judge
from common.valkey.valkey import Answered, Script, Valkey

ANSWER_SECONDS: Final = 0.05
LEAVE_ALONE_SECONDS: Final = 1.0  # after it failed
KNOWN_SECONDS: Final = 1.0  # after Valkey's count of a bucket was received
REMEMBERED_SECONDS: Final = 600.0  # in a conversation users send that often
MAX_REMEMBERED: Final = 5_000  # of full buckets
MAX_BUCKETS: Final = 100_000  # in all
MAX_UNCOUNTED_SHARE: Final = 0.1  # of a burst: what a process may give out beyond a known bucket
TELL_SECONDS: Final = 0.2  # after a take that was given out; `ask` reports it at once
# For a bucket that is known: after Valkey's count was received. Spread, because the buckets of a
# crowd that are reported together occupy Valkey for some milliseconds.
TELL_KNOWN_SECONDS: Final = (0.5, 0.8)
MAX_BATCH: Final = 500
MAX_UNTOLD: Final = 10_000  # with those that were asked for before they were due

# The same rule as common.valkey.rates.judge, by Valkey's clock, in microseconds; the bucket is no
# fuller than the caller's. Returns whether the cost was taken, and in how many microseconds the
# bucket is full. That is limited to the time for two bursts: a bucket can only be emptier if the
# clock was set back.
SCRIPT: Final = Script("""
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local cost, given = tonumber(ARGV[3]), ARGV[4] == '1'
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now + tonumber(ARGV[5]))
full = math.min(full, now + 2 * burst * each)
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


class _Bucket:
    """What this process knows of a bucket, and which of its takes Valkey has not confirmed."""

    __slots__ = (
        "asked", "full_at", "given", "heard_at", "is_counted_alone", "kind", "untold", "whom",
    )  # fmt: skip

    def __init__(self, kind: str, whom: str) -> None:
        self.kind, self.whom = kind, whom
        self.full_at = float("-inf")
        self.heard_at = float("-inf")  # Valkey's count
        self.is_counted_alone = False  # since the last answer from Valkey about it
        self.asked = 0  # takes that wait for Valkey
        self.given = 0  # takes that were given out already
        self.untold: _Take | None = None  # the given out ones that are not reported yet

    def take(self, rate: Rate, now: float) -> Verdict:
        """One token, if there is one."""
        verdict, self.full_at = judge(rate, self.full_at, now)
        return verdict

    def is_known(self, rate: Rate, now: float) -> bool:
        """Whether Valkey's count of it is recent enough to decide by."""
        if self.is_counted_alone:
            return False
        age = now - self.heard_at
        if age < KNOWN_SECONDS:
            return self.given < max(1, rate.burst * MAX_UNCOUNTED_SHARE)
        # One token beyond it, until it has filled up again, wherever else it was emptied.
        return age < REMEMBERED_SECONDS and not self.given and self.full_at <= now

    def may_be_forgotten(self, now: float) -> bool:
        """Whether a new bucket would behave the same."""
        return self.full_at <= now and not self.asked and not self.given


class _Take:
    """Tokens that were given out or back already, which Valkey only counts, in `given` takes; or
    one that `done` waits for."""

    __slots__ = ("bucket", "cost", "done", "given", "rate")

    def __init__(
        self, bucket: _Bucket, rate: Rate, cost: int, given: int, done: Done | None = None
    ) -> None:
        self.bucket, self.rate, self.cost = bucket, rate, cost
        self.given, self.done = given, done


class SharedBuckets:
    """Requests that arrive during one round trip share the next one."""

    def __init__(self, valkey: Valkey, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._valkey = valkey
        self._topics = valkey.topics
        self._clock = clock
        # By kind and whom; the ones with the latest answers from Valkey are at the end.
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._untold = Due[_Take](self._tell)
        self._waiting: list[_Take] = []
        self._teller: asyncio.Task[None] | None = None
        self._left_alone_until = float("-inf")

    async def take(self, kind: str, whom: str, rate: Rate) -> Verdict:
        """One token, by Valkey's count; by this process's own if Valkey does not answer."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        def done(verdict: Verdict) -> None:
            if not answer.done():  # the caller went away
                answer.set_result(verdict)

        self.ask(kind, whom, rate, done)
        return await answer

    def take_at_once(self, kind: str, whom: str, rate: Rate) -> Verdict | None:
        """One token, by this process's count; None if that may be wrong, and `ask` or `take` has to
        be called. So the takes of one bucket keep their order."""
        now = self._clock()
        is_alone = now < self._left_alone_until
        bucket = self._buckets.get((kind, whom))
        if bucket is None:
            if not is_alone:
                return None
            bucket = self._make(kind, whom, now)
        if bucket.asked or not (is_alone or bucket.is_known(rate, now)):
            return None
        verdict = bucket.take(rate, now)
        if verdict.allowed:
            self._tell_later(bucket, rate, 1, now)
        return verdict

    def ask(self, kind: str, whom: str, rate: Rate, done: Done) -> None:
        """The same as `take`, for a caller that does not wait; `done` is called once, within
        `ANSWER_SECONDS` even if Valkey does not answer, in the order of the calls for one bucket.
        """
        now = self._clock()
        bucket = self._buckets.get((kind, whom)) or self._make(kind, whom, now)
        take = _Take(bucket, rate, 1, 0, done)
        is_full = len(self._waiting) >= MAX_UNTOLD and not bucket.asked
        if is_full or now < self._left_alone_until:
            self._decide_alone(take, now)
            return
        self._ask(take)

    def give_back(self, kind: str, whom: str, rate: Rate) -> None:
        """Gives back the token that was taken last."""
        now = self._clock()
        bucket = self._buckets.get((kind, whom)) or self._make(kind, whom, now)
        bucket.full_at -= 1 / rate.per_second
        if not bucket.is_counted_alone:
            self._tell_later(bucket, rate, -1, now)

    async def give_back_everywhere(self, kind: str, whom: str, rate: Rate) -> None:
        """The same; if Valkey answers, all processes know of it when this returns."""
        now = self._clock()
        bucket = self._buckets.get((kind, whom)) or self._make(kind, whom, now)
        bucket.full_at -= 1 / rate.per_second
        if bucket.is_counted_alone or now < self._left_alone_until:
            return
        answered = asyncio.get_running_loop().create_future()

        def done(_: Verdict) -> None:
            if not answered.done():
                answered.set_result(None)

        self._ask(_Take(bucket, rate, -1, 1, done))
        await answered

    def _make(self, kind: str, whom: str, now: float) -> _Bucket:
        """A new bucket; the oldest droppable ones make room for it."""
        while self._buckets:
            oldest = next(iter(self._buckets.values()))
            if oldest.may_be_forgotten(now):
                is_remembered = now - oldest.heard_at < REMEMBERED_SECONDS
                keeps = is_remembered and len(self._buckets) < MAX_REMEMBERED
            else:
                keeps = len(self._buckets) < MAX_BUCKETS
            if keeps:
                break
            self._buckets.popitem(last=False)
        bucket = self._buckets[kind, whom] = _Bucket(kind, whom)
        return bucket

    def _ask(self, take: _Take) -> None:
        """After what the bucket has given out, so that Valkey counts all of it in order."""
        if (untold := take.bucket.untold) is not None:
            self._tell([untold])
        self._waiting.append(take)
        take.bucket.asked += 1
        self._start_telling()

    def _tell_later(self, bucket: _Bucket, rate: Rate, cost: int, now: float) -> None:
        if (untold := bucket.untold) is not None:
            untold.rate = rate
            untold.cost += cost
            untold.given += 1
        elif len(self._untold) < MAX_UNTOLD and now >= self._left_alone_until:
            untold = bucket.untold = _Take(bucket, rate, cost, 1)
            self._untold.add(untold, _seconds_until_told(now - bucket.heard_at))
        else:
            bucket.is_counted_alone = True
            return
        bucket.given += 1
        if bucket.given >= rate.burst * MAX_UNCOUNTED_SHARE / 2:
            self._tell([untold])  # before a take has to wait for Valkey

    def _tell(self, due: list[_Take]) -> None:
        """Reports those that were not reported before they were due."""
        for take in due:
            if take.bucket.untold is take:
                take.bucket.untold = None
                self._waiting.append(take)
        if self._waiting:
            self._start_telling()

    def _start_telling(self) -> None:
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            results: list[Any] | None = None
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        results = await self._ask_valkey(batch)
            finally:  # also when cancelled: no caller is left waiting
                if results is None:
                    self._tell(self._untold.drain())
                    batch += self._waiting
                    self._waiting = []
                    self._left_alone_until = self._clock() + LEAVE_ALONE_SECONDS
                self._hear(batch, results)
            if results is None:
                log("limits are local for now")

    def _ask_valkey(self, batch: list[_Take]) -> Answered:
        now = self._clock()
        return self._valkey.run(
            SCRIPT,
            [
                (
                    self._topics.bucket(take.bucket.kind, take.bucket.whom),
                    f"{1e6 / take.rate.per_second:.3f}", take.rate.burst,
                    take.cost, int(take.given > 0), _alone_full_in(take.bucket, now),
                )
                for take in batch
            ],
        )  # fmt: skip

    def _hear(self, batch: list[_Take], results: list[Any] | None) -> None:
        """The answers to a batch; None if there are none."""
        now = self._clock()
        for index, take in enumerate(batch):
            bucket = take.bucket
            if take.done:
                bucket.asked -= 1
            else:
                bucket.given -= take.given
            if results is None:
                self._decide_alone(take, now)
                continue
            taken, full_in = results[index]
            bucket.full_at = now + full_in / 1e6
            bucket.is_counted_alone = False
            bucket.heard_at = now
            key = bucket.kind, bucket.whom
            if self._buckets.get(key) is bucket:
                self._buckets.move_to_end(key)
            if take.done:
                _call(take.done, Verdict(bool(taken), take.rate, full_in / 1e6))

    def _decide_alone(self, take: _Take, now: float) -> None:
        take.bucket.is_counted_alone = True
        if take.given and take.done:
            _call(take.done, Verdict(True, take.rate, 0.0))
        elif take.done:
            _call(take.done, take.bucket.take(take.rate, now))


def _alone_full_in(bucket: _Bucket, now: float) -> int:
    """In microseconds; 0 if Valkey knows of all takes."""
    return round(max(0.0, bucket.full_at - now) * 1e6) if bucket.is_counted_alone else 0


def _seconds_until_told(age: float) -> float:
    """Seconds until a take is reported, of a bucket whose count was received so long ago: before
    that count is too old to decide by."""
    if age >= KNOWN_SECONDS:
        return TELL_SECONDS
    due = random.uniform(*TELL_KNOWN_SECONDS)  # noqa: S311 - spreads load
    return max(0.0, due - age)


def _call(done: Done, verdict: Verdict) -> None:
    try:
        done(verdict)
    except Exception:  # one caller's failure must not leave the others without a verdict
        log("a verdict was not taken", level=logging.ERROR, exception=True)
