"""What the balancer answers by itself, and what it hides: the death of an edge."""

import asyncio
import json
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from common.protocol.errors import unavailable
from common.protocol.limits import MAX_BODY_BYTES
from fleet.control import Restart, Scale, ask_fleet
from fleet.settings import SERVICE_ROLES
from tests.fixtures.busy import bound
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person

PROBLEM = "application/problem+json"
REPLAYED_BYTES = 22 * 1024
NIL = "00000000-0000-4000-8000-000000000000"


class Said(NamedTuple):
    """The answer to raw bytes."""

    status: int
    headers: Message
    body: bytes

    @property
    def code(self) -> str:
        """The code of the problem."""
        assert self.headers.get_content_type() == PROBLEM
        problem: dict[str, str] = json.loads(self.body)
        return problem["code"]


def request(start: str, **headers: str) -> bytes:
    """A request without a body, as bytes; the connection ends after it."""
    lines = {"Host": "x", "Connection": "close", **headers}
    return "\r\n".join(
        [f"{start} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
    ).encode()


async def say(origin: str, request_bytes: bytes, seconds: float = bound(15.0, 60.0)) -> Said:
    """Sends raw bytes to the public port; the answer must come within so long."""
    host, port = origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_bytes)
    answer = await asyncio.wait_for(reader.read(), seconds)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    start, _, lines = head.decode().partition("\r\n")
    return Said(int(start.split()[1]), Parser().parsestr(lines), body)


def check_has_the_headers_of_all(answer: Said) -> None:
    """Checks the headers that each answer of edge has."""
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["FOO", "PROPFIND", "get"])
@pytest.mark.parametrize(
    ("path", "status", "allow"),
    [
        ("/nope", 404, None),
        ("/api/user", 405, "GET, HEAD, POST"),
        (f"/api/chat/{NIL}/file", 405, "POST"),
        ("/ws", 405, "GET, HEAD"),
    ],
)
async def test_an_unknown_method_is_judged_after_the_path(
    system: Hubbub, method: str, path: str, status: int, allow: str | None
) -> None:
    """404 for an unknown path, otherwise 405 with the allowed methods."""
    answer = await say(system.origin, request(f"{method} {path}"))
    assert answer.status == status
    assert answer.headers.get("Allow") == allow
    assert answer.code == ("not_found" if status == 404 else "method_not_allowed")


async def test_connect_is_refused_as_a_problem(system: Hubbub) -> None:
    """CONNECT asks for a tunnel and has no path."""
    answer = await say(system.origin, request("CONNECT example.org:80", Host="example.org:80"))
    assert (answer.status, answer.code) == (400, "invalid_request")
    check_has_the_headers_of_all(answer)


async def test_an_upgrade_to_another_protocol_is_ignored(system: Hubbub) -> None:
    """RFC 9110 section 7.8; the request is answered with its body."""
    body = b'{"username": "nobody", "password": "of nobody"}'
    length = str(len(body))
    wanted = {"Content-Type": "application/json", "Content-Length": length, "Upgrade": "foo"}
    head = request("POST /api/user/login", **wanted, Connection="upgrade, close")
    answer = await say(system.origin, head + body)
    assert (answer.status, answer.code) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"POST /api/user HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n"
        b"Content-Length: 4\r\n\r\nabc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    ],
)
async def test_what_is_not_http_is_refused_and_ends_the_connection(
    system: Hubbub, request_bytes: bytes
) -> None:
    """400 from HAProxy's parser, whose answer no setting of 2.8 changes."""
    assert (await say(system.origin, request_bytes)).status == 400


@pytest.mark.parametrize(("size", "status"), [(16_000, 200), (16_500, 431)])
@pytest.mark.parametrize("name_and_value_bytes", [9, 100, 16_000])
async def test_headers_may_have_16_kib(
    system: Hubbub, size: int, status: int, name_and_value_bytes: int
) -> None:
    """In one header or in many; more is 431, as a problem."""
    each = name_and_value_bytes - len("x-0000")
    names = [f"X-{n:04}" for n in range(size // (name_and_value_bytes + len(": \r\n")) + 1)]
    headers = {name: "x" * each for name in names[:-1]}
    headers[names[-1]] = "x" * (size % (name_and_value_bytes + len(": \r\n")))
    answer = await say(system.origin, request("GET /health/live", **headers))
    assert answer.status == status
    if status == 431:
        assert answer.code == "headers_too_large"
        check_has_the_headers_of_all(answer)


@pytest.mark.parametrize(("size", "status"), [(22_000, 431), (24_000, 400)])
async def test_headers_beyond_haproxys_buffer_are_no_http(
    system: Hubbub, size: int, status: int
) -> None:
    """HAProxy refuses a head above 23 KiB as it does other bytes that are not HTTP."""
    answer = await say(system.origin, request("GET /health/live", **{"X-Long": "x" * size}))
    assert answer.status == status


@pytest.mark.parametrize("path", ["/health/live", "/ws"])
@pytest.mark.parametrize(("size", "is_refused"), [(16_384, False), (16_385, True)])
async def test_the_last_byte_of_16_kib_counts(
    system: Hubbub, path: str, size: int, is_refused: bool
) -> None:
    """Each line counts with its line end, except `Connection: close`, which ends at the balancer,
    and headers that the balancer adds."""
    rest = len("Host: x\r\nX: \r\n")
    answer = await say(system.origin, request(f"GET {path}", X="x" * (size - rest)))
    assert (answer.status == 431) is is_refused


async def test_a_body_that_does_not_end_is_refused_as_a_problem(
    system: Hubbub, ann: Person
) -> None:
    """408: after ten seconds, and for a file after fifteen in which nothing arrived. What files
    refuses itself keeps its status."""
    head = request("POST /api/user", **{"Content-Type": "application/json", "Content-Length": "9"})
    path = f"POST /api/chat/{await ann.create_chat('talk')}/file"
    of_file = {"Authorization": f"Bearer {ann.token}", "Content-Length": "200000"}
    refused = await say(system.origin, request(path, **{**of_file, "Content-Length": "1"}) + b"x")
    assert (refused.status, refused.code) == (400, "invalid_request")
    answer, stalled = await asyncio.gather(
        say(system.origin, head + b"{"),
        say(
            system.origin, request(f"{path}?name=a", **of_file) + b"x" * 100_000, bound(20.0, 60.0)
        ),
    )
    assert answer.headers["Connection"] == "close"
    assert json.loads(stalled.body)["status"] == 408
    for one in (answer, stalled):
        assert (one.status, one.code) == (408, "invalid_request")
        check_has_the_headers_of_all(one)


@pytest.mark.parametrize(
    ("start", "refused"),
    [
        (f"POST /api/chat/{NIL}/file?name=a", 401),
        ("PUT /api/user/me/avatar", 401),
        ("POST /api/chat", 401),
        ("POST /api/nope", 404),
    ],
)
async def test_a_connection_goes_on_after_a_large_body_that_was_refused_by_its_head(
    system: Hubbub, start: str, refused: int
) -> None:
    """Even if the body arrives in one piece after the answer."""
    host, port = system.origin.removeprefix("http://").split(":")
    first, rest = b"x" * 100_000, b"x" * 300_000  # edge is asked when HAProxy's buffer is full
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = {"Connection": "keep-alive", "Content-Length": str(len(first + rest))}
        writer.write(request(start, **head) + first)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert answer.startswith(b"HTTP/1.1 %d" % refused)
        writer.write(rest)
        await writer.drain()
        writer.write(request("GET /health/live"))
        assert b"HTTP/1.1 200 OK" in await asyncio.wait_for(reader.read(), 30)
        writer.close()


async def test_without_an_edge_it_says_unavailable_and_when_to_come_back(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """503 with the same body and Retry-After as from edge; a browser at `/` shows a sentence
    instead."""
    async with Hubbub(tmp_path, replicas="edge=1,realtime=1,users=1,chats=1") as hubbub:
        paused = hubbub.signal_all("edge", signal.SIGSTOP)
        async with asyncio.timeout(bound(10.0, 60.0)):
            while True:
                async with http.get(f"{hubbub.origin}/health/live") as answer:
                    if answer.status == 503:
                        break
        assert answer.content_type == PROBLEM
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with http.get(f"{hubbub.origin}/health/live") as answer:
            assert await answer.json() == unavailable().problem()
        accept = {"Accept": "text/html,*/*;q=0.8"}
        async with http.get(f"{hubbub.origin}/", headers=accept) as answer:
            assert (answer.status, answer.content_type) == (503, "text/html")
            assert '<meta http-equiv="refresh"' in await answer.text()
        assert paused
        hubbub.signal_all("edge", signal.SIGCONT)


class Talk:
    """Eight users who write, read and count. An answer that is not a success is an error. Each POST
    has a body of `size` bytes, or of its natural size, and is repeated by the user, with the same
    key, for `retry_seconds`."""

    def __init__(
        self, person: Person, chat: str, size: int = 0, retry_seconds: float = 0.0
    ) -> None:
        self._person, self._chat = person, chat
        self._body = b'{"message":"hello"}'.ljust(size)
        self._retry_seconds = retry_seconds
        self.posted = 0

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Runs them for the duration of the block. Raises AssertionError for anything that
        failed."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(self._talk(over))
            yield
            over.set()

    async def until_posted(self, more: int) -> None:
        goal = self.posted + more
        while self.posted < goal:  # noqa: ASYNC110 - what changes is a count
            await asyncio.sleep(0.01)

    async def _talk(self, over: asyncio.Event) -> None:
        while not over.is_set():
            key = str(uuid.uuid4()) if self._retry_seconds else ""
            answer = await self._person.ask(
                "POST", f"/api/chat/{self._chat}/message", self._body, key=key,
                retry_seconds=self._retry_seconds,
            )  # fmt: skip
            assert answer.status == 201, answer
            self.posted += 1
            answer = await self._person.ask("GET", f"/api/chat/{self._chat}", retry_seconds=0)
            assert answer.status == 200, answer


@pytest.mark.parametrize(
    ("size", "retry_seconds"), [(0, 0), (REPLAYED_BYTES, 0), (MAX_BODY_BYTES, 10)]
)
async def test_no_get_or_post_fails_when_one_edge_is_killed(
    system: Hubbub, ann: Person, size: int, retry_seconds: float
) -> None:
    """Each edge is killed in turn while eight users write and read; every post is sent once. The
    balancer does not replay a body that its buffer has no room for; its sender repeats it."""
    await system.until_whole()
    talk = Talk(ann, chat := await ann.create_chat("talk"), size, retry_seconds)
    async with talk.going_on():
        for process in system.processes("edge"):
            await talk.until_posted(40)
            assert system.signal_one(process.pid, signal.SIGKILL)
            await system.until_replaced([process.pid])
    assert len(await ann.events(chat)) == 1 + talk.posted


async def test_no_get_or_post_fails_when_the_only_edge_is_killed(
    system: Hubbub, ann: Person
) -> None:
    """An idle system has one edge. Requests that arrive before the next one serves wait for it."""
    await system.until_whole()
    edges = len(system.processes("edge"))
    talk = Talk(ann, chat := await ann.create_chat("talk"))
    assert (await ask_fleet(system.data / "run", Scale("edge", 1))).done
    try:
        async with talk.going_on():
            await talk.until_posted(40)
            await system.until_replaced(system.kill("edge"))
    finally:
        assert (await ask_fleet(system.data / "run", Scale("edge", edges))).done
    assert len(await ann.events(chat)) == 1 + talk.posted


@pytest.mark.long
async def test_a_rolling_restart_costs_no_request(system: Hubbub, ann: Person) -> None:
    """Every service process is replaced while eight users write and read."""
    await system.until_whole()
    before = {process.pid for role in SERVICE_ROLES for process in system.processes(role)}
    talk = Talk(ann, chat := await ann.create_chat("talk"))
    async with talk.going_on():
        answer = await ask_fleet(system.data / "run", Restart())
    assert answer.done, answer
    assert not before & {process.pid for process in system.processes()}
    assert len(await ann.events(chat)) == 1 + talk.posted


async def test_a_role_grows_and_shrinks_without_a_failed_request(
    system: Hubbub, ann: Person
) -> None:
    """A new edge serves; an edge that is removed is drained first."""
    await system.until_whole()
    edges = len(system.processes("edge"))
    talk = Talk(ann, chat := await ann.create_chat("talk"))
    async with talk.going_on():
        for replicas in (edges + 1, edges):
            assert (await ask_fleet(system.data / "run", Scale("edge", replicas))).done
            assert len(system.processes("edge")) == replicas
            await talk.until_posted(40)
    assert len(await ann.events(chat)) == 1 + talk.posted
