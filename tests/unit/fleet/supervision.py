"""Programs for the tests of supervision, and what is noted about them."""

import asyncio
import time
from collections.abc import Callable

from fleet.processes.supervised import Supervised, Watcher

SERVES = "import time; time.sleep(60)"
IGNORES_TERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "open('ignores', 'w'); time.sleep(60)"
)


class Record:
    """The states that a supervised process reported to its watcher."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.ends: list[tuple[int, bool]] = []
        self.states: list[str | None] = []
        self.supervised: Supervised | None = None

    async def changed(self) -> None:
        line = self.supervised.describe() if self.supervised else None
        self.states.append(line.state if line else None)

    async def until_starts(self, count: int) -> None:
        await until(lambda: len(self.starts) >= count)

    @property
    def watcher(self) -> Watcher:
        return Watcher(
            started=lambda _program, _process: self.starts.append(time.monotonic()),
            changed=self.changed,
            ended=lambda _program, code, was_ready: self.ends.append((code, was_ready)),
            hung=lambda _program: None,
        )


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what changes is a process, not an event
            await asyncio.sleep(0.01)


def pid_of(supervised: Supervised) -> int:
    line = supervised.describe()
    assert line is not None
    return line.pid
