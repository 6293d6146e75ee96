"""The rules of docker-compose.yml and deploy/Dockerfile that can be checked without an engine."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.process.web import STOP_SECONDS
from fleet.engines.postgres import SMALL as POSTGRES
from fleet.scaling.scaler import Replicas
from fleet.settings import read_replicas, read_settings
from ops.containers import ENGINES

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("edge", "realtime", "files", "users", "chats")
BACKUP = ("backup", "restore")
JOBS = (*BACKUP, "key-folder")  # jobs that exit when done
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()

SMALL: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "deploy/small.yml").read_text())[
    "services"
]

every_service = pytest.mark.parametrize("name", SERVICES)


def _networks(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


@every_service
def test_container_has_no_privileges(name: str) -> None:
    """The root file system is read-only, all capabilities are dropped, none can be gained."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()


@every_service
def test_container_is_bounded_watched_and_its_logs_roll(name: str) -> None:
    """Each has a memory limit and a health check, unless it is a job that ends by itself."""
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["deploy"]["resources"]["limits"]["memory"])
    assert service["logging"]["options"]["max-size"]
    assert service["healthcheck"].get("disable", False) is (name in JOBS)
    assert service["restart"] == ("no" if name in JOBS else "unless-stopped")


@every_service
def test_image_is_ours_or_pinned(name: str) -> None:
    """Our image can be pulled or built; other images have a full version."""
    service = SERVICES[name]
    if not service["image"].startswith("${HUBBUB_IMAGE:-hubbub:"):
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-trixie)?}?$", service["image"]), service["image"]


def test_one_build_makes_the_one_image_of_all_that_is_ours() -> None:
    """A second build would be a second image of the same name, and `up` replaces the containers of
    the first."""
    images = {s["image"] for s in SERVICES.values() if s["image"].startswith("${HUBBUB_IMAGE")}
    builds = {name: service["build"] for name, service in SERVICES.items() if "build" in service}
    assert len(images) == 1
    assert builds == {"edge": {"context": ".", "dockerfile": "deploy/Dockerfile"}}


def test_only_haproxy_is_reachable_from_outside() -> None:
    """No other service publishes a port, and only services that need the Internet reach it."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["haproxy"]
    outside = [name for name, net in COMPOSE["networks"].items() if not net.get("internal")]
    assert outside == ["outside", "alerts", "push"]
    assert [name for name in SERVICES if "outside" in _networks(name)] == ["haproxy"]
    assert [name for name in SERVICES if "alerts" in _networks(name)] == ["alertmanager"]
    assert [name for name in SERVICES if "push" in _networks(name)] == ["files"]


def test_nothing_listens_to_strangers_unless_told_to() -> None:
    """Without an .env every published port is on loopback; Grafana's always is."""
    for port in SERVICES["haproxy"]["ports"]:
        assert port.startswith(("${HUBBUB_BIND:-127.0.0.1}:", "127.0.0.1:"))


def test_the_printed_override_publishes_the_same_ports_for_ipv6() -> None:
    """docs/operations.md prints it; its network is the one of the published ports."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (printed,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    override = yaml.safe_load(printed)
    bind = "${HUBBUB_BIND:-127.0.0.1}"
    ports = [port for port in SERVICES["haproxy"]["ports"] if bind in port]
    assert override["services"] == {"haproxy": {"ports": [p.replace(bind, "[::]") for p in ports]}}
    assert override["networks"].keys() <= _networks("haproxy") & COMPOSE["networks"].keys()


def test_each_network_connects_only_those_who_talk_over_it() -> None:
    """The complete table of which service can reach which."""
    members: dict[str, set[str]] = {network: set() for network in COMPOSE["networks"]}
    for name in SERVICES:
        for network in _networks(name):
            members[network].add(name)
    assert members == {
        "outside": {"haproxy"},
        "entrance": {"haproxy", "edge", "realtime", "files"},
        "inner": {*OURS, "prometheus", "ops"},
        "bus": {*OURS, "valkey", "ops"},
        "cache": {"edge", "cache-1", "cache-2", "cache-3", "ops"},
        "users-data": {"users", "users-database", "ops", *BACKUP},
        "chats-data": {"chats", "chats-database", "ops", *BACKUP},
        "monitoring": {"haproxy", "prometheus", "alertmanager", "grafana", "ops"},
        "alerts": {"alertmanager"},
        "push": {"files"},
        "nothing": {"certificates", "key-folder"},
    }


@pytest.mark.parametrize("name", OURS)
def test_services_are_doubled_and_drain(name: str) -> None:
    """Each service has two replicas; stopping one waits for its drain."""
    assert SERVICES[name]["deploy"]["replicas"] == f"${{HUBBUB_{name.upper()}_REPLICAS:-2}}"
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= max(30, STOP_SECONDS + 6)
    assert "HUBBUB_FILES_DRAIN_SECONDS" not in SERVICES[name]["environment"]  # the default
    assert SERVICES[name]["command"] == [name]


def test_secrets_are_files_and_reach_only_their_users() -> None:
    """The file has no passwords; each secret is mounted only in the services that need it."""
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    who = {
        secret: {name for name, service in SERVICES.items() if secret in service.get("secrets", [])}
        for secret in COMPOSE["secrets"]
    }
    assert who == {
        **{f"{role}.key": {role} for role in OURS},
        **{f"{role}.callers": {role} for role in ("users", "chats", "realtime")},
        "service.key": set(OURS),
        "balancer.key": {"haproxy", "edge", "realtime", "files"},
        "link.key": {"edge", "files"},
        "signing.key": {"users"},
        "users-database.password": {"users", "users-database", "ops", *BACKUP},
        "chats-database.password": {"chats", "chats-database", "ops", *BACKUP},
        **{f"valkey-{role}.password": {role, "valkey"} for role in OURS},
        "postgres.password": {"users-database", "chats-database"},
        "grafana.password": {"grafana"},
        "smtp.password": {"alertmanager"},
    }
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|_KEY_", variable):
                assert value.startswith("/run/secrets/"), variable
            assert not re.search(r"//[^/@]*:[^/@]+@", str(value)), variable


def test_make_secrets_makes_each_secret_of_the_compose_file(tmp_path: Path) -> None:
    """The command creates all files that the compose file names, and those of standbys: of
    PostgreSQL and Valkey on several hosts."""
    standbys = {"postgres-replica.password", "valkey-replica.password", "valkey-admin.password"}
    subprocess.run([ROOT / "deploy/make-secrets", tmp_path], check=True, capture_output=True)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes.keys() == {*COMPOSE["secrets"], *standbys}
    # Users of containers read them all; the operator writes one.
    assert {name: mode for name, mode in modes.items() if mode != 0o444} == {"smtp.password": 0o644}


def test_databases_keep_their_data_apart_and_can_prepare() -> None:
    """Two servers with a volume each, mounted where PostgreSQL 18 expects it; both allow prepared
    transactions."""
    volumes = []
    for name in ("users-database", "chats-database"):
        assert "max_prepared_transactions=200" in SERVICES[name]["command"]
        volumes += [v for v in SERVICES[name]["volumes"] if v.endswith(":/var/lib/postgresql")]
    assert sorted(volumes) == [f"{n}-data:/var/lib/postgresql" for n in ("chats", "users")]


def test_mounted_files_exist() -> None:
    """Every file and folder of the repository that a container mounts exists."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                assert (ROOT / volume.split(":")[0]).exists(), f"{name}: {volume}"


def test_image_runs_as_nobody_in_particular_and_has_no_compiler() -> None:
    """The last stage is slim, copies what the first one installed, and drops root."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.match(r"python:\d+\.\d+\.\d+-slim-trixie\n", last)
    assert "\nUSER 10001:10001\n" in last
    assert not re.search(r"apt-get|gcc|build-essential|pip install", last)
    assert "--require-hashes" in DOCKERFILE


def test_image_holds_every_service_and_what_looks_at_them() -> None:
    """The packages of the services, what they share, and ops with what it imports of the fleet."""
    copied = set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE))
    assert copied == {"common", "fleet", "ops", *OURS}


def test_what_watches_knows_every_engine_and_how_many_replicas_there_should_be() -> None:
    """A service added here is added there too; only `ops` is replaced when a number changes."""
    others = {"certificates", "prometheus", "alertmanager", "grafana", "ops", *JOBS}
    assert set(SERVICES) - others == {*OURS, *ENGINES}
    for name, service in SERVICES.items():
        says = "_REPLICAS" in str(service.get("environment", {}))
        assert says is (name == "ops")
    numbers = re.sub(r"\$\{\w+:-(\d+)\}", r"\1", SERVICES["ops"]["environment"]["HUBBUB_REPLICAS"])
    assert read_replicas(numbers, cores=1) == {role: Replicas(2, 2) for role in OURS}


def test_a_small_server_has_one_of_each_and_small_databases() -> None:
    """deploy/small.yml sets for compose what HUBBUB_SIZE sets for `make run`."""
    small = read_settings({"HUBBUB_SIZE": "small"})
    for role in OURS:
        least = f"${{HUBBUB_{role.upper()}_REPLICAS:-{small.replicas[role].minimum}}}"
        assert SMALL[role]["deploy"]["replicas"] == least
    numbers = re.sub(r"\$\{\w+:-(\d+)\}", r"\1", SMALL["ops"]["environment"]["HUBBUB_REPLICAS"])
    assert read_replicas(numbers, cores=2) == small.replicas
    usual = SERVICES["users-database"]["command"].split()
    for database in ("users-database", "chats-database"):
        there = dict(word.split("=") for word in SMALL[database]["command"].split() if word != "-c")
        assert {name: there[name] for name in POSTGRES} == POSTGRES
        assert {word.partition("=")[0] for word in usual} - {"-c"} <= there.keys()
    assert SMALL["edge"]["environment"]["HUBBUB_CACHE_URLS"] == "redis://cache-1:6379"
    assert "HUBBUB_SIZE" in COMPOSE["x-environment"]


def test_a_small_server_with_alerts_has_a_prometheus() -> None:
    """Otherwise Alertmanager would start, and never get an alert."""
    assert set(SERVICES["alertmanager"]["profiles"]) <= set(SMALL["prometheus"]["profiles"])
    assert "alerts" not in SMALL["grafana"]["profiles"]


@pytest.mark.parametrize("running", ["ops haproxy", "ops haproxy prometheus"])
def test_an_upgrade_tells_those_that_there_are(running: str, tmp_path: Path) -> None:
    """HAProxy reloads its files, with or without a Prometheus."""
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\necho "$@" >>"$TOLD"\ncase "$2" in\n'
        'ps) case " $RUNNING " in *" $4 "*) echo 4f1d ;; esac ;;\n'
        'exec) case " $RUNNING " in *" $4 "*) ;; *) exit 1 ;; esac ;;\nesac\n'
    )
    docker.chmod(0o755)
    told = tmp_path / "told"
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(told), "RUNNING": running,
    }  # fmt: skip
    subprocess.run([ROOT / "deploy/compose-upgrade", "ops"], env=environment, check=True)
    signals = [line.split() for line in told.read_text().splitlines() if "kill" in line]
    assert [words[3] for words in signals] == running.split()[1:]
