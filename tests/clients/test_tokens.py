"""Which session the Python client uses, on a server that answers as the test specifies."""

import asyncio
import contextlib
import time
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hubbub_client import Client, FileStore, MemoryStore, Unauthenticated, Unavailable
from hubbub_client.rest import PAUSE_SECONDS, Rest, Tokens

from tests.clients.stub import SESSION, Answer, cut, refused, serving, somebody, until


async def log_in(_: web.Request) -> web.Response:
    body = {"user": {"id": "ben"}, "token": "ben's", "refreshToken": "r", "expiresIn": 900}
    return web.json_response(body)


async def test_a_refresh_that_another_log_in_overtakes_does_not_replace_it() -> None:
    """Its answer belongs to the previous session, whose tokens must not be taken for the new
    user's."""
    may_answer, is_asked = asyncio.Event(), asyncio.Event()

    async def refresh(_: web.Request) -> web.Response:
        is_asked.set()
        await may_answer.wait()
        return web.json_response({"token": "ann's", "refreshToken": "ann's", "expiresIn": 900})

    app = web.Application()
    app.router.add_post("/api/user/refresh", refresh)
    app.router.add_post("/api/user/login", log_in)
    async with TestServer(app) as server, asyncio.timeout(20):
        rest = Rest(str(server.make_url("")), Tokens("ann", "old", "old", 0.0))
        refreshing = asyncio.create_task(rest.access_token())
        await is_asked.wait()
        await rest.log_in("ben", "correct horse")
        may_answer.set()
        assert await refreshing == "ben's"
        assert rest.tokens is not None
        assert (rest.tokens.user, rest.tokens.access) == ("ben", "ben's")
        await rest.close()


async def test_a_message_goes_out_over_no_socket_of_another_user() -> None:
    """The previous user's socket may still be open; a call with the new token is used instead."""

    async def send(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer ben's"
        info = {"messageId": "m", "seq": 6, "at": "2026-01-02T03:04:05.678Z"}
        return web.json_response({"messageInfo": info}, status=201)

    app = web.Application()
    app.router.add_post("/api/user/login", log_in)
    app.router.add_post("/api/chat/c/message", send)
    async with TestServer(app) as server, Client(str(server.make_url(""))) as client:
        client._session.user = "ann"
        client._connection.socket = Mock()
        await client.rest.log_in("ben", "correct horse")
        async with asyncio.timeout(20):
            assert (await client.chat("c").send("hello")).seq == 6


async def test_a_session_that_has_ended_is_forgotten() -> None:
    """The next program has none, and logs in with the credentials that it is given."""

    async def refresh(_: web.Request) -> web.Response:
        return web.json_response({"code": "unauthenticated", "detail": "It is over."}, status=401)

    app = web.Application()
    app.router.add_post("/api/user/login", log_in)
    app.router.add_post("/api/user/refresh", refresh)
    store = MemoryStore()
    store.put("session", msgspec.json.encode(Tokens("ann", "old", "old", 0.0)))
    store.put("cursor c", b"5")
    async with TestServer(app) as server, asyncio.timeout(20):
        async with Client(str(server.make_url("")), store) as client:
            with pytest.raises(Unauthenticated):
                await client.until_ready()
            with pytest.raises(Unauthenticated):
                await client.chats()
            assert client.rest.tokens is None
        assert store.names("") == ["cursor c", "user"]


async def test_changes_go_on_with_the_next_socket_after_a_refusal_that_was_an_error() -> None:
    """A socket that becomes ready shows that the session is valid."""
    async with somebody() as (stub, client):
        stub.answer = lambda _, path: (
            (200, SESSION) if path.endswith("refresh") else refused(401, "unauthenticated")
        )
        with pytest.raises(Unauthenticated):
            await client.chat("c").rename("Garden")
        stub.answer = lambda *_: (200, {})
        await stub.sockets[-1].close(code=1012)
        await until(lambda: len(client.outbox) == 0)


async def test_a_refresh_that_fails_is_repeated_by_whoever_needs_the_token() -> None:
    """A connection backs off in between, so that a server that comes back is not flooded; a call
    repeats it as it repeats itself."""
    failures = 2

    async def refresh(_: web.Request) -> web.Response:
        nonlocal failures
        if failures > 0:
            failures -= 1
            return web.json_response({"code": "unavailable", "detail": "No."}, status=503)
        return web.json_response({"token": "new", "refreshToken": "new", "expiresIn": 900})

    async def me(request: web.Request) -> web.Response:
        return web.json_response({"token": request.headers["Authorization"]})

    app = web.Application()
    app.router.add_post("/api/user/refresh", refresh)
    app.router.add_get("/api/user/me", me)
    async with TestServer(app) as server, asyncio.timeout(20):
        rest = Rest(str(server.make_url("")), Tokens("ann", "old", "old", 0.0))
        with pytest.raises(Unavailable):
            await rest.access_token()
        assert failures == 1
        assert await rest.call("GET", "/api/user/me") == {"token": "Bearer new"}
        await rest.close()


FAILURES: list[Answer] = [  # of a refresh
    refused(500, "internal"),
    (200, b"<html>"),
    (200, {}),
    (200, {**SESSION, "token": None}),
    (200, {**SESSION, "expiresIn": "soon"}),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_refresh_that_fails_does_not_end_the_client(failure: Answer) -> None:
    """The client refreshes again before it reconnects: the expired token would be refused."""
    async with somebody() as (stub, client):
        answers: list[Answer] = [failure, (200, {**SESSION, "token": "b"})]
        stub.answer = lambda *_: answers.pop(0)
        await cut(stub, client, 4003)
        assert stub.connects[-1]["token"] == "b"
        assert stub.asked == [("POST", "/api/user/refresh")] * 2


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_refresh_that_fails_refuses_no_change(failure: Answer) -> None:
    """The change is sent when there is a token: whatever the refresh was answered, the change was
    not refused."""
    async with somebody() as (stub, client):
        over, renewed = refused(401, "unauthenticated"), (200, {**SESSION, "token": "b"})
        answers = [over, failure, over, renewed, (200, {})]
        stub.answer = lambda *_: answers.pop(0)
        await client.chat("c").rename("Garden")
        assert answers == []


async def test_calls_that_wait_for_a_refresh_share_its_failure() -> None:
    """A server in trouble gets one refresh, however many calls need it; a caller that is cancelled
    takes it from nobody."""
    may_answer = asyncio.Event()
    asked: list[str] = []

    async def refresh(request: web.Request) -> web.Response:
        asked.append(request.path)
        await may_answer.wait()
        return web.json_response({"code": "unavailable", "detail": "No."}, status=503)

    app = web.Application()
    app.router.add_post("/api/user/refresh", refresh)
    async with TestServer(app) as server, asyncio.timeout(20):
        rest = Rest(str(server.make_url("")), Tokens("ann", "old", "old", 0.0))
        asking = [asyncio.create_task(rest.access_token()) for _ in range(50)]
        await until(lambda: len(asked) == 1)
        asking[0].cancel()
        may_answer.set()
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(one) for one in outcomes[1:]] == [Unavailable] * 49
        assert len(asked) == 1
        await rest.close()


async def test_calls_that_repeat_a_refresh_share_its_pauses() -> None:
    """However many they are, a server in trouble gets one refresh after the other."""
    async with serving() as (stub, origin):
        stub.answer = lambda *_: refused(503, "unavailable")
        rest = Rest(origin, Tokens("ann", "old", "old", 0.0))
        began = time.monotonic()
        calls = [asyncio.create_task(rest.call("GET", "/api/user/me")) for _ in range(50)]
        await until(lambda: len(stub.asked) >= 10)
        assert time.monotonic() - began >= 9 * PAUSE_SECONDS[0]
        await rest.close()
        await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_socket_whose_token_expires_gets_a_new_one(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not end because one refresh fails."""
    monkeypatch.setattr("hubbub_client.connection.REFRESH_AGAIN_SECONDS", 0.0)
    async with somebody() as (stub, client):
        answers: list[Answer] = [refused(503, "unavailable")] * failures
        stub.answer = lambda *_: answers.pop() if answers else (200, {**SESSION, "token": "b"})
        await stub.hear({"type": "expiring", "seconds": 60})
        await until(lambda: stub.said == [{"type": "refresh", "token": "b"}])
        assert stub.asked == [("POST", "/api/user/refresh")] * (failures + 1)
        assert client._connection.is_ready.is_set()


async def test_new_tokens_count_from_when_they_are_kept() -> None:
    """The next program must not start with a refresh token that this one has already spent."""

    class Full(MemoryStore):
        def put(self, name: str, value: bytes) -> None:
            if name == "session" and self.names("session"):
                raise OSError("No space left on device")
            super().put(name, value)

    async def refresh(_: web.Request) -> web.Response:
        return web.json_response({"token": "new", "refreshToken": "new", "expiresIn": 900})

    app = web.Application()
    app.router.add_post("/api/user/login", log_in)
    app.router.add_post("/api/user/refresh", refresh)
    async with TestServer(app) as server, Client(str(server.make_url("")), Full()) as client:
        await client.rest.log_in("ben", "correct horse")
        with pytest.raises(OSError, match="No space"):
            await client.rest.renew()
        assert client.rest.tokens == client._kept.tokens()


@pytest.mark.parametrize("at_once", [True, False])
async def test_programs_that_share_a_store_spend_no_refresh_token_twice(
    at_once: bool, tmp_path: Path
) -> None:
    """Such as `tail` and `send` in two terminals: a second use would end the session of both."""
    spent: list[str] = []

    async def refresh(request: web.Request) -> web.Response:
        spent.append((await request.json())["refreshToken"])
        pair = {"token": f"a{len(spent)}", "refreshToken": f"r{len(spent)}"}
        return web.json_response({**pair, "expiresIn": 900})

    app = web.Application()
    app.router.add_post("/api/user/refresh", refresh)
    path = tmp_path / "store"
    FileStore(path).put("session", msgspec.json.encode(Tokens("ann", "a0", "r0", 0.0)))
    async with TestServer(app) as server, asyncio.timeout(20), contextlib.AsyncExitStack() as stack:
        clients = [Client(str(server.make_url("")), FileStore(path)) for _ in range(2)]
        for client in clients:
            stack.push_async_callback(client.rest.close)
        asking = [client.rest.access_token() for client in clients]
        tokens = await asyncio.gather(*asking) if at_once else [await one for one in asking]
        assert (spent, tokens) == (["r0"], ["a1", "a1"])
        assert await clients[1].rest.renew() == "a2"
        assert await clients[0].rest.renew() == "a2"
        assert await clients[0].rest.renew() == "a3"
        assert spent == ["r0", "r1", "r2"]


async def test_a_session_that_has_ended_takes_no_other_one_from_the_store(tmp_path: Path) -> None:
    """Another program with the same file may have logged in since."""
    path = tmp_path / "store"
    FileStore(path).put("session", msgspec.json.encode(Tokens("ann", "old", "old", 0.0)))
    client = Client(store=FileStore(path))
    session = msgspec.json.encode(Tokens("ann", "new", "new", 1e12))
    FileStore(path).put("session", session)
    client.rest.forget()
    assert client.rest.tokens is None
    assert FileStore(path).get("session") == session
    await client.rest.close()
