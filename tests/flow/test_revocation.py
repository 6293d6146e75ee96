"""An ended session has no socket and no valid request a second later, even without Valkey."""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from tests.fixtures.busy import BUSY
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice, eventually

REVOKED = 4502
WITHIN_SECONDS = BUSY * 1.0


@pytest.fixture
def silent_valkey(system: Hubbub) -> Iterator[None]:
    """Valkey hangs: its connections are open and carry nothing. Shorter than the fleet
    tolerates."""
    system.signal_all("valkey", signal.SIGSTOP)
    yield
    system.signal_all("valkey", signal.SIGCONT)


async def log_out(person: Person, kept: Person) -> None:
    assert (await person.ask("POST", "/api/user/logout")).status == 200


async def end_all(person: Person, kept: Person) -> None:
    assert (await person.ask("DELETE", "/api/user/sessions")).status == 200


@pytest.mark.parametrize("end", [log_out, end_all], ids=["log-out", "all sessions"])
async def test_without_valkey(
    system: Hubbub, ann: Person, ben: Person, make_device: MakeDevice, end: object,
    silent_valkey: None,
) -> None:  # fmt: skip
    """Nodes and edges ask users twice a second, so that they need no notification."""
    async with make_device(ann) as ended, make_device(ben) as kept:
        await ended.until_ready()
        await kept.until_ready()
        assert callable(end)
        await end(ann, ben)
        started = time.monotonic()
        await ended.until(lambda device: bool(device.ends), timeout=5)
        assert time.monotonic() - started < WITHIN_SECONDS
        assert ended.ends[0][0] == REVOKED
        while any(status == 200 for status in await ask_every_edge(system, ann)):
            assert time.monotonic() - started < WITHIN_SECONDS
        assert kept.ends == []
        assert set(await ask_every_edge(system, ben)) == {200}


async def ask_every_edge(system: Hubbub, person: Person) -> list[int]:
    """Directly, not through the balancer, so that none is left out."""

    async def ask(port: int) -> int:
        url = f"http://127.0.0.1:{port}/api/user/me"
        headers = {"Authorization": f"Bearer {person.token}"}
        async with person.session.get(url, headers=headers) as answer:
            return answer.status

    return await asyncio.gather(*(ask(process.port) for process in system.processes("edge")))


async def test_a_revoked_token_opens_no_socket(ann: Person, make_device: MakeDevice) -> None:
    """4502 at `connect` too: the token's signature is valid, but its session has ended."""
    assert (await ann.ask("POST", "/api/user/logout")).status == 200

    async def is_refused() -> bool:
        async with make_device(ann) as device:
            await device.until(lambda device: bool(device.ends) or device.ready is not None)
            return device.ends == [(REVOKED, "the session is revoked")]

    await eventually(is_refused, WITHIN_SECONDS)
