"""What a service says of each call that it served: a count, a time, and a line in the log.

Polls are counted and timed but leave a line only where they failed: nobody looks for them, and
there are many. Never looks into a body.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
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
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from common.logs import log
from common.times import Times
from common.trace import enter_trace

CALLS: Final = "/calls/"
UNKNOWN: Final = "unknown"  # a name that somebody made up must not become a label
TRACEPARENT: Final = b"traceparent"


class ServedCalls(Collector):
    """Of this process."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int]] = Counter()
        self._times: defaultdict[str, Times] = defaultdict(Times)

    def note(self, call: str, status: int, seconds: float) -> None:
        self._counts[call, status] += 1
        self._times[call].note(seconds)

    def collect(self) -> Iterator[Any]:
        served = CounterMetricFamily(
            "hubbub_served_calls", "Calls answered.", labels=("call", "status")
        )
        for (call, status), count in self._counts.items():
            served.add_metric([call, str(status)], count)
        yield served
        seconds = HistogramMetricFamily(
            "hubbub_served_call_seconds",
            "From the call's headers to the end of its answer.",
            labels=("call",),
        )
        for call, times in self._times.items():
            seconds.add_metric([call], times.buckets, times.sum)
        yield seconds


SERVED: Final = ServedCalls()
REGISTRY.register(SERVED)


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
        traceparent = next((value for name, value in scope["headers"] if name == TRACEPARENT), b"")
        trace = enter_trace(traceparent.decode("latin-1"))
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
            SERVED.note(name, status, seconds)
            if trace.is_asked_for or status >= 500:
                log("call", call=name, status=status, ms=round(seconds * 1000, 2))
