"""A disk that fills up, and has space again."""

import os
import signal
from pathlib import Path

import aiohttp

from fleet.data.state import read_running, read_state
from tests.fixtures.person import Person
from tests.fixtures.small_disk import HubbubOnSmallDisk
from tests.flow.conftest import eventually
from tests.flow.test_one_command import ONE_OF_EACH, run


async def test_what_dies_on_a_full_disk_comes_back_when_there_is_room(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """Meanwhile no dead process is reported as ready. Ctrl-C shuts down cleanly, full disk or not,
    and leaves no list of processes, which the doctor takes for those of a Hubbub that was killed.
    """
    hubbub = HubbubOnSmallDisk(tmp_path / "data", "160m", replicas=ONE_OF_EACH)
    await hubbub.start()
    ann = await Person.sign_up(http, hubbub.origin)
    chat = await ann.create_chat("before")
    hubbub.fill()
    old = [pid for role in ("edge", "chats", "postgres", "balancer") for pid in hubbub.kill(role)]
    await hubbub.until_said("cannot be written")
    listed = read_state(hubbub.data)
    assert listed is not None
    assert {process.pid for process in listed.processes} >= set(old)

    async def none_is_called_running() -> bool:
        running = read_running(hubbub.data)
        assert running is not None
        return not {process.pid for process in running.processes} & set(old)

    await eventually(none_is_called_running)
    _, said = await run("ops", "status", HUBBUB_DATA=str(hubbub.data))
    assert not [line for line in said.splitlines() if set(map(str, old)) & set(line.split())]
    hubbub.make_room()
    await hubbub.until_replaced(old, seconds=30)
    assert (await ann.post(chat, "after")).status == 201
    hubbub.fill()
    data = os.open(hubbub.data, os.O_PATH)  # keeps the disk
    assert await hubbub.stop(signal.SIGINT) == 0
    left = read_state(Path(f"/proc/self/fd/{data}"))
    os.close(data)
    assert left is None or not left.processes
    assert "Traceback" not in hubbub.said()
    hubbub.close()
