"""Calls between services, with small real HTTP servers that fail in every way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from common.calls.calls import GAVE_UP_HEADER, KEY_REFUSED_HEADER, OPEN_CIRCUITS, REFUSED_BY, Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.protocol.errors import Refusal
from fleet.processes.ports import ReservedPort
from tests.fixtures.busy import BUSY, bound
from tests.fixtures.callers import AnyCaller

Handler = Callable[[web.Request], Awaitable[web.Response]]
SERVICE_KEY = "a key of the tests"


class Ask(msgspec.Struct):
    text: str


class Told(msgspec.Struct):
    by: str


class Replica:
    """A server on a fixed port; `answer` and `ready` may be changed at any time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._port = ReservedPort()
        self.address = self._port.address
        self.answer: Handler = self._serve
        self.ready = True
        self.calls = 0
        self._runner: web.AppRunner | None = None

    async def _serve(self, _: web.Request) -> web.Response:
        return web.json_response({"by": self.name})

    async def _call(self, request: web.Request) -> web.Response:
        self.calls += 1
        return await self.answer(request)

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if self.ready else 503)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/calls/{name}", self._call)
        app.router.add_get("/health/ready", self._ready)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.SockSite(self._runner, self._port.bind()).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def close(self) -> None:
        await self.stop()
        self._port.close()


def refuse(code: str, status: int, headers: dict[str, str] | None = None) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        problem = {"code": code, "detail": "No.", "errors": [{"id": "x", "detail": "unknown"}]}
        return web.json_response(problem, status=status, headers=headers)

    return answer


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


@pytest_asyncio.fixture
async def replicas() -> AsyncIterator[list[Replica]]:
    """Three running replicas."""
    made = [Replica(name) for name in "abc"]
    for replica in made:
        await replica.start()
    yield made
    for replica in made:
        await replica.close()


@pytest_asyncio.fixture
async def http() -> AsyncIterator[HttpClient]:
    with closing(HttpClient(AnyCaller(SERVICE_KEY))) as http:
        yield http


def call_all(http: HttpClient, replicas: list[Replica], **options: Any) -> Calls:
    addresses = tuple(replica.address for replica in replicas)
    return Calls(http, Replicas("users", addresses), **options)


def first_for(calls: Calls, replicas: list[Replica], key: str) -> Replica:
    return next(r for r in replicas if r.address == calls.preferred(key))


async def test_a_key_goes_to_one_replica(http: HttpClient, replicas: list[Replica]) -> None:
    """Calls with one key go to one replica, with the credential and a trace."""
    seen: list[str] = []
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")

    async def answer(request: web.Request) -> web.Response:
        seen.extend([request.headers["Authorization"], request.headers["traceparent"][:3]])
        return web.json_response({"by": "first"})

    first.answer = answer
    for _ in range(5):
        assert (await calls.call("x", Ask("?"), Told, key="k", try_timeout=60)).by == "first"
    assert seen == [f"Bearer {SERVICE_KEY}", "00-"] * 5


async def test_the_next_replica_answers_when_one_is_gone(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """A dead replica costs only one try."""
    calls = call_all(http, replicas)
    await first_for(calls, replicas, "k").stop()
    await calls.call("x", Ask("?"), Told, key="k", try_timeout=60, timeout=120)
    assert sum(replica.calls for replica in replicas) == 1


async def test_a_hung_replica_is_left_alone_until_it_is_ready(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """The first call loses one try; later ones go elsewhere at once."""
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")
    first.answer, first.ready = hang, False
    await calls.call("x", Ask("?"), Told, key="k", try_timeout=0.3)
    for _ in range(20):
        await calls.call("x", Ask("?"), Told, key="k")
    assert first.calls == 1


async def test_a_call_without_time_blames_no_replica(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """A try cut short by its caller's deadline says nothing about a healthy replica."""
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")

    async def answer_in_a_while(_: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.json_response({"by": "first"})

    first.answer = answer_in_a_while
    with pytest.raises(Refusal, match="unavailable"):
        await calls.call("x", Ask("?"), Told, key="k", timeout=0.02)
    assert calls.preferred("k") == first.address
    assert (await calls.call("x", Ask("?"), Told, key="k", try_timeout=60)).by == "first"


async def test_a_replica_comes_back_when_it_is_ready(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """It gets its keys back within two seconds."""
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")
    await first.stop()
    await calls.call("x", Ask("?"), Told, key="k")
    assert calls.preferred("k") != first.address
    await first.start()
    async with asyncio.timeout(BUSY * 2):
        while calls.preferred("k") != first.address:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.01)


async def test_a_restart_is_waited_out(http: HttpClient) -> None:
    """A call made while the only replica is down is answered when it is back."""
    replica = Replica("a")
    calls = call_all(http, [replica], open_after=bound(5.0, 60.0))
    waiting = asyncio.create_task(calls.call("x", Ask("?"), Told, timeout=bound(5.0, 60.0)))
    await asyncio.sleep(1)
    assert not waiting.done()
    await replica.start()
    assert (await asyncio.wait_for(waiting, BUSY * 2)).by == "a"
    await replica.close()


async def test_a_call_gives_up_at_its_deadline(http: HttpClient) -> None:
    """`unavailable` with Retry-After, when the timeout has expired."""
    replica = Replica("a")
    calls = call_all(http, [replica])
    started = time.monotonic()
    with pytest.raises(Refusal) as refused:
        await calls.call("x", Ask("?"), Told, timeout=0.5)
    assert 0.4 < time.monotonic() - started < bound(0.55, 4.5)
    assert refused.value.code == "unavailable"
    assert refused.value.http_headers()["Retry-After"] == "1"
    await replica.close()


async def test_a_role_that_is_gone_is_given_up_and_found_again(
    http: HttpClient,
) -> None:
    """An open circuit refuses within 50 ms and closes within two seconds of recovery."""
    replica = Replica("a")
    calls = call_all(http, [replica], open_after=0.3)
    with pytest.raises(Refusal):
        await calls.call("x", Ask("?"), Told, timeout=1)
    took = []
    for _ in range(10):
        started = time.monotonic()
        with pytest.raises(Refusal) as refused:
            await calls.call("x", Ask("?"), Told)
        took.append(time.monotonic() - started)
        assert refused.value.headers[GAVE_UP_HEADER] == "1"
    assert min(took) < 0.05  # the others may have waited for the machine
    await replica.start()
    async with asyncio.timeout(BUSY * 2):
        while True:
            with suppress(Refusal):
                assert (await calls.call("x", Ask("?"), Told)).by == "a"
                break
            await asyncio.sleep(0.01)
    await replica.close()


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "gone"])
async def test_calls_that_wait_are_refused_when_the_role_is_given_up(
    http: HttpClient, replicas: list[Replica], hangs: bool
) -> None:
    """Not at their deadlines, whether they wait for an answer or for a replica: those that wait for
    an answer do not try the next replica."""
    for replica in replicas:
        if hangs:
            replica.answer, replica.ready = hang, False
        else:
            await replica.stop()
    calls = call_all(http, replicas, open_after=0.3)
    watching = asyncio.create_task(calls.watch())
    async with asyncio.timeout(15):
        with pytest.raises(Refusal, match="unavailable"):
            await calls.call("x", Ask("?"), Told, timeout=60, try_timeout=20)
    assert sum(replica.calls for replica in replicas) == (1 if hangs else 0)
    watching.cancel()


async def test_a_role_that_is_ready_is_never_given_up(
    http: HttpClient, replicas: list[Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that keep failing do not block others while a replica reports that it is ready."""
    monkeypatch.setattr("common.calls.calls.PROBE_TIMEOUT_SECONDS", 60.0)  # all stand still at once
    calls = call_all(http, replicas, open_after=0.2)
    for replica in replicas:
        replica.answer = refuse("unavailable", 503)
    with pytest.raises(Refusal):
        await calls.call("x", Ask("?"), Told, timeout=1)
    for replica in replicas:
        replica.answer = replica._serve
    await calls.call("x", Ask("?"), Told)


async def test_a_refusal_is_passed_on(http: HttpClient, replicas: list[Replica]) -> None:
    """A refusal of the request itself is final, whichever replica sends it."""
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")
    first.answer = refuse("unknown_user", 400)
    with pytest.raises(Refusal) as refused:
        await calls.call("x", Ask("?"), Told, key="k")
    assert refused.value.code == "unknown_user"
    assert refused.value.errors == [{"id": "x", "detail": "unknown"}]
    assert sum(replica.calls for replica in replicas) == 1


@pytest.mark.parametrize(("code", "status"), [("internal", 500), ("unavailable", 503), ("?", 418)])
async def test_what_is_not_about_the_request_is_tried_elsewhere(
    http: HttpClient, replicas: list[Replica], code: str, status: int
) -> None:
    """A replica that cannot serve a call does not end it."""
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")
    first.answer = refuse(code, status)
    assert (await calls.call("x", Ask("?"), Told, key="k")).by != first.name


async def test_a_replica_that_gave_up_itself_ends_the_call(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """Its dependency is down: other replicas would fail too."""
    calls = call_all(http, replicas)
    first = first_for(calls, replicas, "k")
    first.answer = refuse("unavailable", 503, {GAVE_UP_HEADER: "1"})
    with pytest.raises(Refusal) as refused:
        await calls.call("x", Ask("?"), Told, key="k")
    assert refused.value.code == "unavailable"
    assert sum(replica.calls for replica in replicas) == 1


async def test_a_wrong_service_key_is_no_answer_to_a_user(
    http: HttpClient, replicas: list[Replica], caplog: pytest.LogCaptureFixture
) -> None:
    """Another replica is asked; if all refuse the key the call fails at once, as unavailable. Each
    of them is logged once."""
    calls = call_all(http, replicas)
    refuse_key = refuse("unauthenticated", 401, {KEY_REFUSED_HEADER: "1"})
    first = first_for(calls, replicas, "k")
    first.answer = refuse_key
    assert (await calls.call("x", Ask("?"), Told, key="k")).by != first.name
    for replica in replicas:
        replica.answer = refuse_key
    tries = sum(replica.calls for replica in replicas)
    for _ in range(5):
        with pytest.raises(Refusal, match="unavailable"):
            await calls.call("x", Ask("?"), Told, key="k")
    assert sum(replica.calls for replica in replicas) == tries + 5 * len(replicas)
    assert caplog.messages.count("credential refused") == 3
    for replica in replicas:
        replica.answer = replica._serve
    assert (await calls.call("x", Ask("?"), Told, key="k")).by == first.name


async def test_a_key_that_is_good_again_is_forgotten_to_have_been_refused(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """As when all replicas of a role learn the key later than its caller: a later outage is waited
    out, and nobody is told that the key is refused."""
    calls = call_all(http, replicas)
    for replica in replicas:
        replica.answer = refuse("unauthenticated", 401, {KEY_REFUSED_HEADER: "1"})
    with pytest.raises(Refusal):
        await calls.call("x", Ask("?"), Told)
    assert REFUSED_BY.labels("users")._value.get() == 3
    await asyncio.sleep(0.3)  # meanwhile all of them are ready
    for replica in replicas:
        replica.answer = replica._serve
    for number in range(100):
        await calls.call("x", Ask("?"), Told, key=str(number))
    assert all(replica.calls > 1 for replica in replicas)
    assert REFUSED_BY.labels("users")._value.get() == 0
    for replica in replicas:
        replica.answer = refuse("unavailable", 503)
    asking = asyncio.create_task(calls.call("x", Ask("?"), Told))
    await asyncio.sleep(0.3)
    for replica in replicas:
        replica.answer = replica._serve
    assert (await asking).by in "abc"


async def test_retries_of_one_call_are_few(http: HttpClient, replicas: list[Replica]) -> None:
    """Five seconds of refusals cause at most ten tries of one call per replica."""
    calls = call_all(http, replicas)
    for replica in replicas:
        replica.answer = refuse("unavailable", 503)
    with pytest.raises(Refusal):
        await calls.call("x", Ask("?"), Told, timeout=3)
    assert max(replica.calls for replica in replicas) <= 10


async def test_readiness_of_a_role(
    http: HttpClient, replicas: list[Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One ready replica is enough; one that does not answer is not ready."""
    monkeypatch.setattr("common.calls.calls.PROBE_TIMEOUT_SECONDS", bound(0.5, 60.0))
    calls = call_all(http, replicas)
    assert await calls.any_is_ready()
    replicas[0].ready = replicas[1].ready = False
    assert await calls.any_is_ready()
    await replicas[2].stop()
    assert not await calls.any_is_ready()


async def test_who_watches_gives_a_role_up_before_anybody_calls(
    http: HttpClient, replicas: list[Replica]
) -> None:
    """The first call after the start of an outage fails at once, without a try."""
    calls = call_all(http, replicas, open_after=0.2)
    for replica in replicas:
        replica.ready = False
    OPEN_CIRCUITS.labels("users").set(0)
    watching = asyncio.create_task(calls.watch())
    async with asyncio.timeout(30):
        while not OPEN_CIRCUITS.labels("users")._value.get():  # noqa: ASYNC110 - polls a metric
            await asyncio.sleep(0.05)
    with pytest.raises(Refusal, match="unavailable"):
        await calls.call("x", Ask("?"), Told, key="k")
    assert sum(replica.calls for replica in replicas) == 0
    watching.cancel()
