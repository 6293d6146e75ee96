"""The section of docs/benchmarks.md about Hubbub as it was earlier. Measures nothing."""

from typing import Final

from loadtest.peers.earlier import EARLIER, IN_FLIGHT, LAYOUTS, PAGES, WAYS
from loadtest.peers.figures import Rows

HEADING: Final = "Beside Hubbub before edits, search and files"
INTRODUCTION: Final = (
    f"Commit `{EARLIER}` and this one run side by side and work in turns, with the same Python and "
    "the same load, so a slow host is slow for both. In brackets how many times the earlier "
    "figure it is, the median of the ratios of all pairs of turns. `half` is half of each one's "
    "own most, pages are read sixteen at a time; *µs* is CPU over all tiers. Medians."
)


def describe_earlier(rows: Rows) -> list[str]:
    """What was measured of both, a line each."""
    sends = [
        f"earlier, {layout} {way} {load}"
        for layout in LAYOUTS
        for way in WAYS
        for load in (*IN_FLIGHT, *(["half"] if layout == "spread" else []))
    ]
    keys = ("acknowledged_per_s", "us_a_send", "p50_ms", "p99_ms")
    lines = [_line(rows, what, keys) for what in sends if rows.of(what, EARLIER)]
    keys = ("requests_per_s", "us", "p50_ms", "p99_ms")
    pages = [f"earlier, {page}" for page in PAGES]
    lines += [_line(rows, what, keys) for what in pages if rows.of(what, EARLIER)]
    if not lines:
        return []
    return [
        f"## {HEADING}",
        "",
        INTRODUCTION,
        "",
        "| | a second | µs | p50, ms | p99, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
        *lines,
        "",
    ]


def _line(rows: Rows, what: str, keys: tuple[str, ...]) -> str:
    cells = []
    for key in keys:
        own, then = (rows.median(what, server, key) or 0.0 for server in ("hubbub", EARLIER))
        share = rows.ratio(what, "hubbub", EARLIER, key) or 0.0
        show = ",.0f" if own >= 100 else ".1f"
        cells.append(f"{own:{show}} for {then:{show}} ({share:.2f})")
    return f"| {what.removeprefix('earlier, ')} | " + " | ".join(cells) + " |"
