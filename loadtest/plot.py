"""The chart of a ramp: throughput, replicas and latency over one time axis."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from loadtest.ramp import Second

COLOURS = {"edge": "#2a5db0", "realtime": "#b0552a"}


def draw(seconds: "Sequence[Second]", picture: Path) -> None:
    """Writes a PNG; creates its folder if necessary."""
    matplotlib.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    times = [second.at for second in seconds]
    figure = Figure(figsize=(8, 7), layout="constrained")
    flow, replicas, latency = figure.subplots(3, 1, sharex=True)

    flow.plot(times, [s.requests for s in seconds], color=COLOURS["edge"], label="requests/s")
    flow.set_ylabel("requests a second")
    deliveries = flow.twinx()
    deliveries.grid(visible=False)
    deliveries.plot(
        times, [s.deliveries for s in seconds], color=COLOURS["realtime"], label="deliveries/s"
    )
    deliveries.set_ylabel("deliveries a second")
    flow.legend(handles=[*flow.lines, *deliveries.lines], loc="upper right")

    for role, colour in COLOURS.items():
        present = [second.replicas[role] for second in seconds]
        replicas.step(times, present, where="post", color=colour, label=role)
    replicas.set_ylabel("processes")
    replicas.set_yticks(range(5))
    replicas.legend(loc="upper right")

    for name, colour in (("request_p99", "edge"), ("delivery_p99", "realtime")):
        values = [getattr(second, name) * 1000 or None for second in seconds]
        latency.plot(times, values, color=COLOURS[colour], label=f"{name.replace('_', ' ')}")
    latency.set_yscale("log")
    latency.set_ylabel("ms")
    latency.set_xlabel("seconds")
    latency.legend(loc="upper right")

    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
