"""The outermost layer: which route a path is, and what becomes of a bug."""

from typing import Any

import pytest
from litestar import get

from edge.app import create_app
from edge.front import Route, RouteTable

TABLE = RouteTable(
    [
        Route("/a", frozenset({"GET", "POST"})),
        Route("/a/me", frozenset({"PATCH"})),
        Route("/a/{id}", frozenset({"DELETE"})),
        Route("/a/{id}/b/{other}", frozenset({"GET"})),
    ]
)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        (b"/a", "/a"),
        (b"/a/me", "/a/me"),
        (b"/a/x", "/a/{id}"),
        (b"/a/..", "/a/{id}"),
        (b"/a/x/b/y", "/a/{id}/b/{other}"),
        *[(path, None) for path in (b"", b"/", b"/a/", b"//a", b"/a/x/", b"/a/x/b", b"/a/%41")],
        *[(path, None) for path in (b"/a/x/b/y/", b"/a/x/b/y/z", b"/a\n", b"/A", b"a")],
    ],
)
def test_a_path_has_one_spelling(path: bytes, template: str | None) -> None:
    """Literal paths go before templates; nothing is decoded, added or left out."""
    found = TABLE.find(path)
    assert (found.template if found else None) == template


def test_allow_names_head_beside_get() -> None:
    """HEAD is allowed wherever GET is, and nowhere else."""
    assert Route("/", frozenset({"GET", "POST"})).allow == "GET, HEAD, POST"
    assert Route("/", frozenset({"DELETE"})).allow == "DELETE"


async def ask(app: Any, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """One GET, without a server."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": [],
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "scheme": "http",
        "server": ("127.0.0.1", 2), "http_version": "1.1", "asgi": {"version": "3.0"},
        "extensions": {}, "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_a_bug_is_a_problem_that_says_nothing() -> None:
    """An exception answers 500 `internal` without a word of what it was."""

    @get("/bug")
    async def fail() -> None:
        raise RuntimeError("secret at 10.0.0.1")

    status, headers, body = await ask(create_app([fail]), "/bug")
    assert status == 500
    assert headers[b"content-type"] == b"application/problem+json"
    assert b'"code":"internal"' in body
    assert b"secret" not in body
    assert headers[b"cache-control"] == b"no-store"
