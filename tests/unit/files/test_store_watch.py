"""A store that no longer answers is noticed: a disk that stalls raises no error."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from common.process.tasks import stop
from files.store import FileStore, Location
from files.store_watch import StoreWatch

FAILING = "hubbub_files_store_failing"
WAITING: list[FileStore] = []  # one for each thread that has asked the disk


@pytest.fixture
def goes_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """While it is clear, everything that asks the disk hangs."""
    event = threading.Event()
    check = FileStore._check

    def wait_and_check(store: FileStore) -> None:
        WAITING.append(store)
        event.wait()
        check(store)

    monkeypatch.setattr(FileStore, "_check", wait_and_check)
    monkeypatch.setattr("files.store_watch.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr("files.store_watch.FAILING_SECONDS", 0.01)
    WAITING.clear()
    yield event
    event.set()  # otherwise its threads would never end


@pytest.fixture
def store(tmp_path: Path, goes_on: threading.Event) -> Iterator[FileStore]:
    store = FileStore(Location(tmp_path.as_uri()))
    with closing(store):
        yield store
        goes_on.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.01)


def is_unreachable() -> bool:
    return (
        REGISTRY.get_sample_value("hubbub_files_store_up") == 0
        and REGISTRY.get_sample_value(FAILING, {"why": "unreachable"}) == 1
    )


async def test_a_store_that_stalls_counts_as_down_until_it_answers(
    store: FileStore, goes_on: threading.Event
) -> None:
    """For Prometheus and the doctor, which read the metrics."""
    goes_on.set()
    watching = asyncio.create_task(StoreWatch(store).run())
    await until(lambda: REGISTRY.get_sample_value("hubbub_files_store_up") == 1)
    await stop([watching])
    goes_on.clear()
    watching = asyncio.create_task(StoreWatch(store).run())
    await until(is_unreachable)
    goes_on.set()
    await until(lambda: REGISTRY.get_sample_value("hubbub_files_store_up") == 1)
    await stop([watching])


async def test_the_health_check_does_not_wait_for_a_store_that_stalls(store: FileStore) -> None:
    """It says what is missing, instead of nothing."""
    async with asyncio.timeout(10):
        assert await StoreWatch(store).missing() == "the store of files"


async def test_a_check_of_a_store_that_stalls_keeps_one_thread(store: FileStore) -> None:
    """Others may still read what the disk has in memory."""
    watch = StoreWatch(store)
    for _ in range(5):
        assert await watch.missing()
    assert len(WAITING) == 1
