"""A simulated process: what belongs to it, and how it is stopped, killed and terminated."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from enum import Enum, auto
from typing import Any, Final

OWNER: Final[ContextVar["Process | None"]] = ContextVar("owner", default=None)
"""The process whose callback runs. Tasks, timers and transports inherit it with their context."""


class State(Enum):
    RUNNING = auto()
    STOPPED = auto()  # as by SIGSTOP: callbacks that become due wait
    DEAD = auto()


class Process:
    """One life of a process. `host` is its name on the network, the same in all its lives."""

    def __init__(self, loop: Any, host: str) -> None:
        self.loop = loop
        self.host = host
        self.state = State.RUNNING
        self.running_since: float = loop.time()
        self.skew = 0.0
        self.node: Any = None  # realtime.node.Node, if it is one that has started
        self.gate: Any = None  # common.identity.gate.Gate, if it is an edge that has started
        self.answers_short = False  # a release that leaves the last item out of its batches
        self.transports: dict[Any, None] = {}
        self.listeners: list[Any] = []
        self.signal_handlers: dict[int, tuple[Callable[..., object], tuple[Any, ...]]] = {}
        self.main: asyncio.Task[Any] | None = None
        self.on_death: list[Callable[[], None]] = []
        self._kept: list[asyncio.Handle] = []
        self.context = copy_context()
        self.context.run(OWNER.set, self)

    @property
    def is_alive(self) -> bool:
        return self.state is not State.DEAD

    def start(self, main: Coroutine[Any, Any, Any]) -> None:
        """Starts its main task; when that ends, the process ends."""
        self.main = self.loop.create_task(main, name=self.host, context=self.context)
        self.main.add_done_callback(self._ended)

    def _ended(self, main: asyncio.Task[Any]) -> None:
        if not main.cancelled() and (error := main.exception()) is not None:
            self.loop.fail(f"{self.host} ended: {error!r}")
        self.kill()

    def keep(self, handle: asyncio.Handle) -> None:
        """Keeps callbacks that become due while it does not run. Those of a dead process are kept
        only to prevent their collection, which would run code that a dead process cannot run."""
        self._kept.append(handle)

    def stop(self) -> None:
        """SIGSTOP."""
        if self.state is State.RUNNING:
            self.state = State.STOPPED

    def go_on(self) -> None:
        """SIGCONT."""
        if self.state is State.STOPPED:
            self.state = State.RUNNING
            self.running_since = self.loop.time()
            kept, self._kept = self._kept, []
            self.loop.put_back(kept)

    def terminate(self) -> None:
        """SIGTERM."""
        found = self.signal_handlers.get(signal.SIGTERM)
        if found is None:
            self.kill()
        elif self.state is State.RUNNING:
            callback, args = found
            self.loop.call_soon(callback, *args, context=self.context)

    def kill(self) -> None:
        """SIGKILL: the kernel closes its connections, nothing else happens."""
        if self.state is State.DEAD:
            return
        self.state = State.DEAD
        for listener in self.listeners:
            listener.close()
        for transport in list(self.transports):
            transport.die()
        for tell in self.on_death:
            tell()
