"""When the Python client reconnects."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from aiohttp import web
from hubbub_client import Client, Stopped
from hubbub_client.ends import ComeBack, Ends

from tests.clients.stub import SESSION, Answer, cut, message, serving, somebody, until


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The wait before each reconnect, with the longest jitter."""
    found: list[float] = []
    closed = Ends.closed

    def watch(ends: Ends, code: int, reason: str, _: float, retry: float) -> ComeBack | None:
        next_ = closed(ends, code, reason, 1.0, retry)
        assert next_ is not None
        found.append(next_.seconds)
        return next_

    monkeypatch.setattr(Ends, "closed", watch)
    monkeypatch.setattr("hubbub_client.ends.FIRST_BACKOFF_SECONDS", 0.01)
    return found


async def test_a_socket_that_ends_at_once_is_no_success(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waits grow although each socket becomes ready, until one has held for some seconds."""
    monkeypatch.setattr("hubbub_client.connection.READY_HELD_SECONDS", 60.0)
    async with somebody() as (stub, client):
        for _ in range(3):
            await cut(stub, client)
        monkeypatch.setattr("hubbub_client.connection.READY_HELD_SECONDS", 0.0)
        await cut(stub, client)
        await cut(stub, client)
    assert waits == [0.02, 0.04, 0.08, 0.16, 0.01]


async def test_a_socket_that_the_program_is_too_slow_for_has_not_failed(
    waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is opened soon after the program has caught up, however often that happens."""
    monkeypatch.setattr("hubbub_client.inbox.MAX_WAITING", 1)
    async with somebody() as (stub, client):
        events = client.events()
        for last in (8, 11, 14):
            count = len(stub.sockets)
            stub.ready["chats"] = {"c": last}
            taking = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            await stub.hear(*(message(seq) for seq in range(last - 2, last + 1)))
            await taking
            for _ in range(2):
                await anext(events)
            await until(lambda: len(stub.sockets) > count)  # noqa: B023 - it is done before the next
            await client.until_ready()
    assert waits == [0.01] * 3


@pytest.mark.parametrize(
    "frame",
    [
        "<html>",
        "[]",
        '{"chat":"c","seq":6}',
        '{"type":[]}',
        '{"type":"message","chat":"c","seq":6}',
        '{"type":"new","chat":"c","seq":"6"}',
        '{"type":"ready","user":"ann","epoch":"e","chats":7,"behind":[],"pingSeconds":25}',
    ],
)
async def test_what_is_not_understood_ends_the_client(frame: str) -> None:
    """With 1002, whatever is wrong with it: the next socket would bring the same."""
    async with somebody() as (stub, client):
        await stub.sockets[-1].send_str(frame)
        with pytest.raises(Stopped, match="1002"):
            await anext(client.events())


async def test_a_machine_that_has_slept_soon_asks_whether_the_server_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its timers stood still: they would wait for the rest of the 25 seconds."""
    monkeypatch.setattr("hubbub_client.connection.CHECK_EVERY_SECONDS", 0.02)
    async with somebody() as (stub, _):
        await asyncio.sleep(0.1)
        assert stub.said == []
        later = SimpleNamespace(time=lambda: time.time() + 8 * 3600)
        monkeypatch.setattr("hubbub_client.connection.time", later)
        async with asyncio.timeout(20):
            await until(lambda: stub.said == [{"type": "ping"}])


async def test_a_refused_refresh_names_the_wait(waits: list[float]) -> None:
    """Whoever cannot get a token needs no socket before."""
    async with somebody() as (stub, client):

        def answer(*_: str) -> Answer:
            if len(stub.asked) == 1:
                raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"})
            return 200, SESSION

        stub.answer = answer
        await cut(stub, client, 4003)
    assert waits == [0.02, 1.0]


async def test_a_refused_socket_names_the_wait(waits: list[float]) -> None:
    """As a full node does."""
    async with somebody() as (stub, client):
        talk = stub._talk

        async def refuse(_: web.Request) -> web.WebSocketResponse:
            stub._talk = talk  # type: ignore[method-assign]
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"})

        stub._talk = refuse  # type: ignore[method-assign, assignment]
        await cut(stub, client)
    assert waits == [0.02, 1.0]


async def test_a_server_that_is_gone_is_asked_once_per_change_until_its_pause_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a proxy answers meanwhile. A new socket ends the pauses."""
    monkeypatch.setattr("hubbub_client.pace.FIRST_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr("hubbub_client.pace.MAX_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr("hubbub_client.pace.random.random", lambda: 1.0)
    async with serving() as (stub, origin), Client(origin) as client:
        stub.may_begin.clear()
        stub.answer = lambda *_: (502, "<html>")
        await client.log_in("ann", "correct horse")
        sends = [asyncio.create_task(client.chat(f"c{n}").send("hello")) for n in range(30)]
        await until(lambda: len(stub.asked) >= 30)
        stub.may_begin.set()
        await until(lambda: len(stub.said) == 10)
        assert len(stub.asked) == 30
        await client.outbox.close()
        await asyncio.gather(*sends, return_exceptions=True)
