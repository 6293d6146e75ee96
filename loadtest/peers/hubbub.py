"""The benchmark's own Hubbub, started like `make run` and observed from outside.

Its processes come from fleet.json; their cost from the kernel.
"""

import os
import shutil
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from fleet.data.state import FleetState, read_state
from loadtest.peers.build import BUILD
from loadtest.peers.machine import (
    CLIENT_CORE,
    SERVER_CORE,
    TICKS,
    children_by_parent,
    cpu_seconds,
    pin,
    pss_kb,
    stat_fields,
    task_ids,
)
from loadtest.peers.process import LOOPBACK, Process, free_port

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
ONE_OF_EACH: Final = "edge=1,realtime=1,users=1,chats=1"
PROJECT: Final = Path(__file__).resolve().parents[2]

Cost = dict[str, float]  # CPU seconds by role


class Hubbub:
    """`data` is where its fleet.json is; `port` the public one."""

    def __init__(self, data: Path, port: int, process: Process | None = None) -> None:
        self.data, self.port, self._process = data, port, process

    def state(self) -> FleetState:
        """Raises RuntimeError when it does not run."""
        state = read_state(self.data)
        if state is None:
            raise RuntimeError(f"no Hubbub runs on {self.data}")
        return state

    def ports(self, role: str) -> list[int]:
        return [process.port for process in self.state().processes if process.role == role]

    def pids_by_role(self) -> dict[str, list[int]]:
        """Each role's processes and their children."""
        state = self.state()
        role_of = {state.parent: "fleet", **{p.pid: p.role for p in state.processes}}
        children = children_by_parent()
        found: dict[str, list[int]] = defaultdict(list)
        for root, role in role_of.items():
            todo = [root]
            while todo:
                pid = todo.pop()
                found[role].append(pid)
                todo += [child for child in children[pid] if child not in role_of]
        return found

    def cpu(self) -> Cost:
        """CPU seconds by role; children that ended count through their parent."""
        used: Cost = defaultdict(float)
        for role, pids in self.pids_by_role().items():
            for pid in pids:
                if fields := stat_fields(pid):
                    reaped = 0 if role == "fleet" else int(fields[13]) + int(fields[14])
                    used[role] += reaped / TICKS
                    with suppress(OSError):
                        used[role] += cpu_seconds(pid)
        return used

    def pss_kb(self, role: str) -> int:
        return sum(pss_kb(pid) for pid in self.pids_by_role()[role])

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """realtime alone on one core, all else on the other, as the peers are; undone after."""
        usual = os.sched_getaffinity(self.state().parent)
        for role, task in self._tasks():
            pin(task, {SERVER_CORE if role == "realtime" else CLIENT_CORE})
        try:
            yield
        finally:
            for _, task in self._tasks():
                pin(task, usual)

    def pin(self, role: str, cores: set[int]) -> None:
        """All processes of a role that there are now, and the threads that they will have."""
        for of, task in self._tasks():
            if of == role:
                pin(task, cores)

    def _tasks(self) -> list[tuple[str, int]]:
        return [
            (role, task)
            for role, pids in self.pids_by_role().items()
            for pid in pids
            for task in task_ids(pid)
        ]

    def kill_nodes(self, ports: Collection[int]) -> list[int]:
        """kill -9 of the realtime nodes at these ports; who they were."""
        pids = [p.pid for p in self.state().processes if p.role == "realtime" and p.port in ports]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids

    def wait_until_ready(self, without: Collection[int] = ()) -> None:
        """Until there are as many of each service as there should be, all ready, and none of them
        is one of the pids in `without`. Raises RuntimeError after a minute."""
        end = time.monotonic() + START_SECONDS
        while not self._is_ready(without):
            if self._process is not None:
                self._process.check()
            if time.monotonic() > end:
                raise RuntimeError(f"Hubbub is not ready; {self.data / 'logs'} may say why")
            time.sleep(0.1)

    def _is_ready(self, without: Collection[int]) -> bool:
        state = read_state(self.data)
        if state is None or not state.processes:
            return False
        there = Counter(process.role for process in state.processes)
        return all(p.state == "ready" and p.pid not in without for p in state.processes) and all(
            there[role] >= wanted.replicas for role, wanted in state.wanted.items()
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(STOP_SECONDS)
            shutil.rmtree(self.data, ignore_errors=True)


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> Cost:
    """What each role used in between."""
    return {role: max(0.0, after[role] - before.get(role, 0)) for role in after}


def start_hubbub(
    replicas: str,
    valkey: int | None = None,
    python: str = sys.executable,
    project: str = str(PROJECT),
    **variables: str,
) -> Hubbub:
    """A fresh one; with `valkey` it uses the Valkey at that port, which peers use too. `python` is
    the interpreter that runs it, `project` the folder of its sources."""
    port = free_port()
    data = BUILD / f"data-{port}"
    env = {
        **os.environ,
        "HUBBUB_PORT": str(port),
        "HUBBUB_DATA": str(data),
        "HUBBUB_RATE_LIMITS": "high",
        "HUBBUB_REPLICAS": replicas,
        **variables,
    }
    if valkey is not None:
        env["HUBBUB_VALKEY_URL"] = f"redis://{LOOPBACK}:{valkey}"
    process = Process([python, "-m", "fleet"], None, cwd=Path(project), env=env)
    hubbub = Hubbub(data, port, process)
    try:
        hubbub.wait_until_ready()
    except BaseException:
        process.stop(STOP_SECONDS)
        raise
    return hubbub


@contextmanager
def running_hubbub(
    replicas: str,
    valkey: int | None = None,
    python: str = sys.executable,
    project: str = str(PROJECT),
    **variables: str,
) -> Iterator[Hubbub]:
    """The same, ended with the block."""
    hubbub = start_hubbub(replicas, valkey, python, project, **variables)
    try:
        yield hubbub
    finally:
        hubbub.stop()
