"""Metrics of all processes at a point in time, with labels, and the difference of two readings.

Pure: text of /metrics in, numbers out. Restarted processes start at 0 again, so a decrease counts
as 0.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Key = tuple[str, frozenset[tuple[str, str]]]


class Reading(NamedTuple):
    """`at` in seconds of any one clock; the label `process` distinguishes processes."""

    at: float
    values: Mapping[Key, float]


def read_samples(at: float, texts: Mapping[str, str]) -> Reading:
    """Prometheus' text format by process name; `role` and `process` become labels."""
    values: dict[Key, float] = {}
    for process, text in texts.items():
        own = {("role", process.rpartition("-")[0]), ("process", process)}
        for family in text_string_to_metric_families(text):
            for name, labels, value, *_ in family.samples:
                values[name, frozenset({*labels.items(), *own})] = value
    return Reading(at, values)


class Span:
    """Two readings. `match` are labels that a series must have."""

    def __init__(self, before: Reading, after: Reading) -> None:
        self._before, self._after = before, after
        self.seconds = max(after.at - before.at, 1e-9)

    def beginning(self, label: str, prefix: str) -> "Span":
        """Only series in which the label's value begins with `prefix`."""
        return Span(*(_beginning(r, label, prefix) for r in (self._before, self._after)))

    def now(self, name: str, **match: str) -> float:
        return sum(value for _, value in self._find(name, match))

    def highest(self, name: str, **match: str) -> float:
        return max((value for _, value in self._find(name, match)), default=0.0)

    def rate(self, name: str, **match: str) -> float:
        """A second."""
        return sum(self._grown(key, value) for key, value in self._find(name, match)) / self.seconds

    def totals(self, name: str, label: str, **match: str) -> dict[str, float]:
        """Since the processes' start, by the values of a label."""
        found: dict[str, float] = {}
        for (_, labels), value in self._find(name, match):
            key = dict(labels).get(label, "")
            found[key] = found.get(key, 0.0) + value
        return found

    def quantile(self, name: str, share: float, **match: str) -> float | None:
        """A quantile of a histogram between the readings; None without observations. Interpolates
        linearly within a bucket."""
        buckets: dict[float, float] = {}
        for (bucket, labels), value in self._find(f"{name}_bucket", match):
            bound = float(dict(labels)["le"])
            buckets[bound] = buckets.get(bound, 0.0) + self._grown((bucket, labels), value)
        return _quantile(sorted(buckets.items()), share)

    def _find(self, name: str, match: Mapping[str, str]) -> Iterable[tuple[Key, float]]:
        wanted = match.items()
        for key, value in self._after.values.items():
            if key[0] == name and wanted <= set(key[1]):
                yield key, value

    def _grown(self, key: Key, value: float) -> float:
        return max(0.0, value - self._before.values.get(key, 0.0))


def _beginning(reading: Reading, label: str, prefix: str) -> Reading:
    found = {
        (name, labels): value
        for (name, labels), value in reading.values.items()
        if dict(labels).get(label, "").startswith(prefix)
    }
    return Reading(reading.at, found)


def _quantile(buckets: list[tuple[float, float]], share: float) -> float | None:
    if not buckets or not (total := buckets[-1][1]):
        return None
    low, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= total * share:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (total * share - below) / max(count - below, 1e-9)
        low, below = bound, count
    return low
