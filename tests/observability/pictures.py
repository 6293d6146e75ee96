"""Draws the dashboards into `docs/pictures`: `python -m tests.observability.pictures`.

Starts a Hubbub and a Prometheus, lets people talk for a while, and draws Grafana's panels from the
same queries.
"""

import asyncio
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deploy.grafana.dashboards import DASHBOARDS
from deploy.grafana.panel import Dashboard, Panel, Unit
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.prometheus import Prometheus, running_prometheus
from tests.observability.talk import people_who_talk

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
TALK_SECONDS = 60
STEP_SECONDS = 1
COLUMNS = 3
PANEL_INCHES = (4.2, 2.4)
DOTS_AN_INCH = 80
FEW_LINES = 6
HEADROOM = 1.4
ROW_ROOM = 0.12  # height of a legend row, as a share of the panel
UNITS: dict[Unit, str] = {
    "s": "seconds", "reqps": "a second", "ops": "a second", "short": "number",
    "bytes": "bytes", "Bps": "bytes a second", "percentunit": "share",
}  # fmt: skip


def draw(prometheus: Prometheus, dashboard: Dashboard, start: float, end: float) -> Figure:
    """All panels of a dashboard, in order."""
    rows = -(-len(dashboard.panels) // COLUMNS)
    figure = Figure(
        figsize=(PANEL_INCHES[0] * COLUMNS, PANEL_INCHES[1] * rows + 0.4), layout="constrained"
    )
    figure.suptitle(dashboard.title, fontsize=11, fontweight="bold")
    all_axes = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for axes, panel in zip(all_axes, dashboard.panels, strict=False):
        draw_panel(axes, panel, prometheus, start, end)
    for axes in all_axes[len(dashboard.panels) :]:
        axes.set_axis_off()
    return figure


def draw_panel(axes: Axes, panel: Panel, prometheus: Prometheus, start: float, end: float) -> None:
    lines = 0
    for query in panel.queries:
        for series in prometheus.query_range(query.expr, start, end, STEP_SECONDS):
            points = [(float(at) - start, float(value)) for at, value in series["values"]]
            label = name_series(query.legend, series["metric"])
            axes.plot(*zip(*points, strict=True), label=label)
            lines += 1
    axes.set_title(panel.title, loc="left", fontweight="bold")
    axes.set_xlabel("seconds")
    axes.set_ylabel(UNITS[panel.unit])
    axes.set_xlim(0, end - start)
    # So that the legend hides no line.
    room = HEADROOM + max(0, -(-lines // 3) - 2) * ROW_ROOM
    axes.set_ylim(0, axes.get_ylim()[1] * room)
    columns = 2 if lines <= FEW_LINES else 3
    axes.legend(fontsize=6 if lines <= FEW_LINES else 5, frameon=False, loc="upper left",
                ncols=columns)  # fmt: skip


def name_series(legend: str, labels: dict[str, Any]) -> str:
    """As in Grafana: `{{label}}` is replaced by the label's value."""
    name = re.sub(r"\{\{(\w+)\}\}", lambda found: str(labels.get(found[1], "")), legend)
    return name.strip() or "none"


async def main() -> None:
    mpl.rcParams.update({
        "font.size": 7, "axes.titlesize": 8, "axes.grid": True, "grid.alpha": 0.3,
        "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.2,
    })  # fmt: skip
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Hubbub(folder / "data") as system:
            targets = system.data / "run" / "targets.json"
            with running_prometheus(folder / "prometheus", targets) as prometheus:
                start = time.time()
                async with people_who_talk(system.origin):
                    await asyncio.sleep(TALK_SECONDS)
                end = time.time()
                for dashboard in DASHBOARDS:
                    figure = draw(prometheus, dashboard, start, end)
                    name = dashboard.uid.replace("hubbub-", "dashboard-")
                    figure.savefig(FOLDER / f"{name}.png", dpi=DOTS_AN_INCH)


if __name__ == "__main__":
    asyncio.run(main())
