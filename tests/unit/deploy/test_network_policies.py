"""Connections that the network policies of deploy/kubernetes allow: the required ones only.

Policies are evaluated as Kubernetes documents them: a pod that no policy selects may do anything,
others what any of their policies allows; a connection must be allowed at both ends.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

FOLDER: Final = Path(__file__).parents[3] / "deploy" / "kubernetes"
SERVICES: Final = ("edge", "realtime", "files", "users", "chats")
MONITORING: Final = {"hubbub/monitoring": "yes"}
CALLS: Final = {"edge": 8001, "realtime": 8001, "files": 8001, "users": 8000, "chats": 8000}
DATABASES: Final = ("users-database", "chats-database")

Manifest = dict[str, Any]


class Pod(NamedTuple):
    """`namespace` holds labels; None is ours. An address without labels is outside the cluster."""

    labels: Mapping[str, str] = {}
    ports: Mapping[str, int] = {}
    namespace: Mapping[str, str] | None = None
    address: str = ""


def read(folder: str) -> list[Manifest]:
    return [
        one
        for path in sorted((FOLDER / folder).glob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
    ]


def pods_of(manifests: list[Manifest]) -> dict[str, Pod]:
    found = {name: Pod({"cnpg.io/cluster": name}) for name in DATABASES}
    for one in manifests:
        if one["kind"] not in ("Deployment", "StatefulSet", "CronJob"):
            continue
        spec = one["spec"].get("jobTemplate", one)["spec"].get("template", {})
        if "labels" in spec.get("metadata", {}):
            ports = {
                port["name"]: port["containerPort"]
                for container in spec["spec"]["containers"]
                for port in container.get("ports", [])
            }
            found[one["metadata"]["name"]] = Pod(spec["metadata"]["labels"], ports)
    return found


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """The only operator used in expressions is `In`."""
    wanted = {key: [value] for key, value in selector.get("matchLabels", {}).items()}
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        wanted[one["key"]] = one["values"]
    return all(labels.get(key) in values for key, values in wanted.items())


def is_peer(peer: Manifest, pod: Pod) -> bool:
    if block := peer.get("ipBlock"):
        if not pod.address:
            return False
        address = ipaddress.ip_address(pod.address)
        inside = [address in ipaddress.ip_network(net) for net in block.get("except", [])]
        return address in ipaddress.ip_network(block["cidr"]) and not any(inside)
    if pod.address:
        return False
    if "namespaceSelector" in peer:
        if pod.namespace is None or not selects(peer["namespaceSelector"], pod.namespace):
            return False
    elif pod.namespace is not None:
        return False
    return selects(peer.get("podSelector", {}), pod.labels)


class Rules:
    def __init__(self, manifests: list[Manifest]) -> None:
        self._policies = [one["spec"] for one in manifests if one["kind"] == "NetworkPolicy"]

    def allow(self, source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
        return self._lets(source, target, target, port, protocol, "Egress") and self._lets(
            target, source, target, port, protocol, "Ingress"
        )

    def _lets(
        self, judged: Pod, other: Pod, target: Pod, port: int, protocol: str, way: str
    ) -> bool:
        if judged.address or judged.namespace is not None:
            return True  # none of ours has it
        ours = [
            one
            for one in self._policies
            if way in one["policyTypes"] and selects(one["podSelector"], judged.labels)
        ]
        key, end = ("egress", "to") if way == "Egress" else ("ingress", "from")
        return not ours or any(
            (end not in rule or any(is_peer(peer, other) for peer in rule[end]))
            and (
                "ports" not in rule
                or any(
                    target.ports.get(allowed["port"], allowed["port"]) == port
                    and allowed.get("protocol", "TCP") == protocol
                    for allowed in rule["ports"]
                )
            )
            for policy in ours
            for rule in policy.get(key, [])
        )


@pytest.fixture(params=["small", "large"])
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return read("base") + read(request.param)


PORTS: Final = (8000, 8001, 8080, 8443, 9101, 6379, 16379, 5432, 9187, 53, 80, 443)


def test_pods_reach_whom_they_ask_and_nobody_else(overlay: list[Manifest]) -> None:
    """Checks every pair of pods at every port that has a listener."""
    pods, rules = pods_of(overlay), Rules(overlay)
    expected = {("haproxy", role, port) for role in SERVICES[:3] for port in (8000, 8001)}
    expected |= {(source, role, 8000) for source in SERVICES for role in ("users", "chats")}
    expected |= {(source, "realtime", 8001) for source in ("edge", "files")}
    expected |= {(source, "valkey", 6379) for source in (*SERVICES, "ops")}
    expected |= {("ops", role, CALLS[role]) for role in SERVICES}
    expected |= {("edge", "cache", 6379), ("ops", "haproxy", 9101)}
    for database in DATABASES:
        expected |= {(source, database, 5432) for source in (database.partition("-")[0], "ops")}
        expected |= {(database, database, port) for port in PORTS}
    for source in pods:  # the entrance is open to all
        expected |= {(source, "haproxy", port) for port in (8080, 8443)}
    if "make-valkey-cluster" in pods:
        members = ("valkey", "make-valkey-cluster")
        expected |= {(source, "valkey", port) for source in members for port in (6379, 16379)}
    found = {
        (source, target, port)
        for source in pods
        for target in pods.keys() - {"make-valkey-cluster"}  # listens nowhere
        for port in PORTS
        if rules.allow(pods[source], pods[target], port)
    }
    assert sorted(found - expected) == []
    assert sorted(expected - found) == []


def test_strangers_reach_the_entrance_alone(overlay: list[Manifest]) -> None:
    """Other namespaces and the Internet do. Namespaces with the monitoring label read metrics too,
    and CloudNativePG's operator reaches its instances."""
    pods, rules = pods_of(overlay), Rules(overlay)
    pods.pop("make-valkey-cluster", None)
    entrance = {("haproxy", 8080), ("haproxy", 8443)}
    metrics = {*CALLS.items(), ("haproxy", 9101), ("ops", 8000), *((d, 9187) for d in DATABASES)}
    operator = {(database, port) for database in DATABASES for port in (8000, 5432)}
    for stranger, allowed in (
        (Pod(address="198.51.100.7"), entrance),
        (Pod(namespace={"kubernetes.io/metadata.name": "elsewhere"}), entrance),
        (Pod(namespace=MONITORING), entrance | metrics),
        (Pod(namespace={"kubernetes.io/metadata.name": "cnpg-system"}), entrance | operator),
    ):
        found = {
            (name, port)
            for name, pod in pods.items()
            for port in PORTS
            if rules.allow(stranger, pod, port)
        }
        assert found == allowed


def test_files_alone_reaches_the_internet(overlay: list[Manifest]) -> None:
    """It reaches push services and pages there, but no private addresses; all pods use the DNS. The
    databases and ops, which call the cluster's API, are not restricted."""
    pods, rules = pods_of(overlay), Rules(overlay)
    held = pods.keys() - {*DATABASES, "ops"}
    dns = Pod({"k8s-app": "kube-dns"}, namespace={"kubernetes.io/metadata.name": "kube-system"})
    for where in (dns, Pod(address="169.254.20.10")):
        for protocol in ("UDP", "TCP"):
            assert all(rules.allow(pods[name], where, 53, protocol) for name in held)
    for address, port, reached in (
        ("203.0.113.80", 443, {"files"}),
        ("2001:db8::80", 443, {"files"}),
        ("203.0.113.80", 80, {"files"}),
        ("203.0.113.80", 22, set()),
        ("169.254.169.254", 80, set()),  # a cloud's metadata service
        ("10.96.0.1", 443, set()),  # the cluster's API, usually
        ("192.168.1.1", 443, set()),
        ("fd00::1", 443, set()),
    ):
        outside = Pod(address=address)
        assert {name for name in held if rules.allow(pods[name], outside, port)} == reached, address
