"""What `fleet.json` says, and what runs."""

import os
from pathlib import Path

import pytest

from fleet.data.lock import FolderLock
from fleet.data.state import FleetState, ProcessState, read_running, write_state


@pytest.fixture
async def state(tmp_path: Path) -> FleetState:
    """Every process in it is alive."""
    database = ProcessState("postgres", 1, os.getppid(), 5432, None, 0.0, "ready")
    state = FleetState(os.getpid(), [database])
    write_state(tmp_path, state)
    return state


async def test_who_holds_the_folder_runs(tmp_path: Path, state: FleetState) -> None:
    """With the processes that it lists."""
    lock = FolderLock(tmp_path)
    await lock.acquire()
    try:
        assert read_running(tmp_path) == state
    finally:
        lock.release()


async def test_a_pid_that_another_program_got_is_no_fleet(
    tmp_path: Path, state: FleetState
) -> None:
    """After a power failure the file is left from before, and its pids may be anybody's."""
    assert read_running(tmp_path) is None


async def test_a_file_of_an_earlier_fleet_is_not_the_one_that_runs(
    tmp_path: Path, state: FleetState
) -> None:
    """While it starts, it has not written its own yet."""
    write_state(tmp_path, FleetState(os.getppid(), state.processes))
    lock = FolderLock(tmp_path)
    await lock.acquire()
    try:
        assert read_running(tmp_path) is None
    finally:
        lock.release()
