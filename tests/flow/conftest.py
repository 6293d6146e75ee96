"""Shared by the flow tests: one whole Hubbub, users, and their devices."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest

from tests.fixtures.device import Device
from tests.fixtures.documents import Documents
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person, Rest

MakeDevice = Callable[[Person], Device]


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Repeats the check until it is true. Raises AssertionError if it is not in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hubbub]:
    """One Hubbub for all flow tests. A test that breaks it waits until it has recovered."""
    hubbub = Hubbub(tmp_path_factory.mktemp("hubbub") / "data")
    asyncio.run(hubbub.start())
    yield hubbub
    assert asyncio.run(hubbub.stop()) == 0
    hubbub.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The connections of one test."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


@pytest.fixture(scope="session")
def documents(system: Hubbub) -> Documents:
    """What the system publishes about itself; every answer and frame is checked against it."""
    return Documents(system.origin)


@pytest.fixture
def nobody(system: Hubbub, http: aiohttp.ClientSession, documents: Documents) -> Rest:
    """Calls without a token."""
    return Rest(http, system.origin, documents.check_answer)


async def _somebody(nobody: Rest, documents: Documents) -> Person:
    return await Person.sign_up(nobody.session, nobody.origin, check=documents.check_answer)


@pytest.fixture
async def ann(nobody: Rest, documents: Documents) -> Person:
    """A new user."""
    return await _somebody(nobody, documents)


@pytest.fixture
async def ben(nobody: Rest, documents: Documents) -> Person:
    """Another new user."""
    return await _somebody(nobody, documents)


@pytest.fixture
async def cat(nobody: Rest, documents: Documents) -> Person:
    """A third new user."""
    return await _somebody(nobody, documents)


@pytest.fixture
def make_device(documents: Documents) -> MakeDevice:
    """Makes a user's device, whose frames are checked against the published document."""
    history = History()
    return lambda person: Device(person, history, check_frame=documents.check_frame)
