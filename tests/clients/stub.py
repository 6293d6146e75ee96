"""A server that answers calls and sends frames as a test specifies, and a client connected to
it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from hubbub_client import Client
from hubbub_client.events import Event, Restarted

PATIENCE_SECONDS: Final = 60.0
SESSION: dict[str, Any] = {
    "user": {"id": "ann"},
    "token": "a",
    "refreshToken": "r",
    "expiresIn": 900,
}
LOST: Final = 0  # as a status: the request takes effect, and its answer is lost

Answer = tuple[int, Any]


def seq_of(event: Event | Restarted) -> int:
    """Of an event that has happened in a chat."""
    assert isinstance(event, Event)
    return event.seq


class Stub:
    """`answer(method, path)` returns a status and a body; log-ins succeed by default. Each socket
    begins with `ready`."""

    def __init__(self) -> None:
        self.answer: Callable[[str, str], Awaitable[Answer] | Answer] = lambda *_: (404, {})
        self.ready: dict[str, Any] = {
            "type": "ready", "protocol": "chat.v1", "user": "ann", "epoch": "e",
            "chats": {"c": 5}, "behind": [], "pingSeconds": 25,
        }  # fmt: skip
        self.may_begin = asyncio.Event()  # until then a socket is not ready
        self.may_begin.set()
        self.session = SESSION  # for the user who logs in
        self.asked: list[tuple[str, str]] = []
        self.connects: list[dict[str, Any]] = []  # one per socket
        self.said: list[dict[str, Any]] = []  # over all sockets, without `connect`
        self.sockets: list[web.WebSocketResponse] = []

    async def hear(self, *frames: dict[str, Any]) -> None:
        """Sends these to the client on the last socket."""
        await self.sockets[-1].send_str("\n".join(map(json.dumps, frames)))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/ws":
            return await self._talk(request)
        if request.path == "/api/user/login":
            return web.json_response(self.session)
        self.asked.append((request.method, request.path_qs))
        answer = self.answer(request.method, request.path_qs)
        status, body = answer if isinstance(answer, tuple) else await answer
        if status == LOST:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(body, bytes):  # a file
            headers = {"Content-Disposition": "inline"}
            return web.Response(status=status, body=body, headers=headers)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text)

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["chat.v1"])
        await socket.prepare(request)
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            said = json.loads(frame.data)
            if said["type"] == "connect":
                self.sockets.append(socket)
                self.connects.append(said)
                await self.may_begin.wait()
                await socket.send_str(json.dumps(self.ready))
            else:
                self.said.append(said)
        return socket


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Stub, str]]:
    """With its origin."""
    stub = Stub()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.serve)
    async with TestServer(app) as server, asyncio.timeout(PATIENCE_SECONDS):
        yield stub, str(server.make_url(""))


@contextlib.asynccontextmanager
async def somebody() -> AsyncIterator[tuple[Stub, Client]]:
    """Logged in, and ready."""
    async with serving() as (stub, origin), Client(origin) as client:
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        yield stub, client


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.01)


async def cut(stub: Stub, client: Client, code: int = 1012) -> None:
    """The socket ends; the client reconnects."""
    count = len(stub.sockets)
    await stub.sockets[-1].close(code=code)
    await until(lambda: len(stub.sockets) > count)
    await client.until_ready()


def message(seq: int, text: str = "", **rest: Any) -> dict[str, Any]:
    """An event, or a message of a page of history."""
    return {"type": "message", "chat": "c", "seq": seq, "at": f"t{seq}", "by": "ben",
            "messageId": f"m{seq}", "message": text or f"text {seq}", **rest}  # fmt: skip


def refused(status: int, code: str) -> Answer:
    return status, {"code": code, "detail": f"{code}!"}
