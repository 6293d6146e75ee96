"""The charts of docs/benchmarks.md, except growth. Measures nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from loadtest.peers.figures import Rows
from loadtest.peers.relaying import CASES
from loadtest.peers.sending import SATURATING

WAYS: Final = ("rest", "socket")
TIERS: Final = ("balancer", "edge", "realtime", "chats", "users", "postgres", "valkey")
COLOURS: Final = {
    "hubbub": "#2a5db0", "centrifuge": "#b0552a", "floor": "#888888",
    "socketio": "#5d9e4a", "channels": "#8a4ab0", "spike": "#c9a227",
}  # fmt: skip


def draw(rows: Rows, servers: Sequence[str], folder: Path) -> None:
    """Those of what was measured."""
    folder.mkdir(exist_ok=True)
    cases = [case for case in CASES if rows.of(f"{case} fixed", "hubbub")]
    names = ["hubbub", *servers]
    if cases:
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        fixed, fast = figure.subplots(1, 2)
        for plot, mode, key, title in (
            (fixed, "fixed", "us", "µs CPU a delivery, fixed rate (less is better)"),
            (fast, "fast", "per_core_s", "deliveries a core second, flat out"),
        ):
            for i, name in enumerate(names):
                values = [rows.median(f"{case} {mode}", name, key) or 0 for case in cases]
                places = [n + (i - len(names) / 2) * 0.8 / len(names) for n in range(len(cases))]
                plot.bar(places, values, 0.75 / len(names), label=name, color=COLOURS[name])
            plot.set_xticks(range(len(cases)), cases)
            plot.set_yscale("log")
            plot.set_title(title, fontsize=9)
        shown = fixed.get_legend_handles_labels()
        figure.legend(*shown, fontsize=8, loc="outside lower center", ncols=len(names))
        figure.savefig(folder / "bench-fan-out.png", dpi=110)
    ways = [f"{layout} {way} {SATURATING}" for layout in ("hot", "spread") for way in WAYS]
    ways = [way for way in ways if rows.of(way, "hubbub")]
    if ways:
        figure = Figure(figsize=(8, 2.6), layout="constrained")
        plot = figure.subplots()
        left = [0.0] * len(ways)
        for tier in TIERS:
            values = [rows.of(way, "hubbub")[-1]["us_by_tier"].get(tier, 0) for way in ways]
            plot.barh(ways, values, left=left, label=tier)
            left = [a + b for a, b in zip(left, values, strict=True)]
        plot.set_xlabel("µs CPU a send at saturation, by tier")
        plot.legend(fontsize=8)
        figure.savefig(folder / "bench-sends.png", dpi=110)
