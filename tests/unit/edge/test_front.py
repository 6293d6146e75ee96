"""The outermost layer: which route a path matches, and how a bug is answered."""

import asyncio
import gc
import re
import socket
from typing import Annotated, Any, cast
from urllib.parse import unquote
from weakref import ref

import pytest
from litestar import get

from common.calls.calls import Calls
from common.identity.credentials import Credentials
from common.identity.gate import Gate
from common.process.web import serving_app
from common.protocol.errors import invalid
from common.protocol.instance import Role
from common.protocol.wire import Id
from edge.admission import WHO, Admission
from edge.app import create_app
from edge.bodies import Confirmation
from edge.http.balancer import Balancer
from edge.http.endpoint import create_endpoints
from edge.http.front import TRACE_HEADER, Route, RouteTable
from edge.http.joined_writes import WHOLE, WholeAnswers
from edge.limits import Limits
from edge.operation import PathText, Who, put

ID = "00000000-0000-4000-8000-000000000000"
# Without a token in the request, edge calls neither users nor the limits.
ADMISSION = Admission(Gate(Credentials(cast("Calls", None), "edge")), cast("Limits", None))
TABLE = RouteTable(
    [
        Route("/a", frozenset({"GET", "POST"})),
        Route("/a/me", frozenset({"PATCH"})),
        Route("/a/{id}", frozenset({"DELETE"})),
        Route("/a/{id}/b/{other}", frozenset({"GET"})),
        Route("/a/{id}/c/{emoji}", frozenset({"PUT"}), frozenset({"emoji"})),
    ]
)


async def demand_nothing(user: str, roles: tuple[Role, ...]) -> None:
    """No call here requires a role."""


def read_letter(text: str) -> str:
    letter = unquote(text)
    if letter != "\u00e4":
        raise invalid("emoji", "must be a letter")
    return letter


@pytest.mark.parametrize(
    ("path", "template"),
    [
        (b"/a", "/a"),
        (b"/a/me", "/a/me"),
        (b"/a/x", "/a/{id}"),
        (b"/a/..", "/a/{id}"),
        (b"/a/x/b/y", "/a/{id}/b/{other}"),
        (b"/a/x/c/%F0%9F%91%8D", "/a/{id}/c/{emoji}"),
        (b"/a/x/c/%2F", "/a/{id}/c/{emoji}"),
        (b"/a/%41/c/x", None),
        *[(path, None) for path in (b"", b"/", b"/a/", b"//a", b"/a/x/", b"/a/x/b", b"/a/%41")],
        *[(path, None) for path in (b"/a/x/b/y/", b"/a/x/b/y/z", b"/a\n", b"/A", b"a")],
    ],
)
def test_a_path_has_one_spelling(path: bytes, template: str | None) -> None:
    """Literal parts go before parameters; nothing is decoded, added or left out."""
    found = TABLE.find(path)
    assert (found.template if found else None) == template


def test_allow_names_head_beside_get() -> None:
    """HEAD is allowed wherever GET is, and nowhere else."""
    assert Route("/", frozenset({"GET", "POST"})).allow == "GET, HEAD, POST"
    assert Route("/", frozenset({"DELETE"})).allow == "DELETE"


async def ask(
    app: Any,
    path: str,
    method: str = "GET",
    host: bytes = b"hubbub.test:8000",
    extensions: Any = None,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """One request, without a server."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(),
        "headers": [(b"host", host)],
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "scheme": "http",
        "server": ("127.0.0.1", 2), "http_version": "1.1", "asgi": {"version": "3.0"},
        "extensions": extensions or {}, "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_a_bug_is_a_problem_that_says_nothing() -> None:
    """An exception is answered with 500 `internal` and no details."""

    @get("/bug", opt={WHO: Who.EVERYBODY})
    async def fail() -> None:
        raise RuntimeError("secret at 10.0.0.1")

    status, headers, body = await ask(create_app([fail], ADMISSION), "/bug")
    assert status == 500
    assert headers[b"content-type"] == b"application/problem+json"
    assert b'"code":"internal"' in body
    assert b"secret" not in body
    assert headers[b"cache-control"] == b"no-store"


async def test_a_handler_that_says_nothing_is_closed() -> None:
    """A handler without declared permissions requires a token."""

    @get("/secret")
    async def tell() -> str:
        return "secret"

    status, _, body = await ask(create_app([tell], ADMISSION), "/secret")
    assert (status, b"secret" in body) == (401, False)


class ReactionRoutes:
    @put("/a/{a_id}/{emoji}", "React", {201: Confirmation}, who=Who.EVERYBODY)
    async def react(
        self, a_id: Id, emoji: Annotated[str, PathText(read_letter, {}, "invalid_request")]
    ) -> Confirmation:
        return Confirmation(message=f"{a_id} {emoji}")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/a/{ID}/%C3%A4", 201),
        (f"/a/{ID}/%2F", 400),
        ("/a/x/%2F", 400),
        ("/a/x/%C3%A4", 404),
    ],
)
async def test_text_in_a_path_is_read_as_it_was_sent(path: str, status: int) -> None:
    """A parameter with its own type gets the raw text; its 400 takes precedence over 404."""
    app = create_app(create_endpoints(ReactionRoutes(), Balancer(None), demand_nothing), ADMISSION)
    found, _, body = await ask(app, path, "PUT")
    assert found == status, body


@pytest.mark.parametrize(("host", "status"), [(b"[::1]:80", 201), (b"a~b", 201), (b"a/b", 400)])
async def test_a_host_is_one_by_its_letters(host: bytes, status: int) -> None:
    """A call bypasses the framework unless the host is unusual: only the framework judges those."""
    app = create_app(create_endpoints(ReactionRoutes(), Balancer(None), demand_nothing), ADMISSION)
    found, _, body = await ask(app, f"/a/{ID}/%C3%A4", "PUT", host)
    assert found == status, body


@pytest.mark.parametrize(("path", "expected"), [(f"/a/{ID}/%C3%A4", 201), ("/a/x/%C3%A4", 404)])
async def test_an_answer_that_is_whole_is_the_same_answer(path: str, expected: int) -> None:
    """A server that accepts whole answers gets the status, the headers in order and the body."""
    app = create_app(create_endpoints(ReactionRoutes(), Balancer(None), demand_nothing), ADMISSION)
    taken: list[tuple[int, bytes, bytes]] = []

    def take(status: int, head: bytes, body: bytes) -> bool:
        taken.append((status, head, body))
        return False

    status, headers, body = await ask(app, path, "PUT", extensions={WHOLE: take})
    headers[TRACE_HEADER] = b"a" * 32
    head = b"".join(b"%b: %b\r\n" % header for header in headers.items())
    assert status == expected
    for got_status, got_head, got_body in taken:
        got_head = re.sub(rb"(?<=x-hubbub-trace: )[0-9a-f]{32}", b"a" * 32, got_head)
        assert (got_status, got_head, got_body) == (status, head, body)
    assert len(taken) == 1


async def test_a_request_leaves_nothing_to_the_collector_of_cycles() -> None:
    """Its objects are freed once the next request is answered."""
    endpoints = create_endpoints(ReactionRoutes(), Balancer(None), demand_nothing)
    front = create_app(endpoints, ADMISSION)
    asked: list[ref[object]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(ref(send.__self__))
        await front(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    gc.disable()
    try:
        async with serving_app(app, [listener], WholeAnswers), asyncio.timeout(30):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            for path in (f"/a/{ID}/%C3%A4", "/nowhere", "/"):
                head = f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                writer.write(head.encode())
                answer = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(answer.partition(b"content-length: ")[2].split()[0]))
            while any(request() for request in asked[:-1]):  # noqa: ASYNC110 - of references
                await asyncio.sleep(0.001)
            writer.close()
    finally:
        gc.enable()
    assert len(asked) == 3
