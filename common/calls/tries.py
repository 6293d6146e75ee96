"""Counts the tries of one role's calls, by replica and by how they ended."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Histogram

from common.calls.replicas import Replicas

MAX_COUNTERS: Final = 256  # above that, those of replicas that are gone are dropped

TRIES: Final = Counter(
    "hubbub_calls_total",
    "Tries of calls to replicas, by how they ended.",
    ("to", "replica", "outcome"),
)
SECONDS: Final = Histogram(
    "hubbub_call_seconds",
    "How long tries of calls took that were served or refused.",
    ("to",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


class Tries:
    def __init__(self, replicas: Replicas, clock: Callable[[], float]) -> None:
        self._replicas = replicas
        self._clock = clock
        # By replica and outcome: looking up a label costs more than counting.
        self._counters: dict[tuple[str, str], Counter] = {}
        self._seconds = SECONDS.labels(replicas.role)

    def note(self, address: str, outcome: str, started: float | None = None) -> None:
        """Its duration counts if `started` is given."""
        counter = self._counters.get((address, outcome))
        if counter is None:
            if len(self._counters) >= MAX_COUNTERS:
                self._forget()
            counter = TRIES.labels(self._replicas.role, address, outcome)
            self._counters[address, outcome] = counter
        counter.inc()
        if started is not None:
            self._seconds.observe(self._clock() - started)

    def _forget(self) -> None:
        """Drops the counters of replicas that are gone: new ones get new addresses for as long as
        this process lives."""
        known = self._replicas.addresses
        for address, outcome in [one for one in self._counters if one[0] not in known]:
            del self._counters[address, outcome]
            TRIES.remove(self._replicas.role, address, outcome)
