"""Every query of every dashboard and rule, on a Prometheus that scrapes a real system."""

import asyncio
import json
import re
import time

import aiohttp
import pytest

from deploy.grafana.dashboards import DASHBOARDS, FOLDER, to_json
from deploy.grafana.panel import Dashboard
from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.prometheus import RULES, Prometheus, run_promtool
from tests.observability.pictures import UNITS
from tests.observability.talk import people_who_talk, somebody_who_is_away

PATIENCE_SECONDS = 60.0
COMPARISON = re.compile(r"^(.*) (?:>|<|>=|<=|==|!=) [\d.]+$")
METRIC = re.compile(r"\b(?:hubbub|haproxy)_\w+")
SERIES_ENDINGS = ("_bucket", "_sum", "_count", "_total")
OWN = ("edge", "realtime", "files", "users", "chats")


def panel_queries() -> dict[str, str]:
    """PromQL by its place."""
    return {
        f"{dashboard.title} / {panel.title} / {query.legend}": query.expr
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    }


def rule_queries() -> dict[str, str]:
    """The left side of each rule's comparison, since a comparison has no result while all is
    well."""
    expressions = re.findall(r"- alert: (\w+)\n +expr: (.*)", RULES.read_text())
    found = {}
    for name, expression in expressions:
        compared = COMPARISON.match(expression)
        assert compared, f"{name} does not end with a comparison"
        found[name] = compared[1]
    assert len(found) > 10
    return found


async def test_every_query_has_an_answer(system: Hubbub, prometheus: Prometheus) -> None:
    """Dashboards and rules alike, while people talk and one of them is away."""
    missing = {**panel_queries(), **rule_queries()}
    assert len(missing) > 80
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with people_who_talk(system.origin), somebody_who_is_away(system.origin):
        while missing:
            assert time.monotonic() < deadline, f"no data for {missing}"
            await asyncio.sleep(1)
            missing = {
                place: expr
                for place, expr in missing.items()
                if not any(
                    float(series["value"][1]) >= 0  # NaN is none
                    for series in await asyncio.to_thread(prometheus.query, expr)
                )
            }
    # `or vector(0)` would hide a metric that is not exported.
    known = await asyncio.to_thread(prometheus.metric_names)
    named = {
        name
        for expr in {**panel_queries(), **rule_queries()}.values()
        for name in METRIC.findall(expr)
    }
    unknown = {name for name in named if not _is_known(name, known)}
    assert unknown == set()


def test_health_checks_are_no_rest_requests() -> None:
    """They come all the time: without users, the panel falls to 0."""
    counted = panel_queries()["Hubbub / Flow / REST requests"]
    assert 'hubbub_edge_requests_total{route=~"/api/.*"}' in counted


def _is_known(name: str, known: set[str]) -> bool:
    endings = [name.removesuffix(ending) for ending in SERIES_ENDINGS if name.endswith(ending)]
    return bool({name, *endings} & known)


def test_rules_are_valid_and_each_has_a_line_in_the_runbook() -> None:
    """promtool agrees, and docs/operations.md says what to do about each alert."""
    run_promtool("check", "rules", RULES)
    for name in ("local.yml", "hosts.yml", "kubernetes.yml"):
        run_promtool("check", "config", "--syntax-only", RULES.with_name(name))
    runbook = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in rule_queries() if f"| `{name}` |" not in runbook] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_dashboards_are_what_the_panels_say(dashboard: Dashboard) -> None:
    """The JSON was regenerated after the last change; each panel says what to do."""
    written = (FOLDER / f"{dashboard.uid}.json").read_text()
    assert written == to_json(dashboard), "run: python -m deploy.grafana.dashboards"
    panels = json.loads(written)["panels"]
    assert len(panels) >= 6
    assert [p["title"] for p in panels if len(p["description"]) < 20] == []
    assert [p["title"] for p in panels if p["description"][-1] != "."] == []


def test_every_unit_has_a_name_in_the_pictures() -> None:
    """Otherwise `make pictures` fails half-way."""
    assert {panel.unit for dashboard in DASHBOARDS for panel in dashboard.panels} <= UNITS.keys()


@pytest.mark.parametrize("role", OWN)
async def test_names_follow_the_conventions(system: Hubbub, role: str) -> None:
    """promtool's linter has no complaint about our own metrics."""
    await system.until_whole()
    lines = (await read_figures(system, role)).splitlines(keepends=True)
    own = "".join(line for line in lines if "hubbub_" in line)
    await asyncio.to_thread(run_promtool, "check", "metrics", given=own)


async def read_figures(system: Hubbub, role: str) -> str:
    """What the first process of the role exports to Prometheus."""
    port = system.processes(role)[0].metrics
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        return await answer.text()


async def test_labels_hold_nothing_without_bound(system: Hubbub) -> None:
    """No user's id, name, path or message is a label value."""
    async with people_who_talk(system.origin):
        await asyncio.sleep(1)
    values = [
        value
        for role in OWN
        for _, value in re.findall(r'(\w+)="([^"]*)"', await read_figures(system, role))
    ]
    assert [v for v in values if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|@|figures", v)] == []
