"""What every HTTP service has: problem+json, health, metrics, the credential, drain.

users and chats are made by `create_service`; edge and realtime serve `create_internal_app` on a
port of their own. Knows nothing of what a service does.
"""

import asyncio
import contextlib
import hmac
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import prometheus_client
import uvicorn
from litestar import Litestar, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig

from common.answers import Answer
from common.collector import tune_collector
from common.errors import PROBLEM_TYPE, Refusal, unavailable
from common.logs import log
from common.loop_lag import measuring_loop_lag
from common.served_calls import CallService

DRAIN_NOTICE_SECONDS = 1.2  # the balancer checks /health/live every 500 ms
STOP_SECONDS = 20


class Health:
    """Whether this process is ready (asked anew each time) and whether it drains."""

    def __init__(
        self,
        ready: Callable[[], Awaitable[str | None]],
        details: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """`ready` returns None, or a sentence that says what is missing. `details` are for the
        operator and decide nothing."""
        self.ready = ready
        self.details = details
        self.draining = False


def problem_response(refusal: Refusal) -> Response[bytes]:
    """RFC 9457 problem+json."""
    body = msgspec.json.encode(refusal.problem())
    return Answer(body, refusal.status, refusal.http_headers(), PROBLEM_TYPE)


def _answer_refusal(_: Request[Any, Any, Any], refusal: Refusal) -> Response[bytes]:
    return problem_response(refusal)


def _answer_http(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    codes = {401: "unauthenticated", 404: "not_found", 405: "method_not_allowed"}
    code = codes.get(
        error.status_code, "invalid_request" if error.status_code < 500 else "internal"
    )
    detail = str(error.extra or error.detail) if isinstance(error, ValidationException) else ""
    return problem_response(Refusal(code, detail or "The call is not valid."))


def _answer_broken_dependency(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log("dependency unavailable", level=logging.WARNING, error=type(error).__name__)
    return problem_response(unavailable())


def _answer_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log("unhandled error", level=logging.ERROR, exception=True, path=request.scope["path"])
    return problem_response(Refusal("internal", "Something went wrong here."))


def create_health_routes(health: Health) -> list[Any]:
    """/health/live, /health/ready and /metrics, open to whoever reaches the port."""

    # A second series for each counter, which nobody reads. Untyped upstream.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

    @get("/health/live", opt={"open": True}, include_in_schema=False)
    async def live() -> Response[dict[str, str]]:
        if health.draining:
            return Response({"status": "draining"}, status_code=503)
        return Response({"status": "live"})

    @get("/health/ready", opt={"open": True}, include_in_schema=False)
    async def ready() -> Response[dict[str, Any]]:
        missing = "draining" if health.draining else await health.ready()
        if missing:
            return Response({"status": "not ready", "missing": missing}, status_code=503)
        return Response({"status": "ready", **health.details()})

    @get("/metrics", opt={"open": True}, include_in_schema=False, media_type="text/plain")
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        # `?name[]=…` asks for some samples only, as Prometheus's own client libraries take it.
        names = request.query_params.getall("name[]", [])
        registry = prometheus_client.REGISTRY
        return Response(
            prometheus_client.generate_latest(
                registry.restricted_registry(names) if names else registry
            ),
            headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST},
        )

    return [live, ready, metrics]


def create_service(
    title: str,
    routes: Sequence[Any],
    health: Health,
    service_key: str,
    lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]] | None = None,
    *,
    unavailable_on: tuple[type[Exception], ...] = (),
) -> Litestar:
    """An internal service: its calls demand the service credential.

    A call that ends with one of `unavailable_on` (a database that is gone) is refused with
    `unavailable`; every other exception but Refusal is a bug and answers 500.
    """
    expected = f"Bearer {service_key}".encode()

    # async, or Litestar would call it in a thread
    async def demand_credential(
        connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        given = connection.headers.get("authorization", "").encode()
        if not handler.opt.get("open") and not hmac.compare_digest(given, expected):
            raise Refusal("unauthenticated", "The service credential is missing or wrong.")

    return CallService(
        [*routes, *create_health_routes(health)],
        guards=[demand_credential],
        exception_handlers={
            Refusal: _answer_refusal,
            HTTPException: _answer_http,
            Exception: _answer_bug,
            **dict.fromkeys(unavailable_on, _answer_broken_dependency),
        },
        openapi_config=OpenAPIConfig(title=title, version="1", path="/openapi"),
        lifespan=[lifespan] if lifespan else [],
        logging_config=None,
    )


def create_internal_app(health: Health) -> Litestar:
    """Health and metrics alone, for the internal port of a process that serves clients."""
    return Litestar(
        create_health_routes(health),
        exception_handlers={HTTPException: _answer_http, Exception: _answer_bug},
        openapi_config=None,
        logging_config=None,
    )


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: draining is ours to order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def create_server(app: Any, **options: Any) -> uvicorn.Server:
    """A uvicorn server on uvloop and httptools for one listening socket."""
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=STOP_SECONDS,
            ws="none",
            proxy_headers=False,  # edge, which alone has proxies before it, reads them itself
            **options,
        )
    )


def stop_event() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


@contextlib.asynccontextmanager
async def serving(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    """Serves while the block runs, then lets requests in flight finish."""
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    if task.done():
        task.result()
        raise RuntimeError("the server ended before it started")
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def serve_until_stopped(
    app: Litestar,
    listener: socket.socket,
    health: Health,
    withdraw: Callable[[], Awaitable[None]],
) -> None:
    """Serves an internal service until SIGTERM, then drains: `withdraw` its lease, so that callers
    go elsewhere, and let requests in flight finish."""
    stop = stop_event()
    async with measuring_loop_lag(), serving(create_server(app), listener):
        tune_collector()
        await stop.wait()
        log("draining")
        health.draining = True
        await withdraw()
        await asyncio.sleep(DRAIN_NOTICE_SECONDS)
