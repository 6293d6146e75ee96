"""Writes the dashboards for Grafana: `python -m deploy.grafana.dashboards`.

deploy/grafana/panels defines their content. Grafana reads the JSON at its start.
"""

import json
from pathlib import Path
from typing import Any, Final

from deploy.grafana.panel import Dashboard, Panel
from deploy.grafana.panels.balancer import BALANCER
from deploy.grafana.panels.chats import CHATS
from deploy.grafana.panels.edge import EDGE
from deploy.grafana.panels.files import FILES
from deploy.grafana.panels.overview import OVERVIEW
from deploy.grafana.panels.realtime import REALTIME
from deploy.grafana.panels.users import USERS

FOLDER: Final = Path(__file__).parent / "dashboards"
DASHBOARDS: Final = (OVERVIEW, BALANCER, EDGE, REALTIME, FILES, USERS, CHATS)
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT = 12, 8  # of a panel; a row is 24 wide


def to_json(dashboard: Dashboard) -> str:
    """https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/"""
    model = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["hubbub"],
        "schemaVersion": 39,
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "links": [{"title": "Tiers", "type": "dashboards", "tags": ["hubbub"], "asDropdown": True}],
        "panels": [_panel(place, panel) for place, panel in enumerate(dashboard.panels)],
    }
    return json.dumps(model, indent=1) + "\n"


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.advice,
        "datasource": SOURCE,
        "gridPos": {
            "x": place % 2 * WIDTH,
            "y": place // 2 * HEIGHT,
            "w": WIDTH,
            "h": HEIGHT,
        },
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"showPoints": "never"}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def main() -> None:
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(to_json(dashboard))


if __name__ == "__main__":
    main()
