"""The public side, an ASGI application: which calls there are, who makes them, and their answers.

edge declares these calls, and answers other methods on their paths.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from common.calls.balancer import BALANCER_HEADER, read_balancer_header, request_key_of
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.trace import enter_trace
from common.protocol.errors import PROBLEM_TYPE, Refusal, internal, invalid, not_found, unavailable
from common.protocol.ids import WRONG_ID, is_id
from files.metrics import REQUESTS, SENT
from files.store import BytesMissing, StoreUnavailable
from files.uploads import BodyBroken

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Body = AsyncIterator[bytes]

UNKNOWN_ROUTE: Final = "unknown"
SLICE_BYTES: Final = 2**16  # sent at once: the transport of a slow client holds about two of them
ID: Final = "([^/]+)"
_encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """`body` yields exactly Content-Length bytes, or is None if there is none."""

    status: int
    headers: Mapping[str, str]
    body: Body | None


class Request:
    """One request, its body unread. Header names are in lower case."""

    def __init__(
        self, scope: Mapping[str, Any], receive: Receive, balancer_key: str | None
    ) -> None:
        self.headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.query: bytes = scope["query_string"]
        self._receive = receive
        self._balancer_key = balancer_key

    async def body(self) -> Body:
        """Raises BodyBroken if it does not arrive completely."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise BodyBroken
            more = message.get("more_body", False)
            if data := message.get("body"):
                yield data

    def key(self) -> str:
        """The client's Idempotency-Key, or the balancer's. Raises Refusal invalid_request."""
        own: str | None = self.headers.get("idempotency-key")
        if own is not None:
            if not is_id(own):
                raise invalid("Idempotency-Key", WRONG_ID)
            return own
        header = self.headers.get(BALANCER_HEADER, "")
        return request_key_of(read_balancer_header(header, self._balancer_key))


Serve = Callable[..., Awaitable[Answer]]


class Route(NamedTuple):
    """A call; `serve` takes the request and the path parameters, percent-encoded as received."""

    methods: tuple[str, ...]
    template: str
    serve: Serve

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", ID, self.template) + r"\Z")


class Web:
    """The ASGI application."""

    def __init__(
        self,
        balancer_key: str | None,
        routes: list[Route],
        arrive: Callable[[], Awaitable[None]] | None = None,
        rest: Rest = NEVER,
    ) -> None:
        """`arrive` is awaited before a route serves."""
        self._balancer_key = balancer_key
        self._arrive = arrive
        self._rest = rest
        self._routes = [(route, route.pattern) for route in routes]

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        with self._rest.visit():  # bytes may take ten minutes
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive, self._balancer_key)
        trace = enter_trace(request.headers.get("traceparent"))
        method: str = scope["method"]
        template, status = UNKNOWN_ROUTE, 0
        try:
            route, parameters = self._find(method, scope["raw_path"].decode("latin-1"))
            template = route.template
            if self._arrive is not None:
                await self._arrive()
            answer = await route.serve(request, *parameters)
        except BodyBroken:
            answer = None  # no client is left to answer
        except asyncio.CancelledError:  # this process ends
            answer = answer_refusal(unavailable())
        except Refusal as refusal:
            answer = answer_refusal(unavailable() if refusal.code == "unavailable" else refusal)
        except StoreUnavailable as error:
            log("store unavailable", level=logging.WARNING, error=str(error))
            answer = answer_refusal(unavailable())
        except Exception:
            log("unhandled error", level=logging.ERROR, exception=True)
            answer = answer_refusal(internal())
        try:
            if answer is not None:
                status = answer.status
                await _send(answer, trace.id, send, with_body=method != "HEAD")
        except asyncio.CancelledError:
            log("answer cut short")  # this process ends, and has closed the connection
        finally:
            seconds = time.perf_counter() - started
            REQUESTS.note((method, template, status), seconds)
            log(
                "request", method=method, route=template, status=status,
                ms=round(seconds * 1000, 2),
            )  # fmt: skip

    def _find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        for route, pattern in self._routes:
            if method in route.methods and (found := pattern.match(path)):
                return route, found.groups()
        raise not_found()


def answer_refusal(refusal: Refusal) -> Answer:
    """RFC 9457 problem+json."""
    return answer_bytes(
        refusal.status, _encode(refusal.problem()), PROBLEM_TYPE, refusal.http_headers()
    )


def answer_json(status: int, body: msgspec.Struct) -> Answer:
    return answer_bytes(status, _encode(body), "application/json")


def answer_bytes(
    status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None
) -> Answer:
    async def body() -> Body:
        yield data

    head = {
        "Content-Type": kind,
        "Content-Length": str(len(data)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **(headers or {}),
    }
    return Answer(status, head, body())


async def _send(answer: Answer, trace: str, send: Send, *, with_body: bool) -> None:
    """Raises StoreUnavailable or BytesMissing if bytes are gone meanwhile: then the connection is
    closed, since the answer has begun."""
    headers = [
        *(
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in answer.headers.items()
        ),
        (b"x-hubbub-trace", trace.encode()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.body is not None and with_body:
        try:
            async for data in answer.body:
                SENT.inc(len(data))
                for start in range(0, len(data), SLICE_BYTES):
                    part = data[start : start + SLICE_BYTES]
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except BytesMissing as error:
            raise StoreUnavailable(f"{error} is gone") from error
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def query_value(query: bytes, name: str) -> str | None:
    """None if it is absent. Raises Refusal invalid_request if it occurs twice or is not UTF-8."""
    found: str | None = None
    for pair in query.split(b"&"):
        key, _, value = pair.partition(b"=")
        if unquote_to_bytes(key.replace(b"+", b" ")) == name.encode():
            if found is not None:
                raise invalid(name, "must be given once")
            try:
                found = unquote_to_bytes(value.replace(b"+", b" ")).decode()
            except UnicodeDecodeError as error:
                raise invalid(name, "must be UTF-8") from error
    return found
