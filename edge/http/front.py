"""The outermost layer: paths and methods, HEAD, traces, the access log, the last error handler.

Decides, before the framework sees the request, what the framework would decide differently from the
contract. Knows the routes' paths, not what they do.
"""

import logging
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from litestar.enums import HttpMethod
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from common.process.logs import log, log_request
from common.process.rest import NEVER, Rest
from common.process.trace import enter_trace
from common.protocol.errors import Refusal, internal, not_found
from edge.http.answer import Answer
from edge.http.headers import find_header
from edge.http.joined_writes import take_whole
from edge.http.refusals import problem_answer
from edge.http.served import Serve, send_response
from edge.metrics import REQUESTS

TRACE_HEADER: Final = b"x-hubbub-trace"
_MORE_HEADERS: Final = (
    b"%bx-hubbub-trace: %b\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n"
)
UNKNOWN_ROUTE: Final = "unknown"
HEALTH: Final = "/health/"
_is_usual_host = re.compile(r"[\w.:\[\]-]*\Z", re.ASCII).match  # the framework checks all others


@dataclass
class Route:
    """A path as the framework writes it, `/api/chat/{chat_id}`, and its methods. The values of
    `encoded` parameters may contain `%`. `serves` answer by method instead of the framework."""

    template: str
    methods: frozenset[str]
    encoded: frozenset[str] = frozenset()
    serves: Mapping[str, Serve] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_of_health = self.template.startswith(HEALTH)
        self._places = [
            (place, part[1:-1])
            for place, part in enumerate(self.template.split("/"))
            if part.startswith("{")
        ]

    def read_parameters(self, raw_path: bytes) -> dict[str, str]:
        """The parameters in a path of this route."""
        parts = raw_path.decode("latin-1").split("/")
        return {name: parts[place] for place, name in self._places}

    @property
    def allow(self) -> str:
        """The value of the Allow header; HEAD is allowed wherever GET is."""
        return ", ".join(sorted(self.methods | ({"HEAD"} if "GET" in self.methods else set())))


class _Node:
    """What may follow one part of a path."""

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.may_be_encoded = False
        self.route: Route | None = None


class RouteTable:
    """The route that a path belongs to. A literal part takes precedence over a parameter, as in the
    framework.

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
        is_of_health = route is not None and route.is_of_health
        if not is_of_health:  # balancers ask constantly
            self._rest.note()
        sender = _Sender(scope, send, trace)
        try:
            await self._answer(route, method, scope, receive, sender)
        except Exception:
            log("unhandled error", level=logging.ERROR, exception=True)
            if sender.status:
                raise  # the answer has begun: only breaking the connection can signal the error
            await problem_answer(internal()).send_itself(scope, receive, sender)
        finally:
            name = route.template if route else UNKNOWN_ROUTE
            seconds = time.perf_counter() - started
            REQUESTS.note((method, name, sender.status), seconds)
            if not is_of_health:  # the balancer asks twice a second
                ms = round(seconds * 1000, 2)
                log_request(method=method, route=name, status=sender.status, ms=ms)

    async def _answer(
        self, route: Route | None, method: str, scope: HTTPScope, receive: Receive, send: "_Sender"
    ) -> None:
        if route is None:
            await problem_answer(not_found()).send_itself(scope, receive, send)
            return
        if method == "HEAD" and "GET" in route.methods:
            # The server, which holds the original scope, omits the body.
            scope = scope.copy()
            scope["method"] = HttpMethod.GET
        elif method not in route.methods:
            refusal = Refusal(
                "method_not_allowed",
                f"The methods here are {route.allow}.",
                headers={"Allow": route.allow},
            )
            await problem_answer(refusal).send_itself(scope, receive, send)
            return
        serve = route.serves.get(scope["method"])
        if serve is not None and _is_usual_host(find_header(scope, b"host") or ""):
            scope["path_params"] = route.read_parameters(scope["raw_path"])
            response = await serve(scope, receive, send)
            if not (isinstance(response, Answer) and send.send_whole(response)):
                await send_response(response, scope, receive, send)
            return
        if b"%" in scope["raw_path"]:
            # The server has decoded the path, slashes included; parameters are read undecoded.
            scope = scope.copy()
            scope["path"] = scope["raw_path"].decode("latin-1")
        await self._app(scope, receive, send)


class _Sender:
    """Sends the answer to one request, with the headers common to all. Until then `status` is 0."""

    __slots__ = ("_scope", "_send", "_trace", "_write_whole", "status")

    def __init__(self, scope: HTTPScope, send: Send, trace: bytes) -> None:
        self._scope, self._send, self._trace = scope, send, trace
        self._write_whole = take_whole(scope)
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [
                *message["headers"],
                (TRACE_HEADER, self._trace),
                (b"x-content-type-options", b"nosniff"),
            ]
            if all(name != b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message["headers"] = headers
        await self._send(message)

    def send_whole(self, answer: Answer) -> bool:
        """Sends at once, bypassing ASGI messages; False if this answer or its connection needs
        them."""
        if self._write_whole is None or not answer.may_be_whole:
            return False
        answer.settle(self._scope)
        status = answer.status_code or 200
        headers = _MORE_HEADERS % (answer.head(), self._trace)
        if not self._write_whole(status, headers, answer.content):
            return False
        self.status = status
        return True
