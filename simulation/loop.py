"""The event loop of all simulated processes: one thread, virtual time, the seed's schedule.

Callbacks run in the order in which they were scheduled, as on every real loop, because programs may
rely on that. The seed decides how long a task that could continue waits before it does.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Final

from simulation.clock import Clock
from simulation.processes import OWNER, State

STEP_SECONDS: Final = 4e-6  # time that one callback takes, so that time always advances
MAX_SUSPENSION_SECONDS: Final = 0.05

Waker = Callable[..., object]


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address in memory."""

    def __init__(self, coro: Coroutine[Any, Any, Any], number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number


class Loop(asyncio.AbstractEventLoop):
    """`suspension` is the share of task steps that are delayed."""

    def __init__(self, clock: Clock, seed: str) -> None:
        self.clock = clock
        self.suspension = 0.0
        self.network: Any = None  # simulation.network.Network, which needs the loop itself
        self.errors: list[str] = []
        self.steps = 0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self._is_halted = False
        self._random = random.Random(f"{seed} schedule")
        self._tasks: list[_Task] = []  # referenced, so that none is collected early

    # ---- running

    def run(self, deadline: float) -> None:
        """Until the clock reaches the deadline, or `halt`."""
        asyncio.events._set_running_loop(self)
        try:
            self._run(deadline)
        finally:
            asyncio.events._set_running_loop(None)

    def halt(self) -> None:
        """Nothing more runs after the current callback."""
        self._is_halted = True

    def _run(self, deadline: float) -> None:
        clock, ready, timers = self.clock, self._ready, self._timers
        while not self._is_halted:
            while timers and timers[0][0] <= clock.now:
                ready.append(heapq.heappop(timers)[2])
            if not ready:
                if not timers or timers[0][0] > deadline:
                    clock.now = max(clock.now, deadline)
                    return
                clock.now = timers[0][0]
                continue
            if clock.now > deadline:
                return
            handle: Any = ready.popleft()
            if handle._cancelled or not self._may_run(handle):
                continue
            clock.now += STEP_SECONDS
            self.steps += 1
            handle._run()

    def _may_run(self, handle: Any) -> bool:
        """Whether it runs now; otherwise it is kept for later."""
        process = handle._context.get(OWNER)
        if process is None:
            self.clock.skew = 0.0
            return True
        if process.state is not State.RUNNING:
            process.keep(handle)
            return False
        self.clock.skew = process.skew
        if self.suspension and self._is_task(handle) and self._draws_late():
            self._postpone(handle)
            return False
        return True

    def _draws_late(self) -> bool:
        return self._random.random() < self.suspension

    @staticmethod
    def _is_task(handle: Any) -> bool:
        return isinstance(getattr(handle._callback, "__self__", None), _Task)

    def _postpone(self, handle: Any) -> None:
        when = self.clock.now + self._random.random() ** 3 * MAX_SUSPENSION_SECONDS
        self._push(asyncio.TimerHandle(when, handle._callback, handle._args, self, handle._context))

    def put_back(self, handles: list[asyncio.Handle]) -> None:
        """Reschedules the callbacks of a process that continues."""
        self._ready.extend(handles)

    def close(self) -> None:
        """Drops everything that has not ended."""
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._ready.clear()
        self._timers.clear()
        self._tasks.clear()

    # ---- what asyncio requires of a loop

    def time(self) -> float:
        return self.clock.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Waker, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Waker, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.clock.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Waker, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._push(handle)
        return handle

    def _push(self, handle: asyncio.TimerHandle) -> None:
        self._number += 1
        handle._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._timers, (handle._when, self._number, handle))  # type: ignore[attr-defined]

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass  # it is dropped when its time comes

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[Any]":
        self._number += 1
        task = _Task(coro, self._number, loop=self, name=name or "task", context=context)
        self._tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, function: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        done = self.create_future()
        try:
            done.set_result(function(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def add_signal_handler(  # type: ignore[override]
        self, number: int, callback: Waker, *args: Any
    ) -> None:
        process = OWNER.get()
        assert process is not None
        process.signal_handlers[number] = (callback, args)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.fail(f"{context.get('message')}: {error!r}")

    def fail(self, error: str) -> None:
        """Something that must never happen: ends the run."""
        self.errors.append(error)
        self.halt()

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], host: str, port: int, **_: Any
    ) -> tuple[Any, Any]:
        process = OWNER.get()
        return await self.network.connect(process, protocol_factory, host, port)  # type: ignore[no-any-return]

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], *, sock: Any, **_: Any
    ) -> Any:
        return self.network.listen(OWNER.get(), protocol_factory, sock)
