"""One supervised process: started, watched, restarted whenever it ends, drained at the end.

A process that drains for long may leave its slot to its successor (`linger_seconds`).

Does not know what the process is; `Program` says how to start and probe it.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from common.process.logs import log
from fleet.data.state import ProcessState, State
from fleet.processes.children import Process, kill_with_descendants, run_nanoseconds, wait_for_exit

READY_POLL_SECONDS = 0.05
LIVE_POLL_SECONDS = 5.0  # all are probed together, which wakes this process only once
EARLY_SECONDS = 0.1  # a timer may fire a little before its time
SILENT_POLL_SECONDS = 1.0  # for one that has just failed to answer
START_TIMEOUT_SECONDS = 60.0
# Since the last answer, which may precede the silence by one poll. A process that is paused for 10
# s may recover.
HANG_TIMEOUT_SECONDS = 10.0 + LIVE_POLL_SECONDS
BUSY_TIMEOUT_SECONDS = 60.0  # for one that uses CPU: on a busy machine answers are late
LONGEST_ROUND_SECONDS = LIVE_POLL_SECONDS + 2.0  # a pause and a question
RELEASE_POLL_SECONDS = 0.2
LINGER_AFTER_SECONDS = 1.0  # once its ports are free: without transfers it ends within this
BACK_SECONDS = 10.0  # within which one that was ready is expected to be ready again
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 2.0


class Program(NamedTuple):
    """What runs in a slot; number, port and metrics port are the same for all its processes. One
    that is not ready after `start_seconds`, and does not even answer, hangs.

    A process with `linger_seconds` may drain for that long beside the slot's next one, once it has
    released the ports: `has_free_ports`. `hurry_signal` is sent too if everything ends.
    """

    role: str
    number: int
    port: int
    metrics: int | None
    start: Callable[[], Process]
    is_ready: Callable[[], Awaitable[bool]]
    is_live: Callable[[], Awaitable[bool]]
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals | None = None
    linger_seconds: float = 0.0
    has_free_ports: Callable[[], bool] = bool
    start_seconds: float = START_TIMEOUT_SECONDS

    @property
    def name(self) -> str:
        return f"{self.role}-{self.number}"


def _never_lingers(program: Program, process: Process, state: ProcessState) -> None:
    raise AssertionError(f"{program.name} has no time for it")


class Watcher(NamedTuple):
    """The callbacks of a supervised process. `lingers` is given one that still drains: it must see
    to its end."""

    started: Callable[[Program, Process], None]
    changed: Callable[[], Awaitable[None]]  # awaited before a drain's signal is sent
    ended: Callable[[Program, int, bool], None]  # exit code, whether it had been ready
    hung: Callable[[Program], None]
    lingers: Callable[[Program, Process, ProcessState], None] = _never_lingers


class _Silence:
    """For how long a process has not answered.

    Time in which this process itself stands still, as when the machine is paused, is not blamed on
    the other one: that counts as one round, however long.
    """

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        """It has answered."""
        self._seconds, self._counted_at = 0.0, time.monotonic()

    def count(self) -> float:
        """Its seconds, counted once a round."""
        before, self._counted_at = self._counted_at, time.monotonic()
        self._seconds += min(self._counted_at - before, LONGEST_ROUND_SECONDS)
        return self._seconds


class Supervised:
    """A slot and the process in it, if any. No failure here ends the supervision: it is logged, and
    the action is retried."""

    def __init__(self, program: Program, watcher: Watcher) -> None:
        self.program = program
        self.state: State = "starting"
        self._watcher = watcher
        self._process: Process | None = None
        self._started = 0.0
        self._ended = float("-inf")  # when the last process that had been ready ended
        self._ready = asyncio.Event()
        self._gone = asyncio.Event()  # of the current process
        self._released = asyncio.Event()  # the current process lingers
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._keep_running())

    def describe(self) -> ProcessState | None:
        """Its line in fleet.json, None while there is no process."""
        if self._process is None:
            return None
        return ProcessState(
            role=self.program.role,
            number=self.program.number,
            pid=self._process.pid,
            port=self.program.port,
            metrics=self.program.metrics,
            started=self._started,
            state=self.state,
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_ready(self) -> bool:
        return self._process is not None and self.state == "ready"

    @property
    def is_coming_back(self) -> bool:
        """Whether it served until just now and is restarting."""
        is_starting = self._process is None or self.state == "starting"
        was_ready = time.monotonic() - self._ended < BACK_SECONDS
        return is_starting and was_ready and not self._stopping.is_set()

    async def wait_until_ready(self) -> None:
        """Returns at once if it is ready."""
        await self._ready.wait()

    async def stop(self, within_seconds: float, *, everything: bool = False) -> None:
        """Ask the process to end and do not restart it; kill it if it takes too long, or let it
        linger unless `everything` ends."""
        self._stopping.set()
        if process := self._process:
            await self._drain(process, within_seconds, everything=everything)
        await self._task

    async def restart(self, within_seconds: float, ready_within_seconds: float) -> None:
        """Drain the process, start its successor, and return when that is ready.

        Raises TimeoutError if that is not ready in time; it keeps trying.
        """
        if process := self._process:
            self._ready.clear()
            await self._drain(process, within_seconds)
        await asyncio.wait_for(self.wait_until_ready(), ready_within_seconds)

    async def _drain(self, process: Process, seconds: float, *, everything: bool = False) -> None:
        """Returns when it has left the slot."""
        gone, released = self._gone, self._released
        self.state = "draining"
        await self._announce()
        process.send_signal(self.program.stop_signal)
        if everything and self.program.hurry_signal is not None:
            process.send_signal(self.program.hurry_signal)
        process.send_signal(signal.SIGCONT)  # a paused one would not receive it
        may_linger = self.program.linger_seconds > 0 and not everything
        end = time.monotonic() + seconds
        while may_linger and not gone.is_set() and time.monotonic() < end:
            if self.program.has_free_ports():
                await _wait_for(gone, LINGER_AFTER_SECONDS)
                released.set()
                await gone.wait()
            else:
                await _wait_for(gone, RELEASE_POLL_SECONDS)
        await _wait_for(gone, end - time.monotonic())
        if not gone.is_set():
            process.kill()
            await gone.wait()

    async def _keep_running(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            process = self._start()
            await self._announce()
            was_ready = process is not None and await self._attend(process)
            failures = 0 if was_ready else failures + 1
            if failures:  # no wait if it had been ready
                delay = FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 10)
                await _wait_for(self._stopping, min(delay, MAX_BACKOFF_SECONDS))
        await self._announce()

    def _start(self) -> Process | None:
        try:
            process = self._process = self.program.start()
        except Exception as error:
            # No memory, no descriptor, no disk space: may be temporary.
            self._note(f"cannot be started: {error!r}")
            self._tell(self._watcher.ended, getattr(error, "errno", None) or 1, False)
            return None
        self._gone, self._released = asyncio.Event(), asyncio.Event()
        self._started, self.state = time.time(), "starting"
        self._tell(self._watcher.started, process)
        return process

    async def _attend(self, process: Process) -> bool:
        """Waits until the process has ended, or lingers; returns whether it had been ready."""
        watch = asyncio.create_task(self._watch(process))
        ending = asyncio.create_task(wait_for_exit(process))
        released = asyncio.create_task(self._released.wait())
        try:
            await asyncio.wait((ending, released), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            released.cancel()
            ending.cancel()
        was_ready = self.state != "starting"
        if was_ready:
            self._ended = time.monotonic()
        self._ready.clear()
        line, self._process = self.describe(), None
        self._gone.set()
        if ending.done():
            self._tell(self._watcher.ended, ending.result(), was_ready)
        else:
            self._tell(self._watcher.lingers, process, line)
        return was_ready

    async def _watch(self, process: Process) -> None:
        """Detect readiness, then silence; kill a process that hangs."""
        silence = _Silence()
        had_run = 0
        while self.state != "draining":
            is_starting = self.state == "starting"
            had_run, before = run_nanoseconds(process.pid), had_run
            if is_starting:
                patience = self.program.start_seconds
            else:
                patience = BUSY_TIMEOUT_SECONDS if had_run > before else HANG_TIMEOUT_SECONDS
            pause = READY_POLL_SECONDS if is_starting else SILENT_POLL_SECONDS
            try:
                if is_starting and await self.program.is_ready() and self.state == "starting":
                    self.state = "ready"
                    self._ready.set()
                    await self._announce()
                    silence.end()
                elif not is_starting and await self.program.is_live():
                    silence.end()
                    pause = _until_live_poll(time.monotonic())
                elif silence.count() > patience:
                    if not is_starting or not await self.program.is_live():
                        self._tell(self._watcher.hung)
                        return kill_with_descendants(process.pid)
                    silence.end()  # it is alive and waits for something
            except Exception as error:
                self._note(f"cannot be asked: {error!r}")
            await asyncio.sleep(pause)

    async def _announce(self) -> None:
        try:
            await self._watcher.changed()
        except Exception as error:
            self._note(f"its state cannot be told: {error!r}")

    def _tell(self, hear: Callable[..., None], *what: object) -> None:
        try:
            hear(self.program, *what)
        except Exception as error:
            self._note(f"an event cannot be told: {error!r}")

    def _note(self, event: str) -> None:
        log(event, level=logging.ERROR, process=self.program.name)


def _until_live_poll(now: float) -> float:
    """The seconds to the next multiple of LIVE_POLL_SECONDS."""
    soonest = now + EARLY_SECONDS
    return LIVE_POLL_SECONDS - soonest % LIVE_POLL_SECONDS + EARLY_SECONDS


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    """Until it is set, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
