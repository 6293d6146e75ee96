"""Tools that look at the containers: doctor, status, top, logs, bundle; and the alerts that
fire."""

import asyncio
import json
import re
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.compose.stack import Stack
from tests.flow.conftest import eventually

ALERT_SECONDS = 120.0  # ProcessDown waits for a minute
SOUND_SECONDS = 60.0
WATCH_SECONDS = 4.0  # two observations by ops


def inspect(system: Stack, *words: str) -> str:
    return system.compose("run", "--rm", "--no-deps", "-T", "ops", *words)


def commands(system: Stack) -> dict[str, list[str]]:
    """By check, the commands of its findings."""
    return {
        name: [finding["command"] for finding in found]
        for name, found in system.diagnose().items()
        if found
    }


def findings(system: Stack) -> dict[str, str]:
    """By check, the command of the first finding."""
    return {name: found[0] for name, found in commands(system).items()}


def query(system: Stack, expr: str) -> list[dict[str, Any]]:
    """The series of an instant query, as Prometheus returns them."""
    url = f"http://127.0.0.1:9090/api/v1/query?query={quote(expr)}"
    said = json.loads(system.compose("exec", "-T", "prometheus", "wget", "-qO-", url))
    return list(said["data"]["result"])


def firing(system: Stack) -> set[str]:
    found = query(system, 'ALERTS{alertstate="firing"}')
    return {series["metric"]["alertname"] for series in found}


async def until_fires(system: Stack, alert: str) -> None:
    async def fires() -> bool:
        return alert in await asyncio.to_thread(firing, system)

    await eventually(fires, ALERT_SECONDS)


async def until_sound(system: Stack) -> None:
    """Waits until there are no findings, except deaths, which are remembered."""

    async def is_sound() -> bool:
        return not (await asyncio.to_thread(findings, system)).keys() - {"restarts"}

    await eventually(is_sound, SOUND_SECONDS)


async def test_a_stopped_container_is_named_and_told_of(system: Stack) -> None:
    """Although its name is gone from Docker's DNS, and its series from Prometheus; the printed
    command restarts it."""
    await until_sound(system)
    victim = system.containers("edge")[0]
    system.run("docker", "stop", victim)
    assert (await asyncio.to_thread(findings, system))["processes"] == (
        "docker compose logs --tail 50 edge"
    )
    await eventually(
        lambda: asyncio.to_thread(lambda: "ProcessDown" in firing(system)), ALERT_SECONDS
    )
    system.run("docker", "start", victim)
    await until_sound(system)


@pytest.mark.parametrize("service", ["users", "cache-2", "users-database"])
async def test_containers_that_die_are_counted(system: Stack, service: str) -> None:
    """By the doctor and by the alert, services and engines alike."""
    for _ in range(5):
        await system.replace_crashed(service)
        await asyncio.sleep(WATCH_SECONDS)
    found = await asyncio.to_thread(commands, system)
    assert [command for command in found["restarts"] if f" {service};" in command]
    await until_fires(system, "ProcessesDie")


async def test_what_is_printed_of_a_hung_database_brings_it_back(system: Stack) -> None:
    """There is one cause, and its command works as printed."""
    system.run("docker", "pause", *system.containers("chats-database"))
    found = await asyncio.to_thread(findings, system)
    assert found["databases"] == "docker compose restart chats-database"
    await asyncio.to_thread(system.run, "sh", "-c", found["databases"])
    await eventually(
        lambda: asyncio.to_thread(lambda: not findings(system).keys() - {"restarts"}), 60
    )


async def test_status_top_logs_and_bundle(system: Stack, tmp_path: Path) -> None:
    """Every role with its replicas; one request by its trace; one file without secrets."""
    assert re.search(r"edge +2 +2 +2-2", inspect(system, "status"))
    assert "Hubbub at" in inspect(system, "top", "--once")
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{system.origin}/api/user/me") as answer,
    ):
        trace = answer.headers["x-hubbub-trace"]
    said = await asyncio.to_thread(system.run, "deploy/compose-logs", trace)
    assert "route=/api/user/me status=401" in said
    bundle = tmp_path / "bundle.tar.gz"
    await asyncio.to_thread(system.run, "deploy/compose-bundle", str(bundle))
    with tarfile.open(bundle) as archive:
        names = archive.getnames()
        assert {"hubbub/doctor.json", "hubbub/logs/containers.log"} <= {*names}
        # Their numbers are higher if an earlier test has replaced them.
        chats = [name for name in names if re.fullmatch(r"hubbub/metrics/chats-\d+\.txt", name)]
        assert len(chats) == 2
