"""Names that people have chosen, where the nameserver does not answer."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from common.process.tasks import stop
from files.links.fetching import fetch_preview
from files.outside.lookups import Lookups


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Those names below `dead.example` that were asked for; none of them is answered until the
    end."""
    names: list[str] = []
    ends = threading.Event()
    look_up = socket.getaddrinfo

    def wait(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith("dead.example"):
            names.append(host)
            ends.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield names
    ends.set()


async def test_links_to_dead_names_keep_nobody_waiting(asked: list[str]) -> None:
    """The process finds its own siblings by their names meanwhile."""
    lookups = Lookups()

    async def fetch(number: int) -> None:
        assert await fetch_preview(f"http://{number}.dead.example/", lookups) is None

    fetching = [asyncio.create_task(fetch(number)) for number in range(40)]
    while len(asked) < len(fetching):  # noqa: ASYNC110 - of threads
        await asyncio.sleep(0.01)
    async with asyncio.timeout(3):
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert await Lookups().find("localhost", 80)
    await stop(fetching)


async def test_no_more_than_so_many_are_waited_for(asked: list[str]) -> None:
    """Whoever asked may have given up: it is the nameserver's answer that makes room."""
    lookups = Lookups(2)
    waiting = [asyncio.create_task(lookups.find(f"{n}.dead.example", 80)) for n in range(2)]
    while len(asked) < 2:  # noqa: ASYNC110 - of threads
        await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    with pytest.raises(OSError, match="too many"):
        await lookups.find("localhost", 80)
