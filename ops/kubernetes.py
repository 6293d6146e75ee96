"""The pods of deploy/kubernetes from the Kubernetes API, read by an account that may only list
them.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from fleet.data.state import Death, FleetState, ProcessState, State, WantedState
from fleet.settings import SERVICE_ROLES
from ops.passwords import SECRETS

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 5.0
KEPT_DEATHS: Final = 10
# The port of each role's metrics; for services, the port on which they call each other.
PORTS: Final = {
    "balancer": "http", "postgres": "postgresql", "valkey": "valkey", "cache": "valkey",
}  # fmt: skip
_ROLES: Final = {"haproxy": "balancer"}  # by the name in app.kubernetes.io/name; others as they are
_NAME: Final = "app.kubernetes.io/name"
_DATABASE: Final = "cnpg.io/cluster"  # of CloudNativePG's pods


class Account(NamedTuple):
    """The address of the API, and the folder with a pod's credentials for it."""

    host: str
    port: int
    secrets: Path

    @property
    def namespace(self) -> str:
        return (self.secrets / "namespace").read_text().strip()


class ApiRefused(Exception):
    """The text has the request and the answer."""


class _Struct(msgspec.Struct, frozen=True, rename="camel"):
    """As Kubernetes spells it."""


class _Waiting(_Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Running(_Struct, frozen=True):
    started_at: datetime | None = None


class _Terminated(_Struct, frozen=True):
    exit_code: int = 0
    reason: str = ""
    finished_at: datetime | None = None


class _ContainerState(_Struct, frozen=True):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(_Struct, frozen=True):
    restart_count: int = 0
    state: _ContainerState = _ContainerState()
    last_state: _ContainerState = _ContainerState()


class _Condition(_Struct, frozen=True):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class _Status(_Struct, frozen=True):
    pod_ip: str = msgspec.field(name="podIP", default="")
    phase: str = ""
    conditions: Sequence[_Condition] = ()
    container_statuses: Sequence[_ContainerStatus] = ()


class _Port(_Struct, frozen=True):
    container_port: int
    name: str = ""


class _Container(_Struct, frozen=True):
    ports: Sequence[_Port] = ()


class _Spec(_Struct, frozen=True):
    containers: Sequence[_Container] = ()


class _Metadata(_Struct, frozen=True):
    name: str
    labels: Mapping[str, str] = {}
    deletion_timestamp: datetime | None = None


class Pod(_Struct, frozen=True):
    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()


class _Pods(_Struct, frozen=True):
    items: Sequence[Pod]


class _Wanted(_Struct, frozen=True):
    replicas: int = 1


class _Workload(_Struct, frozen=True):
    metadata: _Metadata
    spec: _Wanted = _Wanted()


class _Workloads(_Struct, frozen=True):
    items: Sequence[_Workload]


def own_account(environment: Mapping[str, str]) -> Account:
    """Of this pod."""
    port = int(environment.get("KUBERNETES_SERVICE_PORT", "443"))
    return Account(environment.get("KUBERNETES_SERVICE_HOST", ""), port, SECRETS)


async def read_pods(account: Account) -> FleetState:
    """In the form of fleet.json. Raises ApiRefused; OSError, also outside a pod."""
    place = f"namespaces/{account.namespace}"
    pods, deployments, sets = await asyncio.gather(
        _list(account, f"/api/v1/{place}/pods", _Pods),
        _list(account, f"/apis/apps/v1/{place}/deployments", _Workloads),
        _list(account, f"/apis/apps/v1/{place}/statefulsets", _Workloads),
    )
    return state_of(pods.items, [*deployments.items, *sets.items])


async def _list(account: Account, path: str, type_: type[T]) -> T:
    return msgspec.json.decode(await asyncio.to_thread(_get, account, path), type=type_)


def _get(account: Account, path: str) -> bytes:
    token = (account.secrets / "token").read_text().strip()  # renewed every hour
    context = ssl.create_default_context(cafile=str(account.secrets / "ca.crt"))
    connection = HTTPSConnection(
        account.host, account.port, timeout=TIMEOUT_SECONDS, context=context
    )
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise ApiRefused(f"Kubernetes answers {answer.status} to GET {path}.")
    return body


def state_of(pods: Sequence[Pod], workloads: Sequence[_Workload]) -> FleetState:
    """Leaves out pods that are not ours."""
    ours = [(pod, role) for pod in pods if (role := _role_of(pod.metadata.labels))]
    wanted = {
        role: WantedState(one.spec.replicas, one.spec.replicas, one.spec.replicas)
        for one in workloads
        if (role := _role_of(one.metadata.labels))
    }
    return FleetState(
        0,
        [_process(pod, role, number) for number, (pod, role) in enumerate(ours, 1)],
        wanted,
        deaths={pod.metadata.name: deaths for pod, _ in ours if (deaths := _deaths(pod))},
    )


def count_wanted_engines(state: FleetState) -> dict[str, int]:
    """By role. The wanted number of databases is unknown here: takes the existing ones."""
    found = {role: w.replicas for role, w in state.wanted.items() if role not in SERVICE_ROLES}
    databases = sum(process.role == "postgres" for process in state.processes)
    return {**found, "postgres": databases}


def _role_of(labels: Mapping[str, str]) -> str:
    """Empty for pods that are not ours."""
    if _DATABASE in labels:
        return "postgres"
    name = labels.get(_NAME, "")
    role = _ROLES.get(name, name)
    return role if role in (*SERVICE_ROLES, "balancer", "valkey", "cache") else ""


def _process(pod: Pod, role: str, number: int) -> ProcessState:
    ports = {port.name: port.container_port for one in pod.spec.containers for port in one.ports}
    port = ports.get(PORTS.get(role, "calls"), 0)
    # If a service's calls use TLS, its metrics have a separate port.
    own = ports.get("metrics")
    metrics = {"balancer": own, **dict.fromkeys(SERVICE_ROLES, own or port or None)}
    running = [s.state.running for s in pod.status.container_statuses if s.state.running]
    starts = [one.started_at.timestamp() for one in running if one.started_at]
    return ProcessState(
        role=role,
        number=number,
        pid=0,
        port=port,
        metrics=metrics.get(role),
        started=max(starts, default=0.0),
        state=_state(pod),
        host=pod.status.pod_ip,
        called=pod.metadata.name,
        waits_for=_why_it_waits(pod),
    )


def _state(pod: Pod) -> State:
    if pod.metadata.deletion_timestamp is not None:
        return "draining"
    is_ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
    return "ready" if is_ready else "starting"


def _why_it_waits(pod: Pod) -> str:
    """Kubernetes' own reason: no node has room, an image or a secret is missing, it crashes."""
    for status in pod.status.container_statuses:
        waiting = status.state.waiting
        if waiting and waiting.reason not in ("", "ContainerCreating", "PodInitializing"):
            return f"{waiting.reason}: {waiting.message}".rstrip(": ")
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"{condition.reason}: {condition.message}".rstrip(": ")
    return ""


def _deaths(pod: Pod) -> list[Death]:
    """Kubernetes records when and how the last container ended, and the number of restarts."""
    for status in pod.status.container_statuses:
        last = status.last_state.terminated
        if last is not None and last.finished_at is not None and last.exit_code:
            at = last.finished_at.astimezone(UTC).timestamp()
            death = Death(at, last.exit_code, why=last.reason)
            return [death] * min(status.restart_count, KEPT_DEATHS)
    return []
