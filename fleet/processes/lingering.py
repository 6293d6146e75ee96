"""Processes that drain for long: their slots belong to others, and they end when they are done."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from common.process.logs import log
from fleet.data.state import ProcessState
from fleet.processes.children import Process, wait_for_exit
from fleet.processes.supervised import Program

END_SECONDS = 10.0  # after its time, to answer what it cuts short and to close what it has open


class _One(NamedTuple):
    program: Program
    process: Process
    state: ProcessState
    task: asyncio.Task[None]


class Lingering:
    """`changed` is awaited whenever one has come or gone; `ended` is told its exit code."""

    def __init__(
        self, changed: Callable[[], Awaitable[None]], ended: Callable[[Program, int, bool], None]
    ) -> None:
        self._changed, self._ended = changed, ended
        self._by_pid: dict[int, _One] = {}

    def add(self, program: Program, process: Process, state: ProcessState) -> None:
        """`state` is its line in fleet.json so far. Its ports are no longer its own."""
        log("lingers", process=program.name, pid=process.pid)
        task = asyncio.create_task(self._attend(program, process))
        line = msgspec.structs.replace(state, metrics=None, state="draining")
        self._by_pid[process.pid] = _One(program, process, line, task)

    def describe(self) -> list[ProcessState]:
        return [one.state for one in self._by_pid.values()]

    async def stop(self, within_seconds: float) -> None:
        """Everything ends: ask them to hurry, and kill those that take too long."""
        for one in self._by_pid.values():
            if one.program.hurry_signal is not None:
                one.process.send_signal(one.program.hurry_signal)
        tasks = [one.task for one in self._by_pid.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=within_seconds)
        for one in self._by_pid.values():
            one.process.kill()
        await asyncio.gather(*tasks)

    async def _attend(self, program: Program, process: Process) -> None:
        try:
            async with asyncio.timeout(program.linger_seconds + END_SECONDS):
                code = await wait_for_exit(process)
        except TimeoutError:
            log("lingers for too long", level=logging.ERROR, process=program.name)
            process.send_signal(signal.SIGKILL)
            code = await wait_for_exit(process)
        del self._by_pid[process.pid]
        try:
            self._ended(program, code, True)
            await self._changed()
        except Exception as error:  # a stop of everything waits for this task
            text = f"its end cannot be told: {error!r}"
            log(text, level=logging.ERROR, process=program.name)
