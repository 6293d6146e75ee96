"""The client in docs/socket.md, run as printed: against the whole system, and against a server that
does to it what the system rarely does."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import WSMsgType, web

from fleet.data.state import read_state
from fleet.settings import read_settings
from ops.doctor.collecting import database_urls
from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.person import Person
from tests.fixtures.signing import read_signing_key

CHAT = "019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071"
SECONDS = 60


@pytest.fixture
def client(tmp_path: Path) -> Path:
    """The code of the page, as a file."""
    page = (ROOT / "docs" / "socket.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "client.py"
    file.write_text(code)
    return file


@asynccontextmanager
async def running(client: Path, *words: str) -> AsyncIterator[asyncio.StreamReader]:
    """The client's output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, client, *words, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            yield process.stdout
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            process.kill()
        await process.wait()


async def events(output: asyncio.StreamReader, number: int) -> list[dict[str, Any]]:
    return [json.loads(await output.readline()) for _ in range(number)]


async def test_the_client_of_the_reference_talks(system: Hubbub, ann: Person, client: Path) -> None:
    """It connects, sends what it is told to send, and prints it when it comes back as an event."""
    chat = await ann.create_chat("Summer party")
    words = (ann.token, ann.refresh_token, chat, "The garden is ours from noon.")
    async with running(client, system.origin, *words) as output:
        (event,) = await events(output, 1)
    assert event["type"] == "message"
    assert (event["chat"], event["seq"], event["by"]) == (chat, 2, ann.id)
    assert event["message"] == "The garden is ours from noon."


async def test_it_survives_an_expired_token(system: Hubbub, ann: Person, client: Path) -> None:
    """Closed with 4003, it refreshes and reconnects, and its message arrives."""
    chat = await ann.create_chat("Summer party")
    words = (expired(system, ann.token), ann.refresh_token, chat, "Still here.")
    async with running(client, system.origin, *words) as output:
        (event,) = await events(output, 1)
    assert (event["seq"], event["message"]) == (2, "Still here.")


def expired(system: Hubbub, token: str) -> str:
    """The same token, as if it had expired."""
    state = read_state(system.data)
    assert state
    settings = read_settings(system.environment)
    key = read_signing_key(
        database_urls(settings, state)["users"], settings.signing_secret.read_text().strip()
    )
    claims = jwt.decode(token, options={"verify_signature": False})
    claims = {**claims, "iat": claims["iat"] - 7200, "exp": claims["iat"] - 3600}
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.kid})


class Scripted:
    """A server that sends what a test tells it to, with a log of `head` messages."""

    def __init__(self) -> None:
        self.head = 1
        self.connects: list[dict[str, Any]] = []
        self.refreshes = 0
        self.script: list[list[dict[str, Any] | int]] = []  # per socket: frames, or a close code
        self.socket_frames: list[dict[str, Any]] = []

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("chat.v1",), compress=False)
        await socket.prepare(request)
        self.connects.append(await socket.receive_json())
        for step in self.script.pop(0):
            if isinstance(step, int):
                await socket.close(code=step)
                return socket
            await socket.send_str(json.dumps(step))
        async for frame in socket:
            if frame.type == WSMsgType.TEXT:
                self.socket_frames.append(json.loads(frame.data))
        return socket

    async def serve_events(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        page = [message(seq) for seq in range(after + 1, self.head + 1)][:2]
        more = bool(page) and page[-1]["seq"] < self.head
        return web.json_response({"events": page, "seq": self.head, "more": more})

    async def serve_refresh(self, request: web.Request) -> web.Response:
        self.refreshes += 1
        assert await request.json() == {"refreshToken": f"refresh-{self.refreshes}"}
        number = self.refreshes + 1
        body = {"token": f"token-{number}", "refreshToken": f"refresh-{number}", "expiresIn": 900}
        return web.json_response(body)


def message(seq: int) -> dict[str, Any]:
    return {"type": "message", "chat": CHAT, "seq": seq, "message": f"number {seq}"}


def ready(head: int, *behind: str, epoch: str = "one") -> dict[str, Any]:
    return {
        "type": "ready", "user": "ann", "epoch": epoch, "chats": {CHAT: head},
        "behind": list(behind),
    }  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[tuple[Scripted, str]]:
    """A scripted server and its origin."""
    scripted = Scripted()
    app = web.Application()
    app.add_routes(
        [
            web.get("/ws", scripted.serve_socket),
            web.get("/api/chat/{chat}/events", scripted.serve_events),
            web.post("/api/user/refresh", scripted.serve_refresh),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield scripted, f"http://{host}:{port}"
    await runner.cleanup()


async def test_it_fills_a_gap(server: tuple[Scripted, str], client: Path) -> None:
    """After an event above the next seq, it fetches those between, page by page, and shows each
    once and in order."""
    scripted, origin = server
    scripted.head = 6
    scripted.script = [[ready(1), message(2), message(6), message(6), message(7)]]
    async with running(client, origin, "token-1", "refresh-1") as output:
        seqs = [event["seq"] for event in await events(output, 6)]
    assert seqs == [2, 3, 4, 5, 6, 7]


async def test_it_fetches_what_resume_leaves_out(
    server: tuple[Scripted, str], client: Path
) -> None:
    """After a close that allows a reconnect it sends its cursor, and fetches a chat in `behind`."""
    scripted, origin = server
    scripted.head = 4
    scripted.script = [[ready(1), message(2), 1012], [ready(4, CHAT), message(5)]]
    async with running(client, origin, "token-1", "refresh-1") as output:
        seqs = [event["seq"] for event in await events(output, 4)]
    assert seqs == [2, 3, 4, 5]
    assert scripted.connects[1]["resume"] == {CHAT: 2}
    assert scripted.connects[1]["epoch"] == "one"


async def test_it_fetches_what_does_not_fit_into_resume(
    server: tuple[Scripted, str], client: Path
) -> None:
    """Its user is in 1,001 chats: it resumes the newest 1,000 and fetches the other one."""
    scripted, origin = server
    scripted.head = 3
    others = {f"chat {number}": 5 for number in range(1000)}
    first, second = ready(1), ready(3)
    for frame in (first, second):
        frame["chats"] |= others
    scripted.script = [[first, 1012], [second, message(4)]]
    async with running(client, origin, "token-1", "refresh-1") as output:
        seqs = [event["seq"] for event in await events(output, 3)]
    assert seqs == [2, 3, 4]
    assert scripted.connects[1]["resume"] == others


async def test_it_refreshes_before_the_end(server: tuple[Scripted, str], client: Path) -> None:
    """At `expiring` it gets new tokens and sends the access token over the same socket; after 4003
    it reconnects with another one."""
    scripted, origin = server
    scripted.script = [
        [ready(1), {"type": "expiring", "seconds": 60}, 4003], [ready(1), message(2)],
    ]  # fmt: skip
    async with running(client, origin, "token-1", "refresh-1") as output:
        await events(output, 1)
    assert [connect["token"] for connect in scripted.connects] == ["token-1", "token-3"]


async def test_it_forgets_its_cursors_with_the_epoch(
    server: tuple[Scripted, str], client: Path
) -> None:
    """The database was restored: seqs start again after the head."""
    scripted, origin = server
    scripted.script = [
        [ready(8), message(9), 1012], [ready(3, epoch="two"), message(4)],
    ]  # fmt: skip
    async with running(client, origin, "token-1", "refresh-1") as output:
        seqs = [event["seq"] for event in await events(output, 2)]
    assert seqs == [9, 4]


async def test_it_stops_where_the_same_would_fail_again(
    server: tuple[Scripted, str], client: Path
) -> None:
    """A revoked session (4502) ends it."""
    scripted, origin = server
    scripted.script = [[4502]]
    async with running(client, origin, "token-1", "refresh-1") as output:
        assert await output.read() == b""
    assert len(scripted.connects) == 1
