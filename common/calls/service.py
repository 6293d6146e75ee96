"""The internal port of a process: its calls, its health, its metrics. Only our own processes reach
it.

Calls demand the credential of a service that may make them (common/calls/callers.py), take one
struct and answer one; failures are problem+json. Each call is counted, timed and logged; polls are
frequent and of no interest, so they are logged only if they failed. No body is ever logged.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import parse_qs

import msgspec
import prometheus_client

from common.calls.callers import CALLERS, RELEASE_BEFORE, KnownCallers
from common.calls.calls import DEADLINE_HEADER, DEADLINE_SECONDS, KEY_REFUSED_HEADER
from common.calls.description import describe_calls
from common.calls.health import Health
from common.calls.http_server import Request, Response
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.tally import Tally
from common.process.trace import enter_trace
from common.protocol.errors import PROBLEM_TYPE, Refusal, internal, not_found, unavailable

Q = TypeVar("Q", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)

CALLS: Final = "/calls/"
DESCRIPTION: Final = "/openapi.json"
# How long a call from another process's periodic work waits at rest, so that it needs no second
# database connection beside this process's own work.
ROUND_PATIENCE_SECONDS: Final = 0.2
UNKNOWN: Final = "unknown"  # an invented name must not become a label

SERVED: Final = Tally(
    ("hubbub_served_calls", "Calls answered."),
    ("hubbub_served_call_seconds", "From the whole call to its answer."),
    labels=("call", "status"),
    timed_by="call",
)

call_seconds: ContextVar[float] = ContextVar("call_seconds", default=DEADLINE_SECONDS)
"""How long the caller of the current call waits for its answer, from its start."""

_encode = msgspec.json.Encoder().encode
_DEADLINE: Final = DEADLINE_HEADER.lower().encode()


Repeat = Literal["reads", "key", "state", "anew"]
"""`reads`: it changes nothing. `key`: the request carries a key, or the id of a transaction, by
which a repeat finds the first one's result. `state`: it sets a state, which a repeat finds set, or
sets again. `anew`: a repeat does it again, and it does no harm that the first result is lost."""


@dataclass(frozen=True)
class Call(Generic[Q, A]):
    """`POST /calls/<name>`: JSON of one struct in, of the other one out. `serve` may raise Refusal,
    and may return the answer's JSON instead of the struct. `by` names the services that may make
    it, separated by spaces; all others are refused. `repeat` says why a caller that got no answer
    may make it again. A `round` is a periodic call that is made even when there are no users: it
    does not end a rest."""

    name: str
    by: str
    repeat: Repeat
    request: type[Q]
    answer: type[A]
    serve: Callable[[Q], Awaitable[A | bytes]]
    round: bool = False

    def __post_init__(self) -> None:
        if not self.callers or not self.callers <= set(CALLERS):
            raise ValueError(f"{self.name}: {self.by!r} does not name services")

    @property
    def callers(self) -> frozenset[str]:
        return frozenset(self.by.split())


class CallService:
    """Answers the requests of common/calls/http_server.py.

    A call that fails with `unavailable_on` (a failing database) is refused with `unavailable`;
    every other exception except Refusal is a bug and answers 500.
    """

    def __init__(
        self,
        calls: Sequence[Call[Any, Any]],
        health: Health,
        callers: KnownCallers,
        rest: Rest = NEVER,
        *,
        unavailable_on: type[Exception] | tuple[()] = (),
    ) -> None:
        # Avoids a second, unused series for each counter. Untyped upstream.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._calls = {
            call.name: (
                call.callers | {RELEASE_BEFORE},
                msgspec.json.Decoder(call.request).decode,
                call.serve,
            )
            for call in calls
        }
        # Created on first use, which most processes never have.
        self._describe = cache(
            partial(
                describe_calls,
                {f"{CALLS}{call.name}": (call.request, call.answer) for call in calls},
            )
        )
        self._rounds = {call.name for call in calls if call.round}
        self._rest = rest
        self._health = health
        self._callers = callers
        self._unavailable_on = unavailable_on
        self._open = {
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._metrics,
        }

    async def handle(self, request: Request) -> Response:
        if self._calls and request.path.startswith(CALLS):
            return await self._handle_call(request)
        try:
            if (page := self._open.get(request.path)) is not None:
                _demand_method(request, "GET")
                return await page(request)
            if request.path == DESCRIPTION and self._calls:
                self._identify(request)
                _demand_method(request, "GET")
                return Response(200, self._describe())
            raise not_found()
        except Refusal as refusal:
            return _problem(refusal)
        except Exception:
            log("unhandled error", level=logging.ERROR, exception=True, path=request.path)
            return _problem(internal())

    async def _handle_call(self, request: Request) -> Response:
        started = time.perf_counter()
        trace = enter_trace(request.headers.get(b"traceparent", b"").decode("latin-1"))
        name = request.path.removeprefix(CALLS)
        try:
            response = Response(200, await self._serve(name, request))
        except Refusal as refusal:
            response = _problem(refusal)
        except self._unavailable_on as error:
            log("dependency unavailable", level=logging.WARNING, error=type(error).__name__)
            response = _problem(unavailable())
        except Exception:
            log("unhandled error", level=logging.ERROR, exception=True, call=name)
            response = _problem(internal())
        name = name if name in self._calls else UNKNOWN
        seconds = time.perf_counter() - started
        SERVED.note((name, response.status), seconds)
        if trace.is_asked_for or response.status >= 500:
            log("call", call=name, status=response.status, ms=round(seconds * 1000, 2))
        return response

    async def _serve(self, name: str, request: Request) -> bytes:
        """Raises Refusal, and whatever the call raises."""
        caller = self._identify(request)
        if name not in self._calls:
            raise not_found()
        _demand_method(request, "POST")
        may, decode, serve = self._calls[name]
        if caller not in may:
            raise Refusal(
                "forbidden", f"{caller} may not call {name}.", headers={KEY_REFUSED_HEADER: "1"}
            )
        if name not in self._rounds:
            self._rest.note()
        left_ms = request.headers.get(_DEADLINE, b"")
        call_seconds.set(int(left_ms) / 1000 if left_ms.isdigit() else DEADLINE_SECONDS)
        try:
            asked = decode(request.body)
        except msgspec.DecodeError as error:
            raise Refusal("invalid_request", str(error)) from error
        answer: bytes | msgspec.Struct
        if name in self._rounds:
            async with self._rest.in_turn(ROUND_PATIENCE_SECONDS):
                answer = await serve(asked)
        else:
            answer = await serve(asked)
        return answer if isinstance(answer, bytes) else _encode(answer)

    def _identify(self, request: Request) -> str:
        """The calling service. Raises Refusal."""
        caller = self._callers.identify(request.headers)
        if caller is None:
            raise Refusal(
                "unauthenticated",
                "The credential of the calling service is missing, or is not the one that is"
                " known here.",
                headers={KEY_REFUSED_HEADER: "1"},
            )
        return caller

    async def _live(self, _: Request) -> Response:
        if self._health.draining:
            return Response(503, _encode({"status": "draining"}))
        return Response(200, _encode({"status": "live", "atRest": self._rest.has_begun()}))

    async def _ready(self, _: Request) -> Response:
        missing = "draining" if self._health.draining else await self._health.ready()
        if missing:
            return Response(503, _encode({"status": "not ready", "missing": missing}))
        return Response(200, _encode({"status": "ready", **self._health.details()}))

    async def _metrics(self, request: Request) -> Response:
        # `?name[]=…` selects samples, as in Prometheus's own client libraries.
        names = parse_qs(request.query).get("name[]")
        registry = prometheus_client.REGISTRY
        text = prometheus_client.generate_latest(
            registry.restricted_registry(names) if names else registry
        )
        return Response(200, text, prometheus_client.CONTENT_TYPE_LATEST)


def _demand_method(request: Request, method: str) -> None:
    if request.method != method:
        detail = f"The method here is {method}."
        raise Refusal("method_not_allowed", detail, headers={"Allow": method})


def _problem(refusal: Refusal) -> Response:
    """RFC 9457 problem+json."""
    body = _encode(refusal.problem())
    return Response(refusal.status, body, PROBLEM_TYPE, refusal.http_headers())
