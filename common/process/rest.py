"""Whether a process is at rest, and how often it does its periodic work then.

A timer that wakes an otherwise idle process costs 100 µs. So when nobody has asked a process for
anything for a while, its periodic work is done less often, and all of it at the same time. The
first request ends every such pause.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

AFTER_SECONDS: Final = 30.0  # without a request
BEAT_SECONDS: Final = 2.0  # pauses at rest end together, at multiples of this
EARLY_SECONDS: Final = 0.1


class Rest:
    """`note` is called for what users ask for, never for what processes do by themselves, or no
    process would ever be at rest."""

    def __init__(
        self,
        after_seconds: float = AFTER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._after_seconds = after_seconds
        self._clock = clock
        self._was_noted = True
        self._noted_at = 0.0
        self._visitors = 0
        # Each process has its own beats: otherwise all of them would ask a service at the same
        # time.
        self._first_beat = clock()
        self._at_work: asyncio.Future[None] | None = None  # of the latest piece of work
        # Callbacks that end the pauses made at rest, oldest first.
        self._ends: dict[Callable[[], None], None] = {}

    def note(self) -> None:
        """A user has asked for something. Cheap, because it is called with every request."""
        self._was_noted = True
        if self._ends:
            ends, self._ends = self._ends, {}
            for end in ends:
                end()

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Counts as in use until the block ends, however long that takes."""
        self._visitors += 1
        self.note()
        try:
            yield
        finally:
            self._visitors -= 1
            self.note()

    def has_begun(self) -> bool:
        """Whether nobody has asked for anything for a while. Must be called a few times a minute:
        what was noted since the last call counts as noted now."""
        if self._was_noted or self._visitors:
            self._was_noted = False
            self._noted_at = self._clock()
        return self._clock() - self._noted_at >= self._after_seconds

    async def pause(self, seconds: float, at_rest: float = BEAT_SECONDS) -> None:
        """Sleeps for `seconds`; at rest for about `at_rest`, or until a request ends the rest."""
        if not self.has_begun():
            await asyncio.sleep(seconds)
            return
        over = asyncio.Event()
        await self._wait_at_rest(over, max(seconds, at_rest))

    async def wait(
        self, event: asyncio.Event, seconds: float, at_rest: float = BEAT_SECONDS
    ) -> None:
        """The same, or until the event is set. A request that ends the rest sets it too."""
        if self.has_begun():
            await self._wait_at_rest(event, max(seconds, at_rest))
            return
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    async def wait_for(self, done: "asyncio.Future[Any]", seconds: float) -> None:
        """The same as `pause`, or until the future is done."""
        if not self.has_begun():
            await asyncio.wait((done,), timeout=seconds)
            return
        over = asyncio.Event()

        def end(_: object) -> None:
            over.set()

        done.add_done_callback(end)
        try:
            await self._wait_at_rest(over, seconds)
        finally:
            done.remove_done_callback(end)

    @asynccontextmanager
    async def in_turn(self, patience: float = math.inf) -> AsyncIterator[None]:
        """For periodic work: at rest one piece runs after the other, so that all of them together
        need one database connection. When a rest ends nothing waits for a slow piece, and work that
        another process asks for waits only for its `patience`."""
        until = self._clock() + patience
        while self._at_work is not None and self.has_begun():
            if patience == math.inf:
                await self.wait_for(self._at_work, BEAT_SECONDS)
            elif (left := until - self._clock()) > 0:
                await asyncio.wait((self._at_work,), timeout=left)
            else:
                break
        work = self._at_work = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            if self._at_work is work:
                self._at_work = None
            work.cancel()

    async def _wait_at_rest(self, event: asyncio.Event, seconds: float) -> None:
        end = event.set
        self._ends[end] = None
        try:
            async with asyncio.timeout(self._until_beat(seconds)):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._ends.pop(end, None)

    def _until_beat(self, seconds: float) -> float:
        """Until the last multiple of the beat within so many seconds."""
        now = self._clock() - self._first_beat
        # Timers may fire a little early, and would fire twice then.
        beats = math.floor((now + max(seconds, BEAT_SECONDS) + EARLY_SECONDS) / BEAT_SECONDS)
        return beats * BEAT_SECONDS - now


NEVER: Final = Rest(after_seconds=math.inf)
"""For code that does not track requests: every pause lasts as long as it says."""
