"""How processes end: their last lines, their deaths, and what the operator is told of them."""

import asyncio
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from common.process.logs import log
from fleet.data.logs import Drains, copy_output, log_path, say, severity
from fleet.data.state import Death
from fleet.metrics import FleetMetrics
from fleet.processes.children import Process
from fleet.processes.supervised import Program

LAST_WORDS_SECONDS: Final = 1.0
KEPT_DEATHS: Final = 10  # per process


class Endings:
    """`logs` is the folder to which the output of processes is copied. `refusal` becomes the
    sentence of the first service that ends because its settings are wrong; it is cancelled once
    nobody waits for it. `is_stopping` is set when the fleet ends everything."""

    def __init__(self, logs: Path, metrics: FleetMetrics) -> None:
        self._logs, self._metrics = logs, metrics
        self.refusal: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.is_stopping = False
        self._deaths: dict[str, deque[Death]] = defaultdict(lambda: deque(maxlen=KEPT_DEATHS))
        self._failing: set[str] = set()  # that were reported to the operator
        self._hanging: set[str] = set()  # that were killed for hanging, until they have ended
        self._copying: dict[str, asyncio.Task[str]] = {}  # by process, returns its last line
        self._tasks: set[asyncio.Task[str] | asyncio.Task[None]] = set()

    def deaths(self) -> dict[str, Sequence[Death]]:
        """The last ones, by process."""
        return {name: list(deaths) for name, deaths in self._deaths.items()}

    def note_start(self, program: Program, process: Process) -> None:
        log("started", process=program.name, pid=process.pid)
        assert process.stdout is not None, "it is a pipe"
        level = partial(self._severity, Drains())
        copying = copy_output(process.stdout, self._logs, program.role, program.name, level)
        self._copying[program.name] = task = asyncio.create_task(copying)
        self._keep(task)

    def note_end(self, program: Program, code: int, was_ready: bool) -> None:
        is_death = code not in (0, -program.stop_signal)
        level = logging.ERROR if is_death else logging.INFO
        log("ended", level=level, process=program.name, code=code)
        if is_death:
            self._metrics.note_death(program.role)
            hung = program.name in self._hanging
            self._deaths[program.name].append(Death(time.time(), code, hung))
        self._hanging.discard(program.name)
        if was_ready:
            self._failing.discard(program.name)
        elif is_death and program.name not in self._failing:  # reported once, not at every attempt
            self._failing.add(program.name)
            self._keep(asyncio.create_task(self._report(program.name, code)))

    def note_hang(self, program: Program) -> None:
        self._hanging.add(program.name)
        log("killed because it did not answer", level=logging.ERROR, process=program.name)

    async def finish(self) -> None:
        """Waits until everything that ended processes printed is in their logs, for a second at
        most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_WORDS_SECONDS)

    async def _report(self, name: str, code: int) -> None:
        """With its last line, which names the variable if one is wrong."""
        path = log_path(self._logs, name)
        last = await self._last_line(name)
        if code == os.EX_CONFIG and not self.refusal.cancelled():
            if not self.refusal.done():
                self.refusal.set_result(last or f"{name} refuses its settings; {path} may say why.")
            return
        sentence = f"{name} ended with code {code} before it was ready; {path} may say why."
        say(f"{sentence} Its last line: {last}" if last is not None else sentence)

    async def _last_line(self, name: str) -> str | None:
        copying = self._copying.pop(name, None)
        if copying is None:
            return None
        await asyncio.wait({copying}, timeout=LAST_WORDS_SECONDS)
        if not copying.done() or copying.cancelled() or copying.exception() is not None:
            return None
        return copying.result()

    def _severity(self, drains: Drains, role: str, line: str) -> int:
        if role == "balancer" and drains.explain(line):
            return logging.INFO
        return severity(role, line, is_stopping=self.is_stopping)

    def _keep(self, task: asyncio.Task[str] | asyncio.Task[None]) -> None:
        """Otherwise it could be collected."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
