"""Processes that die are restarted; those that should end, end."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet.data.state import is_alive
from fleet.processes import supervised as module
from fleet.processes.children import kill_with_descendants, spawn
from fleet.processes.supervised import MAX_BACKOFF_SECONDS, Program, Supervised, Watcher
from tests.fixtures.busy import bound
from tests.unit.fleet.supervision import IGNORES_TERM, SERVES, Record, pid_of, until

RUNS = "import time\nwhile True: time.sleep(0.001)"
FAILS = "raise SystemExit(3)"


@asynccontextmanager
async def supervise(
    code: str,
    folder: Path,
    record: Record,
    *,
    is_ready: bool = True,
    is_live: Callable[[], Awaitable[bool]] | None = None,
    start_seconds: float = 60.0,
) -> AsyncIterator[Supervised]:
    async def ready() -> bool:
        return is_ready

    def start() -> subprocess.Popen[bytes]:
        return spawn(
            [sys.executable, "-S", "-c", code], env={}, cwd=folder, output=subprocess.DEVNULL
        )

    program = Program("edge", 1, 1, None, start, ready, is_live or ready)
    supervised = Supervised(program._replace(start_seconds=start_seconds), record.watcher)
    record.supervised = supervised
    try:
        yield supervised
    finally:
        await supervised.stop(5)


async def test_a_killed_process_is_replaced_at_once(tmp_path: Path) -> None:
    """A death after readiness causes no back-off, however often: otherwise the fourth would wait
    0.8 s, and the later ones longer."""
    record, took = Record(), list[float]()
    async with supervise(SERVES, tmp_path, record) as supervised:
        for _ in range(10):
            await supervised.wait_until_ready()
            starts = len(record.starts)
            killed = time.monotonic()
            os.kill(pid_of(supervised), signal.SIGKILL)
            await record.until_starts(starts + 1)
            took.append(record.starts[-1] - killed)
    assert min(took[3:]) < 0.8
    assert record.ends[:10] == [(-9, True)] * 10


async def test_deaths_before_readiness_are_backed_off_and_bounded(tmp_path: Path) -> None:
    """A program that cannot start is retried less and less often, but at least every 2 s."""
    record = Record()
    async with supervise(FAILS, tmp_path, record, is_ready=False):
        await record.until_starts(5)
    gaps = [b - a for a, b in zip(record.starts, record.starts[1:], strict=False)]
    assert gaps[0] >= 0.1
    assert gaps[3] >= 0.8
    assert max(gaps) < MAX_BACKOFF_SECONDS + bound(1.0, 20.0)
    assert record.ends[0] == (3, False)


async def test_a_stop_announces_the_drain_before_the_signal(tmp_path: Path) -> None:
    """The state is `draining` while the process exists; then it is removed."""
    record = Record()
    async with supervise(SERVES, tmp_path, record) as supervised:
        await supervised.wait_until_ready()
        await supervised.stop(5)
    assert record.states[-2:] == ["draining", None]
    assert len(record.starts) == 1


async def test_what_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    """SIGTERM is a request; the time for it is limited."""
    record = Record()
    async with supervise(IGNORES_TERM, tmp_path, record) as supervised:
        await supervised.wait_until_ready()
        await until((tmp_path / "ignores").exists)
        started = time.monotonic()
        await supervised.stop(0.2)
        assert time.monotonic() - started < 30  # it would have slept for a minute
    assert record.ends[-1][0] == -9


async def test_a_paused_process_can_be_stopped(tmp_path: Path) -> None:
    """It is resumed so that it can handle the signal to end."""
    record = Record()
    async with supervise(SERVES, tmp_path, record) as supervised:
        await supervised.wait_until_ready()
        os.kill(pid_of(supervised), signal.SIGSTOP)
        await supervised.stop(5)
    assert record.ends[-1][0] == -15


async def test_a_restart_replaces_the_process_and_waits_for_the_new_one(tmp_path: Path) -> None:
    """The old one is drained; the slot is ready when the call returns."""
    record = Record()
    async with supervise(SERVES, tmp_path, record) as supervised:
        await supervised.wait_until_ready()
        old = pid_of(supervised)
        await supervised.restart(5, 5)
        assert supervised.is_ready
        assert pid_of(supervised) != old


async def test_a_restart_has_a_bound(tmp_path: Path) -> None:
    """A new process that does not become ready blocks no caller; retries continue."""
    record, is_broken = Record(), False

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-S", "-c", FAILS if is_broken else SERVES]
        return spawn(command, env={}, cwd=tmp_path, output=subprocess.DEVNULL)

    async def ready() -> bool:
        return not is_broken

    supervised = Supervised(Program("edge", 1, 1, None, start, ready, ready), record.watcher)
    await supervised.wait_until_ready()
    is_broken = True
    with pytest.raises(TimeoutError):
        await supervised.restart(5, 0.5)
    is_broken = False
    async with asyncio.timeout(30):
        await supervised.wait_until_ready()
    await supervised.stop(5)


async def test_nothing_ends_the_supervision(tmp_path: Path) -> None:
    """Watchers, readiness checks and starts may fail: each is retried until it works."""
    record = Record()
    failing = True

    def break_sometimes() -> None:
        if failing:
            raise OSError(errno.ENOSPC, "No space left on device")

    async def changed() -> None:
        break_sometimes()

    async def ready() -> bool:
        break_sometimes()
        return True

    def start() -> subprocess.Popen[bytes]:
        if failing and len(record.starts) % 2:
            record.starts.append(time.monotonic())
            raise OSError(errno.EMFILE, "Too many open files")
        record.starts.append(time.monotonic())
        command = [sys.executable, "-S", "-c", SERVES]
        return spawn(command, env={}, cwd=tmp_path, output=subprocess.DEVNULL)

    def hear(*_: object) -> None:
        break_sometimes()

    watcher = Watcher(hear, changed, hear, hear)
    supervised = Supervised(Program("edge", 1, 1, None, start, ready, ready), watcher)
    for count in (1, 3):
        await record.until_starts(count)
        await until(lambda: supervised.describe() is not None)
        os.kill(pid_of(supervised), signal.SIGKILL)
    await record.until_starts(4)
    failing = False
    async with asyncio.timeout(30):
        await supervised.wait_until_ready()
    failing = True
    await supervised.stop(5)


async def test_children_die_with_their_parent(tmp_path: Path) -> None:
    """kill -9 of the parent leaves no child behind, without any code in the child."""
    parent_code = f"""
import subprocess, sys, time
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from pathlib import Path
from fleet.processes.children import kill_with_descendants, spawn
child = spawn(["sleep", "60"], env={{}}, cwd=Path("/"), output=subprocess.DEVNULL)
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent_code, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_alive(child), seconds=5)


STARTS_ANOTHER = """
import subprocess
other = subprocess.Popen(["sleep", "60"], start_new_session=True)
print(other.pid, flush=True)
other.wait()
"""


async def test_a_process_that_runs_may_answer_late_and_one_that_stands_still_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a healthy process may be silent for long; a paused one is not running."""
    monkeypatch.setattr(module, "HANG_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(module, "SILENT_POLL_SECONDS", 0.5)
    record, asked = Record(), list[bool]()

    async def is_live() -> bool:
        asked.append(False)
        return False

    async with supervise(RUNS, tmp_path, record, is_live=is_live) as supervised:
        await until(lambda: len(asked) > 3)
        assert (len(record.starts), record.ends) == (1, [])
        os.kill(pid_of(supervised), signal.SIGSTOP)
        await until(lambda: record.ends != [])
    assert record.ends[0] == (-9, True)


async def test_a_process_that_migrates_may_take_long_to_be_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one that neither answers nor becomes ready is started again."""
    monkeypatch.setattr(module, "READY_POLL_SECONDS", 0.01)
    for seconds, deaths in ((60.0, 0), (0.1, 1)):
        record = Record()
        async with supervise(SERVES, tmp_path, record, is_ready=False, start_seconds=seconds):
            await until(lambda: len(record.starts) > deaths)  # noqa: B023 - done before the next
            await asyncio.sleep(0.5)
            assert bool(record.ends) == bool(deaths)


async def test_a_fleet_that_stood_still_blames_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a paused machine goes on, questions of before the pause have no answer in time: each
    process is asked again before it is killed."""
    monkeypatch.setattr(module, "HANG_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(module, "LONGEST_ROUND_SECONDS", 0.1)
    monkeypatch.setattr(module, "LIVE_POLL_SECONDS", 0.2)
    monkeypatch.setattr(module, "SILENT_POLL_SECONDS", 0.05)
    record, asked = Record(), 0

    async def is_live() -> bool:
        nonlocal asked
        asked += 1
        if asked == 5:
            time.sleep(1.0)  # noqa: ASYNC251 - as a process that is stopped
            return False
        return True

    async with supervise(SERVES, tmp_path, record, is_live=is_live):
        await until(lambda: asked > 7)
    assert (len(record.starts), record.ends) == (1, [(-15, True)])


def test_what_a_hung_process_started_dies_with_it() -> None:
    """Even if it is in its own session, and paused."""
    command = [sys.executable, "-S", "-c", STARTS_ANOTHER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        for pid in (other, process.pid):
            os.kill(pid, signal.SIGSTOP)
        kill_with_descendants(process.pid)
        assert process.wait(30) == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while is_alive(other):
        assert time.monotonic() < deadline
        time.sleep(0.01)
