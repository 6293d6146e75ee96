"""The life of a process of ours: its settings, serving, and draining at the end.

Knows nothing of what edge, realtime, users and chats do.
"""

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import uvloop

from common.calls.callers import CALLED, WITH_TLS, CredentialHashes, KnownCallers
from common.calls.health import Health
from common.calls.http_client import HttpClient
from common.calls.http_server import serving_http
from common.calls.service import Call, CallService
from common.process.certificates import ServerTls, client_context
from common.process.garbage import tune_garbage_collection
from common.process.given_back import give_back_code
from common.process.logs import log, set_up_logs
from common.process.loop_lag import measuring_loop_lag
from common.process.rest import Rest
from common.process.settings import ServiceSettings
from common.process.tasks import start, stop
from common.process.variables import SettingsError

DRAIN_NOTICE_SECONDS: Final = 1.2  # outside of a fleet HAProxy checks every 500 ms


class HasService(Protocol):
    @property
    def service(self) -> ServiceSettings: ...


Settings = TypeVar("Settings", bound=HasService)


def wait_as_usual() -> None: ...


class Serving(NamedTuple):
    """A process that serves. `drain` sends callers and clients elsewhere; whatever is still in
    flight when it returns finishes at the end of the serving block. `rest` is told of each request.
    `hurry` is called if that end must be quick.
    """

    health: Health
    drain: Callable[[], Awaitable[None]]
    rest: Rest
    hurry: Callable[[], None] = wait_as_usual


def run_process(
    role: str,
    read_settings: Callable[[], Settings],
    serving: Callable[[Settings], AbstractAsyncContextManager[Serving]],
    refusals: tuple[type[Exception], ...] = (),
) -> None:
    """All of `python -m ROLE`: serves until SIGTERM or SIGINT, then drains; after SIGINT, or if
    that follows, in a hurry. Wrong settings end it with a sentence and EX_CONFIG of sysexits(3),
    `refusals` with a sentence and exit code 1."""
    try:
        settings = read_settings()
        set_up_logs(role, settings.service.name, settings.service.log_file)
        uvloop.run(_serve(settings, serving))
    except SettingsError as error:
        print(f"{role}: {error}", file=sys.stderr)
        sys.exit(os.EX_CONFIG)
    except refusals as error:
        sys.exit(f"{role}: {error}")


async def _serve(
    settings: Settings, serving: Callable[[Settings], AbstractAsyncContextManager[Serving]]
) -> None:
    async with serving(settings) as served, measuring_loop_lag(served.rest):
        # Not before this: a process that still waits in its startup just ends.
        stop = asyncio.Event()

        def stop_soon() -> None:
            stop.set()
            served.hurry()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, stop_soon)
        tune_garbage_collection()
        give_back_code()
        log("serving", address=settings.service.listen.address)
        await stop.wait()
        log("draining")
        served.health.draining = True
        await served.drain()


@asynccontextmanager
async def serving_health(
    health: Health,
    settings: ServiceSettings,
    calls: Sequence[Call[Any, Any]] = (),
    callers: CredentialHashes | None = None,
    *,
    rest: Rest,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Health, metrics and calls on a separate port, if there is one; over TLS if `tls` is given and
    the operator wants it."""
    if settings.metrics_listen is None:
        yield
        return
    known = KnownCallers(callers or {}, settings.shared_key)
    internal = CallService(calls, health, known, rest)
    shown = tls if settings.metrics_tls else None
    async with serving_http(internal.handle, settings.metrics_listen.open(), shown, rest):
        yield


class Service(NamedTuple):
    """A service that others call: users, chats. While `running` is entered, it holds what the calls
    need; `withdraw` gives up the replica's lease, so that callers go elsewhere."""

    settings: ServiceSettings
    calls: CallService
    health: Health
    running: Callable[[], AbstractAsyncContextManager[None]]
    withdraw: Callable[[], Awaitable[None]]
    rest: Rest


def open_http(settings: ServiceSettings) -> HttpClient:
    """This process's connections to others; connects only on use. Must be closed."""
    ca = settings.calls_tls.ca
    over_tls = CALLED if settings.metrics_tls else WITH_TLS
    return HttpClient(settings.caller, client_context(ca) if ca else None, over_tls)


@asynccontextmanager
async def own_tls(settings: ServiceSettings) -> AsyncIterator[ssl.SSLContext | None]:
    """The certificate that this process shows to its callers and to the balancer, kept current
    while the block runs; None without TLS. Raises SettingsError."""
    if settings.calls_tls.certificate is None:
        yield None
        return
    try:
        tls = ServerTls(settings.calls_tls, settings.role)
    except ValueError as error:
        raise SettingsError(f"HUBBUB_CALLS_CERTIFICATE: {error}") from error
    reading = [start(tls.keep_current())]
    try:
        yield tls.context
    finally:
        await stop(reading)


@asynccontextmanager
async def serving_calls(service: Service, listener: socket.socket) -> AsyncIterator[Serving]:
    """Serves while the block runs, then lets calls in flight finish."""

    async def drain() -> None:
        await service.withdraw()
        await asyncio.sleep(DRAIN_NOTICE_SECONDS)

    async with (
        own_tls(service.settings) as tls,
        service.running(),
        serving_http(service.calls.handle, listener, tls, service.rest),
        serving_health(service.health, service.settings, rest=service.rest, tls=tls),
    ):
        yield Serving(service.health, drain, service.rest)
