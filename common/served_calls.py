"""What a service says of each call that it served: a count, a time, and a line in the log.

Polls are counted and timed but leave a line only where they failed: nobody looks for them, and
there are many. Never looks into a body.
"""

import time
from typing import Any, Final, cast

from litestar import Litestar
from litestar.types import (
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Message,
    Receive,
    Scope,
    Send,
)
from prometheus_client import Counter, Histogram

from common.logs import log
from common.trace import enter_trace

CALLS: Final = "/calls/"
UNKNOWN: Final = "unknown"  # a name that somebody made up must not become a label

SERVED: Final = Counter("hubbub_served_calls_total", "Calls answered.", ("call", "status"))
SECONDS: Final = Histogram(
    "hubbub_served_call_seconds",
    "From the call's headers to the end of its answer.",
    ("call",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


class CallService(Litestar):
    """Litestar, with an eye on what goes in and out."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.call_names = frozenset(
            route.path.removeprefix(CALLS) for route in self.routes if route.path.startswith(CALLS)
        )

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        path = scope.get("path", "")
        if isinstance(path, str) and path.startswith(CALLS):
            await self._serve(
                path, cast("Scope", scope), cast("Receive", receive), cast("Send", send)
            )
        else:
            await super().__call__(scope, receive, send)

    async def _serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = dict(scope["headers"])
        trace = enter_trace(headers.get(b"traceparent", b"").decode("latin-1"))
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await super().__call__(scope, receive, send_on)
        finally:
            name = path.removeprefix(CALLS)
            name = name if name in self.call_names else UNKNOWN
            seconds = time.perf_counter() - started
            SERVED.labels(name, status).inc()
            SECONDS.labels(name).observe(seconds)
            if trace.is_asked_for or status >= 500:
                log("call", call=name, status=status, ms=round(seconds * 1000, 2))
