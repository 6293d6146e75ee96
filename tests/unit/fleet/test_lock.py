"""One fleet per data folder."""

import asyncio
import os
import pwd
import signal
import sys
from pathlib import Path

import pytest

from fleet.commands.backup import databases_of
from fleet.commands.stop import stop_running
from fleet.data.lock import FolderInUse, FolderLock, ForeignFolder, lock_holder
from fleet.settings import read_settings


async def test_a_second_fleet_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """At once, with a sentence that names the folder."""
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    await first.acquire()
    with pytest.raises(FolderInUse, match=f"Another Hubbub runs on {tmp_path}"):
        await second.acquire()
    first.release()
    await second.acquire()
    second.release()


async def test_two_commands_do_not_work_on_one_stopped_system(tmp_path: Path) -> None:
    """The second one says so, not that PostgreSQL is about to be up."""
    settings = read_settings({"HUBBUB_DATA": str(tmp_path)})
    settings.keys.mkdir()
    lock = FolderLock(tmp_path, for_command=True)
    await lock.acquire()
    with pytest.raises(FolderInUse, match="A backup or another command works on"):
        async with databases_of(settings, may_run=True):
            pass
    lock.release()


async def test_the_holder_is_found_whatever_device_stat_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On btrfs, stat returns the device of the subvolume, and /proc/locks has another one."""
    lock = FolderLock(tmp_path)
    await lock.acquire()
    for name in ("stat", "fstat"):
        tell = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *of, tell=tell, **how: _elsewhere(tell(*of, **how)))
    assert lock_holder(tmp_path) == os.getpid()
    lock.release()
    assert lock_holder(tmp_path) is None


def _elsewhere(found: os.stat_result) -> os.stat_result:
    mode, inode, device, *others = found
    return os.stat_result((mode, inode, device + 1, *others))


async def test_nobody_else_starts_anything_on_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root could, but the owner could not read the files that root would leave there. If a Hubbub
    runs, root may query it."""
    (tmp_path / "keys").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "keys").stat().st_uid + 1)
    lock = FolderLock(tmp_path)
    owner = pwd.getpwuid(os.getuid()).pw_name
    with pytest.raises(ForeignFolder, match=f"belongs to {owner}. Run this as {owner}"):
        await lock.acquire()
    second = FolderLock(tmp_path)
    with pytest.raises(FolderInUse):
        await second.acquire()
    for each in (lock, second):
        each.release()


async def test_a_start_waits_for_children_of_a_dead_fleet(tmp_path: Path) -> None:
    """A process that inherited the children's lock keeps the next fleet waiting until it ends."""
    dead, next_one = FolderLock(tmp_path), FolderLock(tmp_path)
    await dead.acquire()
    child = await asyncio.create_subprocess_exec(
        "sleep", "60", pass_fds=[dead.for_children], stdin=asyncio.subprocess.DEVNULL
    )
    dead.release()
    waiting = asyncio.create_task(next_one.acquire())
    await asyncio.wait({waiting}, timeout=0.3)
    assert not waiting.done()
    child.kill()
    await asyncio.wait_for(waiting, timeout=30)
    await child.wait()
    next_one.release()


HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


async def test_the_fleet_that_holds_a_folder_is_stopped(tmp_path: Path) -> None:
    """Whoever started it; if none runs, there is nothing to do."""
    assert stop_running(tmp_path) == 0
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", HOLD, str(tmp_path / "fleet.lock"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    assert await asyncio.to_thread(stop_running, tmp_path) == 0
    assert await asyncio.wait_for(holder.wait(), 30) == -signal.SIGTERM


async def test_a_unit_is_not_stopped_behind_the_back_of_systemd(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be there again before the next command of the operator."""
    holder = await asyncio.create_subprocess_exec(
        "sh", "-c", 'SYSTEMD_EXEC_PID=$$ exec "$@"', "sh",
        sys.executable, "-S", "-c", HOLD, str(tmp_path / "fleet.lock"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    try:
        assert await asyncio.to_thread(stop_running, tmp_path) == 1
        assert "sudo systemctl stop hubbub" in capsys.readouterr().err
        assert holder.returncode is None
    finally:
        holder.kill()
        await holder.wait()
