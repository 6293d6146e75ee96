"""An idle process does things less often, and returns to normal at once when it is used."""

import asyncio
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from common.calls.calls import Calls
from common.identity.credentials import Credentials
from common.identity.tokens import ALGORITHM
from common.process.rest import BEAT_SECONDS, NEVER, Rest
from common.protocol.errors import unavailable
from common.protocol.users import KeySet, Revocations
from tests.fixtures.busy import TRIES

LONG = 3600.0
PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
KEY = {**OKPAlgorithm.to_jwk(PUBLIC, as_dict=True), "kid": "one", "alg": ALGORITHM}


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.005)


async def test_a_pause_at_rest_ends_when_somebody_comes() -> None:
    """Every pause; the following ones are short."""
    rest = Rest(after_seconds=0.0)
    pauses = [asyncio.create_task(rest.pause(0.001, LONG)) for _ in range(3)]
    event: asyncio.Event = asyncio.Event()
    pauses.append(asyncio.create_task(rest.wait(event, 0.001, LONG)))
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    pauses.append(asyncio.create_task(rest.wait_for(lost, LONG)))
    await asyncio.sleep(0.05)
    assert not any(pause.done() for pause in pauses)
    rest.note()
    async with asyncio.timeout(30):
        await asyncio.gather(*pauses)


async def test_what_is_waited_for_ends_a_rest_as_well() -> None:
    """An event that is set and a future that is done need no timer."""
    rest = Rest(after_seconds=0.0)
    event: asyncio.Event = asyncio.Event()
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waits = [
        asyncio.create_task(rest.wait(event, 0.001, LONG)),
        asyncio.create_task(rest.wait_for(lost, LONG)),
    ]
    await asyncio.sleep(0)
    event.set()
    lost.set_result(None)
    async with asyncio.timeout(30):
        await asyncio.gather(*waits)


async def test_pauses_at_rest_end_together() -> None:
    """At the last tick within each of them, so one timer wakes the process for all."""
    now, took = 0.0, []
    rest = Rest(after_seconds=0.0, clock=lambda: now)
    now = 100 * BEAT_SECONDS - 0.15
    for _ in range(TRIES):
        began = time.monotonic()
        await asyncio.gather(rest.pause(0.001), rest.pause(0.1), rest.wait(asyncio.Event(), 0.5))
        took.append(time.monotonic() - began)
    assert min(took) < BEAT_SECONDS


async def test_rest_begins_a_while_after_somebody_was_there() -> None:
    """Until then pauses have their nominal length. Some processes never become idle."""
    now = 0.0
    rest = Rest(after_seconds=20.0, clock=lambda: now)
    assert not rest.has_begun()
    now = 19.0  # nobody has looked yet
    rest.note()
    assert not rest.has_begun()
    now = 38.0
    assert not rest.has_begun()
    await rest.pause(0.001, LONG)
    now = 39.5
    assert rest.has_begun()
    rest.note()
    assert not rest.has_begun()
    assert not NEVER.has_begun()


async def test_who_is_there_for_long_is_there_all_the_time() -> None:
    """A request in progress keeps the process active: an upload may take ten minutes."""
    now = 0.0
    rest = Rest(after_seconds=20.0, clock=lambda: now)
    with rest.visit():
        now = 100.0
        assert not rest.has_begun()
        now = 200.0
        assert not rest.has_begun()
    now = 219.0
    assert not rest.has_begun()
    now = 240.0
    assert rest.has_begun()


async def test_pieces_at_rest_take_turns_until_somebody_comes() -> None:
    """Once it is used, none waits for another that takes long."""
    rest = Rest(after_seconds=0.0)
    begun: list[int] = []
    may_end = [asyncio.Event() for _ in range(3)]

    async def work(number: int) -> None:
        async with rest.in_turn():
            begun.append(number)
            await may_end[number].wait()

    works = [asyncio.create_task(work(number)) for number in range(3)]
    await asyncio.sleep(0.05)
    assert begun == [0]
    may_end[0].set()
    await until(lambda: len(begun) == 2)
    await asyncio.sleep(0.05)
    assert len(begun) == 2
    rest._after_seconds = LONG
    rest.note()
    await until(lambda: len(begun) == 3)
    for event in may_end:
        event.set()
    await asyncio.gather(*works)


async def test_what_another_process_asks_for_waits_a_moment_for_its_turn() -> None:
    """It does not wait for the end of a long piece of work: the other process has a deadline."""
    rest = Rest(after_seconds=0.0)
    may_end = asyncio.Event()
    served: list[float] = []

    async def work() -> None:
        async with rest.in_turn():
            await may_end.wait()

    async def serve(patience: float) -> None:
        async with rest.in_turn(patience):
            served.append(patience)

    works = [asyncio.create_task(work())]
    await asyncio.sleep(0)
    works += [asyncio.create_task(serve(patience)) for patience in (LONG, 0.1)]
    await until(lambda: served == [0.1])
    may_end.set()
    await until(lambda: served == [0.1, LONG])
    await asyncio.gather(*works)


class UsersThatRevoke(Calls):
    """Answers like users, except while `is_gone`."""

    def __init__(self) -> None:
        self.revoked: list[str] = []
        self.polls = 0
        self.is_gone = False

    async def call(self, name: str, *_: Any, **__: Any) -> Any:
        if self.is_gone:
            raise unavailable()
        if name == "keys":
            return KeySet(keys=[KEY])
        self.polls += 1
        return Revocations(sessions=self.revoked, last=len(self.revoked))


async def test_who_comes_to_a_process_at_rest_is_judged_by_what_was_revoked_meanwhile() -> None:
    """It does not poll while idle, and admits nobody before it has polled. If users does not
    answer, what was known before applies."""
    users, rest = UsersThatRevoke(), Rest(after_seconds=0.0)
    credentials = Credentials(users, "edge", rest=rest)
    watching = asyncio.create_task(credentials.watch())
    try:
        await until(lambda: credentials.is_behind)
        polls = users.polls
        users.revoked = ["one"]
        await asyncio.sleep(0.05)
        assert users.polls == polls
        assert not credentials.is_revoked("one")
        rest._after_seconds = LONG  # the process is used
        rest.note()
        async with asyncio.timeout(30):
            await credentials.catch_up()
        assert credentials.is_revoked("one")
        assert not credentials.is_behind
        users.is_gone, rest._after_seconds = True, 0.0
        await until(lambda: credentials.is_behind)
        rest._after_seconds = LONG
        rest.note()
        async with asyncio.timeout(30):
            await credentials.catch_up()
        assert credentials.is_revoked("one")
    finally:
        watching.cancel()
