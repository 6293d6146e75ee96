"""The pool's metrics of this process, read at each scrape."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import AsyncConnectionPool

_SUMS: Final = (
    ("uses", "Connections that were asked for.", "requests_num", 1),
    ("waited_seconds", "How long they were waited for, together.", "requests_wait_ms", 1000),
    ("held_seconds", "How long they were held, together.", "usage_ms", 1000),
    ("refused", "Requests that got none: too many waited, or too long.", "requests_errors", 1),
)
_NOW: Final = (
    ("connections", "Open connections to the database.", "pool_size"),
    ("free", "Connections not in use.", "pool_available"),
    ("waiting", "Requests that wait for a connection.", "requests_waiting"),
)


class PoolMetrics(Collector):
    """The metrics of the pool that was created last: a service has only one."""

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool[Any] | None = None

    def watch(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    def describe(self) -> Iterator[Any]:
        return self._families({})

    def collect(self) -> Iterator[Any]:
        return self._families(self._pool.get_stats()) if self._pool else iter(())

    def _families(self, stats: dict[str, int]) -> Iterator[Any]:
        for name, text, key, unit in _SUMS:
            yield CounterMetricFamily(f"hubbub_pool_{name}", text, value=stats.get(key, 0) / unit)
        for name, text, key in _NOW:
            yield GaugeMetricFamily(f"hubbub_pool_{name}", text, value=stats.get(key, 0))


POOL_METRICS: Final = PoolMetrics()
REGISTRY.register(POOL_METRICS)
