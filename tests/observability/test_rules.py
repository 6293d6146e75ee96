"""Each alert fires on the series it is meant for and is silent on good ones, according to
promtool."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fixtures.prometheus import RULES, run_promtool
from tests.observability.test_queries import rule_queries

MINUTES = 15


class Case(NamedTuple):
    """`bad` are series by name, with a value each quarter of a minute; `labels` are the alert's
    own."""

    alert: str
    bad: dict[str, str]
    good: dict[str, str]
    labels: Mapping[str, str] = {}


def _histogram(name: str, seconds: float, **labels: str) -> dict[str, str]:
    """One observation of `seconds` each quarter of a minute."""
    own = "".join(f'{label}="{value}",' for label, value in labels.items())
    return {
        f'{name}_bucket{{{own}le="{bound}"}}': f"0+{int(seconds <= bound)}x{MINUTES * 4}"
        for bound in (0.005, 0.01, 0.1, 0.25, 0.5, 1.0, 2.5, float("inf"))
    }


def _always(value: float) -> str:
    return f"{value:g}x{MINUTES * 4}"


def _rising(step: float) -> str:
    return f"0+{step:g}x{MINUTES * 4}"


REQUESTS = 'hubbub_edge_requests_total{status="200"}'
CASES = (
    Case(
        "MessagesDoNotFlow",
        {'hubbub_realtime_canary_silent_seconds{instance="a"}': _always(16)},
        {'hubbub_realtime_canary_silent_seconds{instance="a"}': _always(14)},
        {"instance": "a"},
    ),
    Case(
        "ProcessDown",
        {'hubbub_fleet_missing_replicas{of="users"}': _always(1)},
        {'hubbub_fleet_missing_replicas{of="users"}': _always(0)},
        {"of": "users"},
    ),
    Case(
        "TierDown",
        {'hubbub_fleet_processes{of="users",state="ready"}': _always(0)},
        {'hubbub_fleet_processes{of="users",state="ready"}': _always(1)},
        {"of": "users"},
    ),
    Case(
        "NobodyWatches",
        {"hubbub_fleet_wanted_replicas": "1x4 stale"},
        {"hubbub_fleet_wanted_replicas": _always(1)},
    ),
    Case(
        "RequestsFail",
        {REQUESTS: _rising(95), 'hubbub_edge_requests_total{status="503"}': _rising(5)},
        {REQUESTS: _rising(1000), 'hubbub_edge_requests_total{status="503"}': _rising(5)},
    ),
    Case(
        "RequestsSlow",
        _histogram("hubbub_edge_request_seconds", 2.0, route="/api/chat"),
        _histogram("hubbub_edge_request_seconds", 0.1, route="/api/chat"),
    ),
    Case(
        "DeliverySlow",
        _histogram("hubbub_realtime_canary_seconds", 0.9),
        _histogram("hubbub_realtime_canary_seconds", 0.1),
    ),
    Case(
        "CircuitOpen",
        {'hubbub_open_circuit{role="edge",to="chats"}': _always(1)},
        {'hubbub_open_circuit{role="edge",to="chats"}': _always(0)},
        {"role": "edge", "to": "chats"},
    ),
    Case(
        "CredentialRefused",
        {'hubbub_credential_refused{role="edge",to="chats"}': _always(1)},
        {'hubbub_credential_refused{role="edge",to="chats"}': _always(0)},
        {"role": "edge", "to": "chats"},
    ),
    Case(  # of one valid for 100 days, 5 should be left
        "PublicCertificateExpires",
        {
            "hubbub_public_certificate_begins": _always(-96 * 86_400),
            "hubbub_public_certificate_expires": _always(4 * 86_400),
        },
        {
            "hubbub_public_certificate_begins": _always(-94 * 86_400),
            "hubbub_public_certificate_expires": _always(6 * 86_400),
        },
    ),
    Case(
        "CertificateExpires",
        {'hubbub_certificate_expires{role="users"}': _always(86_400)},
        {
            'hubbub_certificate_expires{role="users"}': _always(30 * 86_400),
            'hubbub_certificate_expires{role="edge"}': _always(0),  # edge has none
        },
        {"role": "users"},
    ),
    Case(
        "BusDown",
        {'hubbub_realtime_bus_up{instance="a"}': _always(0)},
        {'hubbub_realtime_bus_up{instance="a"}': _always(1)},
        {"instance": "a"},
    ),
    Case(
        "NodesPoll",
        {'hubbub_realtime_polling{instance="a",reason="bus_down"}': _always(1)},
        {'hubbub_realtime_polling{instance="a",reason="bus_down"}': _always(0)},
        {"instance": "a", "reason": "bus_down"},
    ),
    Case(
        "BusUnsteady",
        {'hubbub_realtime_bus_losses_total{instance="a"}': _rising(1)},
        {'hubbub_realtime_bus_losses_total{instance="a"}': _rising(0.1)},
        {"instance": "a"},
    ),
    Case(
        "OutboxOld",
        {"hubbub_chats_outbox_age_seconds": _always(31)},
        {"hubbub_chats_outbox_age_seconds": _always(29)},
    ),
    Case(
        "FileStoreDown",
        {"hubbub_files_store_up": _always(0)},
        {"hubbub_files_store_up": _always(1)},
    ),
    Case(
        "SearchIndexBehind",
        {"hubbub_chats_search_behind_seconds": _always(61)},
        {"hubbub_chats_search_behind_seconds": _always(59)},
    ),
    Case(
        "TransactionsInDoubt",
        {"hubbub_users_oldest_prepared_seconds": _always(16)},
        {"hubbub_users_oldest_prepared_seconds": _always(14)},
    ),
    Case(
        "LoopLate",
        _histogram("hubbub_loop_lag_seconds", 0.2, role="edge", instance="a"),
        _histogram("hubbub_loop_lag_seconds", 0.01, role="edge", instance="a"),
        {"role": "edge", "instance": "a"},
    ),
    Case(
        "ConnectionsExhausted",
        {'hubbub_pool_refused_total{role="chats",instance="a"}': _rising(1)},
        {'hubbub_pool_refused_total{role="chats",instance="a"}': _always(7)},
        {"role": "chats", "instance": "a"},
    ),
    Case(
        "CacheNodesOut",
        {"hubbub_edge_cache_nodes_out": _always(1)},
        {"hubbub_edge_cache_nodes_out": _always(0)},
    ),
    Case(
        "ReadersCutOff",
        {'hubbub_realtime_drops_total{reason="slow consumer"}': _rising(30)},
        {'hubbub_realtime_drops_total{reason="slow consumer"}': _rising(3)},
    ),
    Case(
        "ProcessesDie",
        {'hubbub_fleet_deaths_total{of="cache"}': _rising(1)},
        {'hubbub_fleet_deaths_total{of="cache"}': _always(7)},
        {"of": "cache"},
    ),
    Case(
        "DiskFillsUp",
        {"hubbub_disk_free_bytes": _always(2.1e9)},
        {"hubbub_disk_free_bytes": _always(2.2e9)},
    ),
    Case(
        "BackupOld",
        {"hubbub_backup_age_seconds": _always(8 * 86_400 + 1)},
        {"hubbub_backup_age_seconds": _always(8 * 86_400)},
    ),
    Case(
        "BalancerFull",
        {
            "haproxy_process_current_connections": _always(900),
            "haproxy_process_max_connections": _always(1000),
        },
        {
            "haproxy_process_current_connections": _always(700),
            "haproxy_process_max_connections": _always(1000),
        },
    ),
)


def test_every_alert_has_a_case() -> None:
    """No alert is added without one."""
    assert sorted(case.alert for case in CASES) == sorted(rule_queries())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_when_it_should(case: Case, tmp_path: Path) -> None:
    """After its time, with its labels; never on values just within its bound."""
    matchers = {"alertname": case.alert, "alertstate": "firing", **case.labels}
    firing = ",".join(f'{label}="{value}"' for label, value in matchers.items())
    tests = [
        {
            "interval": "15s",
            "input_series": [{"series": name, "values": text} for name, text in series.items()],
            "promql_expr_test": [
                {
                    "expr": f"count(ALERTS{{{firing}}})",
                    "eval_time": f"{MINUTES - 1}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                }
            ],
        }
        for fires, series in ((True, case.bad), (False, case.good))
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": tests}))
    run_promtool("test", "rules", file)


def test_a_summary_counts_whole_deaths(tmp_path: Path) -> None:
    """Prometheus extrapolates an increase over the whole ten minutes: five deaths become 5.14."""
    tests = [
        {
            "interval": "25s",
            "input_series": [
                {"series": 'hubbub_fleet_deaths_total{of="cache"}', "values": "0x3 1 2 3 4 5x20"}
            ],
            "alert_rule_test": [
                {
                    "eval_time": "9m",
                    "alertname": "ProcessesDie",
                    "exp_alerts": [
                        {
                            "exp_labels": {"of": "cache", "severity": "warning"},
                            "exp_annotations": {
                                "summary": "cache ended with an error 5 times in 10 minutes."
                            },
                        }
                    ],
                }
            ],
        }
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": tests}))
    run_promtool("test", "rules", file)
