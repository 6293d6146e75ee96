"""Whether processes use more after a soak than before, beyond normal fluctuation. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from loadtest.footprint import Footprint

# Tolerances: allocators keep freed memory, pools open and close connections.
ROOM: Final = {
    "memory": (0.10, 6.0),
    "descriptors": (0.10, 16.0),  # the maximum size of a database pool
    "tasks": (0.0, 2.0),
    "subscriptions": (0.0, 0.0),
    "sockets": (0.0, 0.0),
    "outbox": (0.0, 0.0),
}
# PostgreSQL fills its buffers with written pages, and each of its processes, one per connection,
# keeps used files open up to a limit.
NOT_JUDGED: Final = ("postgres",)


class Growth(NamedTuple):
    """One figure of one process in two idle periods."""

    process: str
    of: str
    before: float
    after: float

    @property
    def is_too_much(self) -> bool:
        share, more = ROOM[self.of]
        return self.after > self.before * (1 + share) + more

    def __str__(self) -> str:
        unit = " MB" if self.of == "memory" else ""
        end = "  grew" if self.is_too_much else ""
        return f"{self.process:12} {self.of:14} {self.before:7.1f} -> {self.after:7.1f}{unit}{end}"


def sum_up_rest(samples: Sequence[Mapping[str, Footprint]]) -> dict[str, Footprint]:
    """The medians of each process that is in all samples."""
    names = set.intersection(*(set(sample) for sample in samples)) if samples else set()
    return {
        name: Footprint._make(map(_median, zip(*(s[name] for s in samples), strict=True)))
        for name in sorted(names)
    }


def compare(before: Mapping[str, Footprint], after: Mapping[str, Footprint]) -> list[Growth]:
    """Raises KeyError for a process that is gone."""
    return [
        Growth(name, of, earlier, getattr(after[name], of))
        for name, footprint in before.items()
        if name.partition("-")[0] not in NOT_JUDGED
        for of in ROOM
        if (earlier := getattr(footprint, of)) is not None
    ]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
