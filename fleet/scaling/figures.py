"""A role's figures from its processes' metrics: the difference of two readings of each.

Pure; reads no metrics itself.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from common.process.symptoms import OPEN_CIRCUIT
from fleet.scaling.scaler import Figures

FAILED: Final = "failed"
_LAG: Final = "hubbub_loop_lag_seconds"
_REQUESTS: Final = "hubbub_edge_requests_total"
_REQUEST_SECONDS: Final = "hubbub_edge_request_seconds_sum"
_SOCKETS: Final = "hubbub_realtime_sockets"
_DELIVERIES: Final = "hubbub_realtime_deliveries_total"
_FILES_REQUESTS: Final = "hubbub_files_requests_total"
_FILES_RECEIVED: Final = "hubbub_files_received_bytes_total"
_FILES_SENT: Final = "hubbub_files_sent_bytes_total"
_BUS: Final = "hubbub_realtime_bus_up"
_USES: Final = "hubbub_pool_uses_total"
_WAITED: Final = "hubbub_pool_waited_seconds_total"
_HELD: Final = "hubbub_pool_held_seconds_total"
_WAITS: Final = {
    "chats": "hubbub_chats_sends_wait_seconds",
    "users": "hubbub_users_hashing_wait_seconds",
}
BUSY_USES: Final = 20.0  # of the database, per second: with fewer, other processes cause the lag


def names_of(role: str) -> list[str]:
    """The samples that `figures_of` uses."""
    names = [f"{_LAG}_sum", f"{_LAG}_count", OPEN_CIRCUIT]
    match role:
        case "edge":
            return [*names, _REQUESTS, _REQUEST_SECONDS]
        case "realtime":
            return [*names, _SOCKETS, _DELIVERIES, _BUS]
        case "files":
            return [*names, _FILES_REQUESTS, _FILES_RECEIVED, _FILES_SENT]
        case _:
            return [*names, *(f"{_WAITS[role]}_{part}" for part in ("sum", "count")), *_POOL]


_POOL: Final = (_USES, _WAITED, _HELD)


class Reading(NamedTuple):
    """One process's samples, summed over their labels, at a time in seconds."""

    at: float
    values: Mapping[str, float]


def read_metrics(text: str, at: float) -> Reading:
    """From Prometheus' text format."""
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            values[name] = values.get(name, 0.0) + value
            if name == _REQUESTS and labels.get("status", "").startswith("5"):
                values[FAILED] = values.get(FAILED, 0.0) + value
    return Reading(at, values)


class _Span:
    """Two readings of one process."""

    def __init__(self, before: Reading, after: Reading) -> None:
        self._before, self._after = before, after
        self.seconds = after.at - before.at

    def grown(self, name: str) -> float:
        return self.now(name) - self._before.values.get(name, 0.0)

    def now(self, name: str, default: float = 0.0) -> float:
        return self._after.values.get(name, default)

    def rate(self, name: str) -> float:
        return self.grown(name) / self.seconds

    @property
    def is_of_one_process(self) -> bool:
        return self.seconds > 0 and self.grown(f"{_LAG}_count") >= 0


def figures_of(
    role: str, wanted: int, before: Mapping[str, Reading], after: Mapping[str, Reading]
) -> Figures:
    """Readings by the process's address. A process that answered only once counts as unseen."""
    spans = [_Span(before[name], after[name]) for name in before.keys() & after.keys()]
    spans = [span for span in spans if span.is_of_one_process]
    if not spans:
        return Figures(seen=0, unseen=wanted)
    lag = _ratio(spans, f"{_LAG}_sum", f"{_LAG}_count")
    return Figures(
        seen=len(spans),
        unseen=max(0, wanted - len(spans)),
        lag=lag,
        # Request seconds per second are the requests in flight (Little's law).
        in_flight=_mean(span.rate(_REQUEST_SECONDS) for span in spans),
        connections=_mean(span.now(_SOCKETS) for span in spans),
        deliveries=_mean(span.rate(_DELIVERIES) for span in spans),
        requests=_mean(span.rate(_FILES_REQUESTS) for span in spans),
        bytes=_mean(span.rate(_FILES_RECEIVED) + span.rate(_FILES_SENT) for span in spans),
        queue=_queue(role, spans, lag),
        database=_ratio(spans, _HELD, _USES),
        failing=_ratio(spans, FAILED, _REQUESTS),
        cut_off=any(span.now(OPEN_CIRCUIT) > 0 or span.now(_BUS, 1.0) == 0 for span in spans),
    )


def _queue(role: str, spans: list[_Span], lag: float) -> float:
    """How long work waits for the event loop, a connection, a batch or a thread."""
    if role not in _WAITS:
        return 0.0
    is_busy = _mean(span.rate(_USES) for span in spans) >= BUSY_USES
    wait = _WAITS[role]
    return (
        (lag if is_busy else 0.0)
        + _ratio(spans, _WAITED, _USES)
        + _ratio(spans, f"{wait}_sum", f"{wait}_count")
    )


def _mean(values: Iterable[float]) -> float:
    kept = list(values)
    return sum(kept) / len(kept)


def _ratio(spans: list[_Span], part: str, whole: str) -> float:
    total = sum(span.grown(whole) for span in spans)
    return sum(span.grown(part) for span in spans) / total if total > 0 else 0.0
