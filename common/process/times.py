"""A histogram of times, as plain numbers: recording a time costs a hundredth of the work that it
measures.

prometheus_client's own histogram takes locks and walks its buckets; this one is for a single event
loop.
"""

from bisect import bisect_left
from itertools import accumulate
from typing import Final

from prometheus_client.utils import floatToGoString

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BOUNDS: Final = (*map(floatToGoString, SECONDS), "+Inf")


class Times:
    """How often something took up to each of `SECONDS`, and longer."""

    def __init__(self) -> None:
        self._counts = [0] * len(_BOUNDS)
        self.sum = 0.0

    def note(self, seconds: float) -> None:
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """As HistogramMetricFamily takes them: upper bounds and cumulative counts."""
        return list(zip(_BOUNDS, map(float, accumulate(self._counts)), strict=True))
