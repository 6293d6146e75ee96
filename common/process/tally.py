"""Counts and times of every request, as plain numbers that Prometheus can read.

prometheus_client's own counter and histogram take locks, which is a noticeable part of a request.
These are for a single event loop. Knows nothing of what is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from common.process.times import Times


class Tally(Collector):
    """A counter by all of `labels` and a histogram of seconds by one of them, `timed_by`.

    `counted` and `timed` are each a metric's name (the counter's without `_total`) and what it
    means. Registers itself, so a process has one of each name.
    """

    def __init__(
        self,
        counted: tuple[str, str],
        timed: tuple[str, str],
        labels: tuple[str, ...],
        timed_by: str,
    ) -> None:
        self._counted, self._timed = counted, timed
        self._labels, self._timed_by = labels, timed_by
        self._index = labels.index(timed_by)
        self._counts: Counter[tuple[str | int, ...]] = Counter()
        self._times: defaultdict[str | int, Times] = defaultdict(Times)
        REGISTRY.register(self)

    def note(self, labels: tuple[str | int, ...], seconds: float) -> None:
        """Counts one, with the time that it took."""
        self._counts[labels] += 1
        self._times[labels[self._index]].note(seconds)

    def collect(self) -> Iterator[Any]:
        counter = CounterMetricFamily(*self._counted, labels=self._labels)
        for labels, count in self._counts.items():
            counter.add_metric([str(label) for label in labels], count)
        yield counter
        histogram = HistogramMetricFamily(*self._timed, labels=(self._timed_by,))
        for label, times in self._times.items():
            histogram.add_metric([str(label)], times.buckets, times.sum)
        yield histogram
