"""The figures of a load process, as sent to the one that adds them up. Pure."""

from typing import NamedTuple


class Tally(NamedTuple):
    """Sums since a run began."""

    answered: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    unanswered: int = 0  # sends on a socket, which may have been stored
    cuts: int = 0  # how often a person lost the network

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.unanswered)

    def plus(self, other: "Tally") -> "Tally":
        return Tally(*map(sum, zip(self, other, strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.answered} posts, {self.delivered} deliveries, {self.lost} lost, "
            f"{self.doubled} doubled, {self.out_of_order} out of order, "
            f"{self.unanswered} unanswered; {self.cuts} times somebody lost the network"
        )


class Figures(NamedTuple):
    """Since the last reset; times in ms. `late_ms` is the load processes' own lateness, `reasons`
    are those of the failures."""

    seconds: float
    requests: int
    failures: int
    deliveries: int
    p50_ms: float
    p99_ms: float
    late_ms: float
    reasons: dict[str, int]
