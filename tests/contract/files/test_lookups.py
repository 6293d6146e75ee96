"""Host names chosen by users, if the nameserver does not answer."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from common.process.tasks import stop
from files.links.fetching import fetch_preview
from files.outside.lookups import Lookups


class DeadNames:
    """Names below `dead.example`: none is answered until `end`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._ended = threading.Event()
        self._look_up = socket.getaddrinfo

    def end(self) -> None:
        self._ended.set()

    async def until_asked(self, number: int) -> None:
        while len(self.asked) < number:  # noqa: ASYNC110 - polls threads
            await asyncio.sleep(0.01)

    def look_up(self, host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith("dead.example"):
            self.asked.append(host)
            self._ended.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return self._look_up(host, *arguments, **options)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeadNames]:
    names = DeadNames()
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    yield names
    names.end()


async def test_links_to_dead_names_keep_nobody_waiting(dead: DeadNames) -> None:
    """Meanwhile the process finds its siblings by their names."""
    lookups = Lookups()

    async def fetch(number: int) -> None:
        assert await fetch_preview(f"http://{number}.dead.example/", lookups) is None

    fetching = [asyncio.create_task(fetch(number)) for number in range(40)]
    await dead.until_asked(40)
    async with asyncio.timeout(30):
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert await Lookups().find("localhost", 80)
    await stop(fetching)


async def test_no_more_than_so_many_are_waited_for(dead: DeadNames) -> None:
    """The caller may have timed out: the next lookup can start only when the nameserver has
    answered."""
    lookups = Lookups(2)
    waiting = [asyncio.create_task(lookups.find(f"{n}.dead.example", 80)) for n in range(2)]
    await dead.until_asked(2)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    another = asyncio.create_task(lookups.find("3.dead.example", 80))
    after_it = asyncio.create_task(lookups.find("localhost", 80))
    await asyncio.sleep(0.2)
    assert len(dead.asked) == 2
    dead.end()
    async with asyncio.timeout(30):
        with pytest.raises(socket.gaierror):
            await another
        assert "127.0.0.1" in await after_it
