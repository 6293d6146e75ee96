"""What `ops` reports about pods, and the doctor's findings about them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleet.data.state import ProcessState, WantedState
from ops.doctor.check import Finding
from ops.doctor.report import judge
from ops.doctor.scene import DatabaseFacts
from ops.kubernetes import ApiRefused, count_wanted_engines, read_pods
from tests.fixtures.kubernetes import StandIn, kubernetes, make_pod, make_workload
from tests.unit.ops.scenes import NOW, scene

NAME = "app.kubernetes.io/name"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[StandIn]:
    with kubernetes(tmp_path) as stand_in:
        stand_in.objects = {"pods": [], "deployments": [], "statefulsets": []}
        yield stand_in


def users_pod(**status: Any) -> dict[str, Any]:
    pod = make_pod("users-abc", {NAME: "users"}, calls=8000)
    pod["status"] |= status
    return pod


async def only_one(api: StandIn, pod: dict[str, Any]) -> ProcessState:
    api.objects["pods"] = [pod]
    (process,) = (await read_pods(api.account)).processes
    return process


async def test_pods_are_told_in_the_form_of_the_fleet(api: StandIn) -> None:
    """With the names that Kubernetes gave them; pods that are not Hubbub's are left out."""
    api.objects["pods"] = [
        users_pod(),
        make_pod("haproxy-1", {NAME: "haproxy"}, http=8080, metrics=9101),
        make_pod("users-database-1", {"cnpg.io/cluster": "users-database"}, postgresql=5432),
        make_pod("cache-0", {NAME: "cache"}, valkey=6379),
        make_pod("other", {NAME: "other"}, http=80),
    ]
    api.objects["deployments"] = [make_workload("users", 2), make_workload("haproxy", 1)]
    api.objects["statefulsets"] = [make_workload("cache", 3)]
    state = await read_pods(api.account)
    assert [(p.name, p.role, p.port, p.metrics, p.state) for p in state.processes] == [
        ("users-abc", "users", 8000, 8000, "ready"),
        ("haproxy-1", "balancer", 8080, 9101, "ready"),
        ("users-database-1", "postgres", 5432, None, "ready"),
        ("cache-0", "cache", 6379, None, "ready"),
    ]
    assert state.processes[0].started == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    assert state.wanted["users"] == WantedState(2, 2, 2)
    assert count_wanted_engines(state) == {"balancer": 1, "cache": 3, "postgres": 1}


async def test_a_refusal_of_kubernetes_is_a_sentence(api: StandIn) -> None:
    """With the request."""
    (api.account.secrets / "token").write_text("bad")
    with pytest.raises(ApiRefused, match=r"answers 403 to GET /.*/namespaces/hubbub/"):
        await read_pods(api.account)


async def test_a_pod_that_ends_drains(api: StandIn) -> None:
    """From the moment of its deletion."""
    pod = users_pod()
    pod["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert (await only_one(api, pod)).state == "draining"


WAITING = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
UNSCHEDULED = {
    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
    "message": "0/3 nodes have enough memory.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (
            {"conditions": [], "containerStatuses": [{"state": {"waiting": WAITING}}]},
            "ImagePullBackOff: Back-off pulling image",
        ),
        (
            {"conditions": [UNSCHEDULED], "containerStatuses": [], "podIP": ""},
            "Unschedulable: 0/3 nodes have enough memory.",
        ),
        ({"conditions": [], "containerStatuses": [{"state": {"waiting": {
            "reason": "ContainerCreating"}}}]}, ""),
    ],
)  # fmt: skip
async def test_why_a_pod_is_not_ready_is_in_the_words_of_kubernetes(
    api: StandIn, status: dict[str, Any], why: str
) -> None:
    """The doctor repeats them, and says how to see more."""
    process = await only_one(api, users_pod(**status))
    assert (process.state, process.waits_for) == ("starting", why)
    if why:
        state = await read_pods(api.account)
        verdicts = judge(scene(state=state, in_containers=True, namespace="hubbub"))
        found = {f.wrong: f for v in verdicts for f in v.findings}["users-abc is not ready."]
        assert found.cause == why
        assert found.command == "kubectl -n hubbub describe pod users-abc"


async def test_a_pod_that_takes_too_much_memory_over_and_over_is_named(api: StandIn) -> None:
    """With the reason from Kubernetes."""
    last = {
        "exitCode": 137, "reason": "OOMKilled",
        "finishedAt": datetime.fromtimestamp(NOW - 60, UTC).isoformat(),
    }  # fmt: skip
    status = {"restartCount": 4, "state": {}, "lastState": {"terminated": last}}
    api.objects["pods"] = [users_pod(containerStatuses=[status])]
    found = await diagnose(api)
    assert "started again 4 times or more, the last time 60 s ago" in found[19].wrong
    assert "more memory than its limit" in found[19].cause
    assert found[19].command == "kubectl -n hubbub describe pod users-abc"


async def diagnose(api: StandIn, **changes: Any) -> dict[int, Finding]:
    """The first finding of each check."""
    state = await read_pods(api.account)
    seen = scene(state=state, in_containers=True, namespace="hubbub", **changes)
    return {v.number: v.findings[0] for v in judge(seen) if v.findings}


@pytest.mark.parametrize(
    ("error", "command"),
    [
        ("the database system is starting up", "get pods -l cnpg.io/cluster=users-database"),
        ("too many clients", "psql hubbub_users -c"),
        ("password authentication failed", "deploy/kubernetes/make-secrets | kubectl apply"),
        ("refused", "describe cluster users-database"),
    ],
)
async def test_what_to_type_is_for_kubernetes(api: StandIn, error: str, command: str) -> None:
    """Even if a variable names the database, as it does in each pod."""
    databases = {"users": DatabaseFacts(error=error)}
    found = await diagnose(api, databases=databases)
    assert command in found[8].command
    assert "HUBBUB_" not in found[8].cause
