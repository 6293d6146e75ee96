"""Processes that drain for long do so beside the next one of their slot."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from common.process.service import DRAIN_NOTICE_SECONDS
from common.process.web import ANSWER_SECONDS, FLUSH_SECONDS
from fleet.data.state import ProcessState, is_alive
from fleet.processes import lingering
from fleet.processes import supervised as module
from fleet.processes.children import Process, spawn
from fleet.processes.lingering import Lingering
from fleet.processes.supervised import Program, Supervised
from tests.unit.fleet.supervision import IGNORES_TERM, SERVES, Record, pid_of, until


async def lives_on(
    folder: Path, *, linger_seconds: float, has_free_ports: bool, looks: int = 0
) -> Record:
    """The record after the restart of a process that ignores the request to end. Its ports are
    taken at the first `looks`."""
    record, codes = Record(), list[int]()

    async def nothing() -> None: ...

    ends = Lingering(nothing, lambda _program, code, _was_ready: codes.append(code))

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", SERVES if record.starts else IGNORES_TERM]
        return spawn(command, env={}, cwd=folder, output=subprocess.DEVNULL)

    async def ready() -> bool:
        return (folder / "ignores").exists()

    taken = iter([False] * looks)
    program = Program(
        "files", 1, 1, None, start, ready, ready,
        linger_seconds=linger_seconds, has_free_ports=lambda: next(taken, has_free_ports),
    )  # fmt: skip
    supervised = Supervised(program, record.watcher._replace(lingers=ends.add))
    await supervised.wait_until_ready()
    old = pid_of(supervised)
    await supervised.restart(10 if has_free_ports else 0.5, 10)
    assert supervised.is_ready
    assert pid_of(supervised) != old
    if linger_seconds > 60 and has_free_ports:
        (line,) = ends.describe()
        assert (line.pid, line.state, line.metrics) == (old, "draining", None)
        assert is_alive(old)
        await ends.stop(0)
    await until(lambda: bool(codes) or bool(record.ends))
    assert not is_alive(old)
    await supervised.stop(5)
    record.ends[:0] = [(code, False) for code in codes]
    return record


@pytest.mark.parametrize("seconds", [0.2, 300])
async def test_a_process_that_drains_for_long_leaves_its_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Its successor serves beside it. It is killed when its time is over, or when everything
    ends."""
    monkeypatch.setattr(module, "LINGER_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(lingering, "END_SECONDS", 0.2)
    record = await lives_on(tmp_path, linger_seconds=seconds, has_free_ports=True)
    assert record.ends[0] == (-9, False)


async def test_ports_may_be_released_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a drain takes long to begin."""
    monkeypatch.setattr(module, "LINGER_AFTER_SECONDS", 0.2)
    record = await lives_on(tmp_path, linger_seconds=300, has_free_ports=True, looks=3)
    assert record.ends[0] == (-9, False)


async def test_one_that_ends_once_its_ports_are_free_does_not_linger(tmp_path: Path) -> None:
    """It had no transfers. Nobody waits longer than that."""
    record, lingered = Record(), list[int]()

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", SERVES]
        return spawn(command, env={}, cwd=tmp_path, output=subprocess.DEVNULL)

    async def ready() -> bool:
        return True

    def linger(_program: Program, process: Process, _state: ProcessState) -> None:
        lingered.append(process.pid)

    program = Program(
        "files", 1, 1, None, start, ready, ready,
        linger_seconds=300, has_free_ports=lambda: True,
    )  # fmt: skip
    supervised = Supervised(program, record.watcher._replace(lingers=linger))
    await supervised.wait_until_ready()
    await supervised.stop(30)
    assert (lingered, len(record.ends)) == ([], 1)


async def test_one_whose_time_is_over_may_end_by_itself(tmp_path: Path) -> None:
    """It has to tell clients that it cuts their transfers short."""
    codes = list[int]()

    async def nothing() -> None: ...

    async def ready() -> bool:
        return True

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", "import time; time.sleep(1)"]
        return spawn(command, env={}, cwd=tmp_path, output=subprocess.DEVNULL)

    ends = Lingering(nothing, lambda _program, code, _was_ready: codes.append(code))
    process = start()
    program = Program("files", 1, 1, None, start, ready, ready, linger_seconds=0.1)
    ends.add(program, process, ProcessState("files", 1, process.pid, 1, 2, 0.0, "ready"))
    await until(lambda: codes != [])
    assert codes == [0]


def test_it_has_as_long_for_that_as_a_process_needs() -> None:
    """From the moment at which it lingers."""
    assert lingering.END_SECONDS >= DRAIN_NOTICE_SECONDS + ANSWER_SECONDS + FLUSH_SECONDS + 2


@pytest.mark.parametrize("fails", ["ended", "changed"])
async def test_an_end_that_cannot_be_told_does_not_prevent_a_stop(
    tmp_path: Path, fails: str
) -> None:
    """A full disk, for example."""

    async def changed() -> None:
        if fails == "changed":
            raise OSError(errno.ENOSPC, "No space left on device")

    def ended(*_: object) -> None:
        if fails == "ended":
            raise OSError(errno.ENOSPC, "No space left on device")

    async def ready() -> bool:
        return True

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", SERVES]
        return spawn(command, env={}, cwd=tmp_path, output=subprocess.DEVNULL)

    ends, process = Lingering(changed, ended), start()
    program = Program("files", 1, 1, None, start, ready, ready, linger_seconds=300)
    ends.add(program, process, ProcessState("files", 1, process.pid, 1, 2, 0.0, "ready"))
    await ends.stop(0)
    assert ends.describe() == []
    assert not is_alive(process.pid)


async def test_one_that_does_not_release_its_ports_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs, and its successor needs them."""
    monkeypatch.setattr(module, "LINGER_AFTER_SECONDS", 0.2)
    record = await lives_on(tmp_path, linger_seconds=300, has_free_ports=False)
    assert record.ends[0] == (-9, True)
