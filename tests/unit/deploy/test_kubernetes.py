"""The rules of deploy/kubernetes that can be checked without Kubernetes, and with its own tools
if `make manifests` has installed them."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chats.settings import ChatsSettings
from common.database.migrations import OLDEST_POSTGRES
from common.process.settings import ServiceSettings
from common.process.variables import declared_variables
from common.process.web import STOP_SECONDS
from edge.settings import EdgeSettings
from files.settings import FilesSettings
from files.uploads import MAX_SECONDS
from fleet.engines.binaries import haproxy_program
from fleet.settings import DATABASE_VARIABLES, SERVICE_ROLES
from realtime.settings import RealtimeSettings
from tests.fixtures.authority import Authority
from users.settings import Settings as UsersSettings

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("small", "large")
COMPONENT = "tls"
TOOLS = ROOT / ".build" / "kubernetes" / "bin"
SETTINGS: dict[str, type] = {
    "edge": EdgeSettings,
    "realtime": RealtimeSettings,
    "files": FilesSettings,
    "users": UsersSettings,
    "chats": ChatsSettings,
}
HAPROXYS = {
    "HUBBUB_NAMESPACE", "HUBBUB_DOMAIN", "HUBBUB_TRUSTED_PROXIES", "HUBBUB_PROXY_PROTOCOL",
    "HUBBUB_BALANCER_CA",
}  # fmt: skip
VALKEYS = {"HUBBUB_CLUSTER_IP", "HUBBUB_MEMBERS"}
EXTERNAL = "postgresql.cnpg.io/v1"  # CloudNativePG's, whose schema is not among Kubernetes' own

Manifest = dict[str, Any]


def _read(folder: str) -> list[Manifest]:
    return [
        document
        for path in sorted((FOLDER / folder).glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document["kind"] not in ("Kustomization", "Component")
    ]


ALL = {folder: _read(folder) for folder in ("base", *OVERLAYS, COMPONENT)}
BASE = {(one["kind"], one["metadata"]["name"]): one for one in ALL["base"]}
WORKLOADS = [
    pytest.param(one, id=f"{folder}-{one['metadata']['name']}")
    for folder, manifests in ALL.items()
    for one in manifests
    if one["kind"] in ("Deployment", "StatefulSet", "CronJob")
]


def _pod(workload: Manifest) -> Manifest:
    spec = workload.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    pod: Manifest = spec.get("template", {}).get("spec", {})
    return pod


@pytest.mark.parametrize("name", [*SERVICE_ROLES, "haproxy", "cache"])
def test_each_part_can_be_reached_and_is_not_drained_at_once(name: str) -> None:
    """Each has a service, and a disruption budget of one pod for node drains."""
    kind = "StatefulSet" if name == "cache" else "Deployment"
    workload, budget = BASE[kind, name], BASE["PodDisruptionBudget", name]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    for selector in (
        workload["spec"]["selector"]["matchLabels"],
        BASE["Service", name]["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert budget["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_container_has_no_privileges(workload: Manifest) -> None:
    """As in docker-compose.yml; our own containers get this from base/service.yaml."""
    pod = _pod(workload)
    is_complete = workload["metadata"]["name"] == "any" or not workload["metadata"].get(
        "labels", {"hubbub/service": ""}
    ).get("hubbub/service")
    if not is_complete or (
        "securityContext" not in pod and not pod.get("containers", [{}])[0].get("image")
    ):
        return
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container.get("resources", {"limits": {"memory": ""}})["limits"]


def test_a_pod_of_files_is_not_killed_before_its_transfers_end() -> None:
    """Others serve meanwhile. An upload may take ten minutes."""
    (container,) = _pod(BASE["Deployment", "files"])["containers"]
    told = {one["name"]: one.get("value") for one in container["env"]}
    drain = float(told["HUBBUB_FILES_DRAIN_SECONDS"])
    assert drain > MAX_SECONDS
    kustomization = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text())
    (patch,) = [one for one in kustomization["patches"] if one["target"].get("name") == "files"]
    (change,) = yaml.safe_load(patch["patch"])
    assert change["path"].endswith("/terminationGracePeriodSeconds")
    assert change["value"] >= drain + 6


@pytest.mark.parametrize("workload", WORKLOADS)
def test_variables_are_known(workload: Manifest) -> None:
    """They are settings of the process that gets them."""
    name = workload["metadata"]["name"]
    known = {"HUBBUB_ROLE", "POD_IP"} | HAPROXYS | VALKEYS
    if name == "ops":
        known |= {"HUBBUB_WHERE", "HUBBUB_DATA", *DATABASE_VARIABLES.values()}
    for settings in (SETTINGS.get(name), ServiceSettings):
        known |= {variable.name for variable in declared_variables(settings)} if settings else set()
    for container in _pod(workload).get("containers", []):
        assert {variable["name"] for variable in container.get("env", [])} <= known


@pytest.mark.parametrize("folder", ["base", *OVERLAYS])
def test_what_all_services_are_told_is_known(folder: str) -> None:
    """By one of the services, or by the balancer."""
    known = set(HAPROXYS)
    for settings in (ServiceSettings, *SETTINGS.values()):
        known |= {variable.name for variable in declared_variables(settings)}
    kustomization = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text())
    (told,) = kustomization["configMapGenerator"]
    assert {literal.partition("=")[0] for literal in told["literals"]} <= known


@pytest.mark.parametrize("workload", WORKLOADS)
def test_secrets_are_those_that_are_made(workload: Manifest) -> None:
    """deploy/kubernetes/make-secrets creates them; the operator adds that of the file store."""
    made = re.findall(r"[a-z-]+\.(?:key|callers|password)", (FOLDER / "make-secrets").read_text())
    for volume in _pod(workload).get("volumes", []):
        if volume.get("secret", {}).get("secretName") == "hubbub":
            assert {item["key"] for item in volume["secret"]["items"]} <= {*made, "files.secret"}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """A second run prints the same, and the manifests use all of it."""
    first, second = (
        subprocess.run(
            [FOLDER / "make-secrets", tmp_path], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    )
    assert first == second
    secrets = {one["metadata"]["name"]: one for one in yaml.safe_load_all(first)}
    asked = {
        volume["secret"]["secretName"]: {item["key"] for item in volume["secret"].get("items", [])}
        for workload in (one for manifests in ALL.values() for one in manifests)
        for volume in _pod(workload).get("volumes", [])
        if "secret" in volume
    }
    made_elsewhere = {"users-database-ca", "chats-database-ca", "hubbub-tls"}
    assert asked.keys() <= secrets.keys() | made_elsewhere
    for database in (one for one in ALL["base"] if one["apiVersion"] == EXTERNAL):
        initdb = database["spec"]["bootstrap"]["initdb"]
        data = secrets[initdb["secret"]["name"]]["data"]
        assert base64.b64decode(data["username"]).decode() == initdb["owner"]


def test_ops_may_ask_each_pod_and_lists_what_it_needs() -> None:
    """Its policy names every part that it inspects; its account may only list."""
    policy = BASE["NetworkPolicy", "ops-looks-at-everybody"]["spec"]
    (names,) = policy["podSelector"]["matchExpressions"]
    assert {*SERVICE_ROLES, "haproxy", "valkey"} == {*names["values"]}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == {
        "calls", "metrics", "valkey",
    }  # fmt: skip
    for role in DATABASE_VARIABLES:
        asked = json.dumps(BASE["NetworkPolicy", f"{role}-asks-its-database"]["spec"]["ingress"])
        assert f'["{role}", "ops"]' in asked
    rules = BASE["Role", "ops"]["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list"}
    (ops,) = _pod(BASE["Deployment", "ops"])["volumes"][0]["projected"]["sources"][0:1]
    assert ops == {"serviceAccountToken": {"path": "token"}}


def test_ops_is_asked_in_its_pod(tmp_path: Path) -> None:
    """Through kubectl, here a script that records its arguments; logs go into the pod."""
    told = tmp_path / "told"
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        f'#!/bin/sh\necho "$*" >>{told}\n'
        'case "$*" in *" logs "*) echo line ;; *exec*) cat ;; esac\n'
    )
    kubectl.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HUBBUB_NAMESPACE": "chat"}
    file = tmp_path / "b.tar.gz"
    for words, said in (
        (["doctor", "--json"], ""),
        (["logs", "a1"], "line\n"),
        (["bundle", str(file)], f"Written to {file}, without secrets.\n"),
    ):
        done = subprocess.run(
            [FOLDER / "ops", *words],
            env=environment, input="", capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == said
    pod = "-n chat exec -i deployment/ops -- /opt/hubbub/bin/python -m ops"
    assert {f"{pod} doctor --json", f"{pod} logs a1", f"{pod} bundle"} <= {
        *told.read_text().splitlines()
    }
    assert file.read_text() == "line\n"
    kubectl.write_text("#!/bin/sh\necho a part\nexit 5\n")
    failed = subprocess.run(
        [FOLDER / "ops", "bundle", str(tmp_path / "part")],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert failed.returncode == 5
    assert {path.name for path in tmp_path.iterdir()} == {"told", "kubectl", file.name}
    assert subprocess.run([FOLDER / "ops", "x"], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("over_tls", [False, True])
def test_the_balancer_takes_its_pools_from_dns(over_tls: bool, tmp_path: Path) -> None:
    """HAProxy itself reads the configuration for Kubernetes."""
    checked = subprocess.run(
        [haproxy_program(), "-c", "-f", "haproxy.cfg", "-f", "kubernetes.cfg"],
        cwd=ROOT / "deploy" / "haproxy",
        env={
            **os.environ,
            "HUBBUB_NAMESPACE": "hubbub",
            "HUBBUB_BALANCER_BIND": ":8080",
            "HUBBUB_BALANCER_METRICS": ":9101",
            "HUBBUB_BALANCER_ADMIN": "/tmp/hubbub-admin.sock",  # noqa: S108 - never opened
            "HUBBUB_BALANCER_MAXCONN": "100",
            "HUBBUB_BALANCER_KEY": "0123456789abcdef",
            "HUBBUB_BALANCER_TRUSTED": "",
            "HUBBUB_BALANCER_PROXY": "",
            "HUBBUB_BALANCER_REFUSALS": str(ROOT / "deploy" / "haproxy" / "refusals"),
            **({"HUBBUB_BALANCER_CA": str(Authority(tmp_path).ca)} if over_tls else {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_the_balancer_is_given_its_refusals() -> None:
    """In the folder where deploy/haproxy/balancer.sh looks for them."""
    haproxy = ROOT / "deploy" / "haproxy"
    files = {path.name for path in (haproxy / "refusals").iterdir()}
    kustomization = yaml.safe_load((haproxy / "kustomization.yaml").read_text())
    made = {one["name"]: one["files"] for one in kustomization["configMapGenerator"]}
    assert {*made["haproxy-refusals"]} == {f"refusals/{name}" for name in files}
    volume = _pod(BASE["Deployment", "haproxy"])["volumes"][0]["projected"]
    (items,) = (
        one["configMap"]["items"]
        for one in volume["sources"]
        if one.get("configMap", {}).get("name") == "haproxy-refusals"
    )
    assert {(one["key"], one["path"]) for one in items} == {
        (name, f"refusals/{name}") for name in files
    }


VALIDATE = """
import sys, yaml, kubernetes_validate
for one in yaml.safe_load_all(sys.stdin):
    if one["apiVersion"] == sys.argv[1]:
        continue
    try:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    except Exception as error:
        sys.exit(f"{one['kind']} {one['metadata']['name']}: {error}")
"""


def _with_component(folder: Path, overlay: str) -> Path:
    """An overlay as an operator writes it."""
    places = {
        "resources": [os.path.relpath(FOLDER / overlay, folder)],
        "components": [os.path.relpath(FOLDER / COMPONENT, folder)],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(places))
    return folder


@pytest.mark.long
@pytest.mark.parametrize("with_tls", [False, True])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_fits_the_schemas_of_kubernetes(
    overlay: str, with_tls: bool, tmp_path: Path
) -> None:
    """As rendered by kustomize, and strictly, so that a misspelled field is an error."""
    folder = _with_component(tmp_path, overlay) if with_tls else FOLDER / overlay
    rendered = subprocess.run(
        [TOOLS / "kubectl", "kustomize", folder],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    checked = subprocess.run(
        [TOOLS / "python", "-c", VALIDATE, EXTERNAL],
        input=rendered, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    manifests = list(yaml.safe_load_all(rendered))
    assert {one["metadata"].get("namespace", "hubbub") for one in manifests} == {"hubbub"}
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]
        for one in manifests
        if one["kind"] == "HorizontalPodAutoscaler"
    }
    for role in SERVICE_ROLES:
        (deployment,) = [
            one
            for one in manifests
            if one["kind"] == "Deployment" and one["metadata"]["name"] == role
        ]
        assert ("replicas" in deployment["spec"]) is (role not in scaled)
        (container,) = _pod(deployment)["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        environment = {one["name"]: one.get("value") for one in container["env"]}
        assert ("HUBBUB_CALLS_CERTIFICATE" in environment) is with_tls
        drain = float(environment.get("HUBBUB_FILES_DRAIN_SECONDS") or STOP_SECONDS)
        assert _pod(deployment)["terminationGracePeriodSeconds"] >= drain + 6
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in _pod(deployment)["volumes"]}
        # A variable must come before those that refer to it.
        names = [variable["name"] for variable in container["env"]]
        for place, variable in enumerate(container["env"]):
            for named in re.findall(r"\$\(([A-Z_]+)\)", json.dumps(variable)):
                assert named in names[:place], f"{role}: {named}"


def test_the_databases_say_which_postgresql_they_need() -> None:
    """The oldest release with which services start, in the manifest and on the page."""
    needed = f"{OLDEST_POSTGRES // 10_000} or newer"
    assert needed in (FOLDER / "base" / "databases.yaml").read_text()
    assert f"with PostgreSQL {needed}" in (ROOT / "docs" / "hosts.md").read_text()
