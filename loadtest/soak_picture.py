"""The chart of a soak: people, and the use of every role, over one time axis."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import matplotlib
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from loadtest.soak import Sample

COLOURS: Final = {
    "edge": "#2a5db0",
    "realtime": "#b0552a",
    "users": "#2a8f5d",
    "chats": "#8f2a86",
    "valkey": "#8a8a2a",
    "balancer": "#555555",
    "postgres": "#b02a3c",
}
PANELS: Final = (
    ("memory", "MB"),
    ("descriptors", "descriptors"),
    ("tasks", "tasks"),
    ("subscriptions", "subscriptions"),
    ("outbox", "outbox rows"),
)


def draw(samples: "Sequence[Sample]", picture: Path) -> None:
    """Writes a PNG, with the processes of a role added up; creates its folder if necessary."""
    matplotlib.rcParams.update({"font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    figure = Figure(figsize=(8, 11), layout="constrained")
    top, *panels = figure.subplots(len(PANELS) + 1, 1, sharex=True)
    times = [sample.at for sample in samples]
    top.step(times, [sample.people for sample in samples], where="post", color="black")
    top.set_ylabel("people")
    for panel, (of, label) in zip(panels, PANELS, strict=True):
        for role, colour in COLOURS.items():
            values = [_of_role(sample, role, of) for sample in samples]
            if any(value is not None for value in values):
                panel.plot(times, values, color=colour, label=role)
        panel.set_ylabel(label)
        panel.set_ylim(bottom=0)
        panel.legend(loc="upper right", ncols=4, fontsize=7)
    panels[-1].set_xlabel("seconds")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


def _of_role(sample: "Sample", role: str, of: str) -> float | None:
    values = [
        value
        for name, footprint in sample.footprints.items()
        if name.partition("-")[0] == role and (value := getattr(footprint, of)) is not None
    ]
    return sum(values) if values else None
