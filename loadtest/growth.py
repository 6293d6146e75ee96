"""Whether processes use more after a soak than before, beyond usual fluctuation. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from loadtest.footprint import Footprint

# What is not a leak: allocators keep what they freed, pools open and close connections.
ROOM: Final = {
    "memory": (0.10, 6.0),
    "descriptors": (0.10, 16.0),  # as many as a pool to a database may have
    "tasks": (0.0, 2.0),
    "subscriptions": (0.0, 0.0),
    "sockets": (0.0, 0.0),
    "outbox": (0.0, 0.0),
}
# PostgreSQL fills its buffers with what was written, and each of its processes, one a connection,
# keeps files open that it used once, up to a limit of its own.
NOT_JUDGED: Final = ("postgres",)


class Growth(NamedTuple):
    """One figure of one process in two rests."""

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
