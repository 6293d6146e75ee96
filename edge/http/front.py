"""The outermost layer: paths and methods, HEAD, traces, the access log, the last error handler.

What the framework would decide differently from the contract is decided here, before it sees the
request. Knows the routes' paths, not what they do.
"""

import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from litestar.enums import HttpMethod
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.trace import enter_trace
from common.protocol.errors import PROBLEM_TYPE, Refusal, not_found
from edge.http.headers import find_header
from edge.http.refusals import internal_error
from edge.metrics import REQUESTS

TRACE_HEADER: Final = b"x-hubbub-trace"
UNKNOWN_ROUTE: Final = "unknown"
HEALTH: Final = "/health/"
_is_usual_host = re.compile(r"[\w.:\[\]-]*\Z", re.ASCII).match  # the framework judges all others


class Route(NamedTuple):
    """A path as the framework writes it, `/api/chat/{chat_id}`, and its methods. The values of
    `encoded` parameters may hold `%`. `serves` answer by method instead of the framework."""

    template: str
    methods: frozenset[str]
    encoded: frozenset[str] = frozenset()
    serves: Mapping[str, ASGIApp] = {}

    def read_parameters(self, raw_path: bytes) -> dict[str, str]:
        """Of a path that is this route's."""
        return {
            name[1:-1]: part
            for name, part in zip(
                self.template.split("/"), raw_path.decode("latin-1").split("/"), strict=True
            )
            if name[:1] == "{"
        }

    @property
    def allow(self) -> str:
        """The value of the Allow header; HEAD is there wherever GET is."""
        return ", ".join(sorted(self.methods | ({"HEAD"} if "GET" in self.methods else set())))


class _Node:
    """What may follow one part of a path."""

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.may_be_encoded = False
        self.route: Route | None = None


class RouteTable:
    """Which route a path belongs to. A literal part goes before a parameter, as in the framework.

    A path has one spelling: no `%` outside of parameters that allow it, no trailing slash.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for part in route.template.split("/"):
                if part.startswith("{"):
                    node.parameter = node.parameter or _Node()
                    node.may_be_encoded |= part[1:-1] in route.encoded
                    node = node.parameter
                else:
                    node = node.literals.setdefault(part.encode(), _Node())
            node.route = route

    def find(self, raw_path: bytes) -> Route | None:
        node = self._root
        for part in raw_path.split(b"/"):
            if (literal := node.literals.get(part)) is not None:
                node = literal
            elif node.parameter is None or not part or (b"%" in part and not node.may_be_encoded):
                return None
            else:
                node = node.parameter
        return node.route


class Front:
    """An ASGI application around the framework's; the server starts it without a lifespan."""

    def __init__(self, app: ASGIApp, routes: RouteTable, rest: Rest = NEVER) -> None:
        self._app = app
        self._rest = rest
        self._routes = routes

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method: str = scope["method"]
        trace = enter_trace(find_header(scope, b"traceparent")).id.encode()
        route = self._routes.find(scope["raw_path"])
        if route is None or not route.template.startswith(HEALTH):  # balancers ask all the time
            self._rest.note()
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [
                    *message["headers"],
                    (TRACE_HEADER, trace),
                    (b"x-content-type-options", b"nosniff"),
                ]
                if all(name != b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        try:
            await self._answer(route, method, scope, receive, send_on)
        except Exception:
            log("unhandled error", level=logging.ERROR, exception=True)
            if status:
                raise  # the answer has begun: only a broken connection can say that it is wrong
            await send_refusal(internal_error(), send_on)
        finally:
            name = route.template if route else UNKNOWN_ROUTE
            seconds = time.perf_counter() - started
            REQUESTS.note((method, name, status), seconds)
            if not name.startswith(HEALTH):  # the balancer asks twice a second
                ms = round(seconds * 1000, 2)
                log("request", method=method, route=name, status=status, ms=ms)

    async def _answer(
        self, route: Route | None, method: str, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        if route is None:
            await send_refusal(not_found(), send)
            return
        if method == "HEAD" and "GET" in route.methods:
            # The server, which has the first scope, leaves the body out.
            scope = scope.copy()
            scope["method"] = HttpMethod.GET
        elif method not in route.methods:
            refusal = Refusal(
                "method_not_allowed",
                f"The methods here are {route.allow}.",
                headers={"Allow": route.allow},
            )
            await send_refusal(refusal, send)
            return
        serve = route.serves.get(scope["method"])
        if serve is not None and _is_usual_host(find_header(scope, b"host") or ""):
            scope["path_params"] = route.read_parameters(scope["raw_path"])
            await serve(scope, receive, send)
            return
        if b"%" in scope["raw_path"]:
            # The server has decoded the path, slashes included; parameters are read undecoded.
            scope = scope.copy()
            scope["path"] = scope["raw_path"].decode("latin-1")
        await self._app(scope, receive, send)


async def send_refusal(refusal: Refusal, send: Send) -> None:
    """RFC 9457 problem+json without the framework."""
    body = msgspec.json.encode(refusal.problem())
    headers = {
        "content-type": PROBLEM_TYPE,
        "content-length": str(len(body)),
        **refusal.http_headers(),
    }
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
