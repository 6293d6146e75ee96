"""The label `role`, which dashboards and alerts use and no metric has by itself: the configurations
of deploy/prometheus add it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.dashboards import DASHBOARDS
from fleet.settings import SERVICE_ROLES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "prometheus"
NAME = "__meta_kubernetes_pod_label_app_kubernetes_io_name"


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


def _asked_for() -> set[str]:
    """The roles that queries of dashboards name."""
    queries = " ".join(q.expr for d in DASHBOARDS for p in d.panels for q in p.queries)
    return set(re.findall(r'role="(\w+)"', queries))


def test_on_hosts_the_port_tells_the_role() -> None:
    """With the ports of deploy/hosts/service; each role is on all three hosts."""
    service = (ROOT / "deploy/hosts/service").read_text()
    ports = {role: int(port) + 100 for role, port in re.findall(r"(\w+)\) echo (\d+) ;;", service)}
    assert ports.keys() == set(SERVICE_ROLES)
    (job,) = _read("hosts.yml")["scrape_configs"]
    assert {group["labels"]["role"]: group["targets"] for group in job["static_configs"]} == {
        role: [f"10.0.0.{host}:{port}" for host in (1, 2, 3)] for role, port in ports.items()
    }
    assert _asked_for() <= ports.keys()


def test_on_hosts_nobody_is_told_that_nobody_watches() -> None:
    """The alert would fire for ever: there is neither a fleet nor the service `ops`."""
    (rule,) = _read("hosts.yml")["alerting"]["alert_relabel_configs"]
    assert rule == {"source_labels": ["alertname"], "regex": "NobodyWatches", "action": "drop"}
    assert "- alert: NobodyWatches\n" in (FOLDER / "alerts.yml").read_text()


def test_in_kubernetes_the_pods_label_tells_the_role() -> None:
    """Of every pod that is to be scraped; those of HAProxy and `ops` have the names that they have
    elsewhere."""
    (job,) = _read("kubernetes.yml")["scrape_configs"]
    rules = [rule for rule in job["relabel_configs"] if rule.get("target_label") == "role"]
    assert rules[0] == {"source_labels": [NAME], "target_label": "role"}
    renamed = {rule["regex"]: rule["replacement"] for rule in rules[1:]}
    names = {
        pod["labels"]["app.kubernetes.io/name"]
        for path in (ROOT / "deploy/kubernetes/base").glob("*.yaml")
        for one in yaml.safe_load_all(path.read_text())
        if (pod := one.get("spec", {}).get("template", {}).get("metadata", {}))
        if pod.get("annotations", {}).get("prometheus.io/scrape") == "true"
    }
    roles = {renamed.get(name, name) for name in names}
    assert roles == {*SERVICE_ROLES, "balancer", "fleet"}
    assert _asked_for() <= roles


@pytest.mark.parametrize("name", ["hosts.yml", "kubernetes.yml"])
def test_the_page_of_many_hosts_names_them(name: str) -> None:
    """A Prometheus without the label leaves panels empty."""
    assert f"deploy/prometheus/{name}" in (ROOT / "docs" / "hosts.md").read_text()
