"""Statistics of measurements: medians, ratios, and doubts."""

import statistics
from collections.abc import Container, Sequence
from typing import Final

from loadtest.peers.machine import DISTURBED_CORES, Found

FAULTS: Final = (
    "lost", "swapped", "closed", "failed", "stalled", "undelivered", "broken", "refused", "unsent",
    "behind",
)  # fmt: skip


class Rows:
    """Every measurement of a run; each has `what`, `server` and `round` besides its figures."""

    def __init__(self, rows: Sequence[Found] = ()) -> None:
        self.rows: list[Found] = list(rows)

    def split(self, whats: Container[str]) -> "tuple[Rows, Rows]":
        """The rows of anything else, and those of `whats`."""
        inside = [row for row in self.rows if row["what"] in whats]
        return Rows([row for row in self.rows if row["what"] not in whats]), Rows(inside)

    def of_part(self, part: str) -> "Rows":
        """Those that were measured as this part of a run."""
        return Rows([row for row in self.rows if row["part"] == part])

    def of(self, what: str, server: str) -> list[Found]:
        return [r for r in self.rows if r["what"] == what and r["server"] == server]

    def median(self, what: str, server: str, key: str) -> float | None:
        """Over the undisturbed rounds, or all if there are none."""
        rows = self.of(what, server)
        still = [r for r in rows if r.get("others_cores", 0) <= DISTURBED_CORES] or rows
        return statistics.median(r[key] for r in still) if still else None

    def pairs(self, what: str, server: str, other: str) -> list[tuple[Found, Found]]:
        """The two servers' rows of each undisturbed round, or of all."""
        mine = {row["round"]: row for row in self.of(what, server)}
        theirs = {row["round"]: row for row in self.of(what, other)}
        both = [(mine[n], theirs[n]) for n in mine.keys() & theirs.keys()]
        still = [
            pair
            for pair in both
            if all(row.get("others_cores", 0) <= DISTURBED_CORES for row in pair)
        ]
        return still or both

    def ratio(self, what: str, server: str, other: str, key: str) -> float | None:
        """The median of the ratios within each round: drift between rounds cancels out."""
        pairs = self.pairs(what, server, other)
        shares = [mine[key] / theirs[key] for mine, theirs in pairs if mine[key] and theirs[key]]
        return statistics.median(shares) if shares else None

    def doubts(self) -> list[str]:
        """What a reader should know before believing a figure."""
        found: dict[str, dict[str, None]] = {}

        def doubt(why: str, row: Found, detail: str = "") -> None:
            found.setdefault(why, {})[f"{row['server']} {row['what']}{detail}"] = None

        for row in self.rows:
            if (others := row.get("others_cores", 0)) > DISTURBED_CORES:
                doubt("others used the machine meanwhile", row, f" ({others:.1f} cores)")
            elif row.get("client_core", 0) > 0.93 > row.get("server_core", 1):
                doubt("the client side was the bottleneck", row)
            if row["what"].endswith("fixed") and row.get("server_core", 0) > 0.97:
                doubt("did not keep up with the fixed rate", row)
            for fault in FAULTS:
                if row.get(fault):
                    doubt(fault, row, f" ({row[fault]})")
        return [f"{why}: {', '.join(where)}" for why, where in found.items()]
