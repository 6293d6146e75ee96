"""The doctor in Kubernetes: real processes, listed as pods by a substitute for its API."""

import asyncio
import signal
from pathlib import Path

from fleet.data.state import ProcessState, read_state
from fleet.settings import DATABASE_VARIABLES, read_settings
from ops.doctor.collecting import database_urls
from ops.doctor.containers import collect_pods
from ops.doctor.report import judge
from tests.fixtures.busy import TRIES
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.kubernetes import kubernetes, make_pod, make_workload
from tests.observability.test_doctor import PATIENCE_SECONDS, until_sound

NAME = "app.kubernetes.io/name"
PORTS = {"balancer": "http", "valkey": "valkey", "cache": "valkey"}


def as_pod(process: ProcessState) -> dict[str, object]:
    role = "haproxy" if process.role == "balancer" else process.role
    labels = {"cnpg.io/cluster": "users-database"} if role == "postgres" else {NAME: role}
    port = process.port if process.role in PORTS else process.metrics or process.port
    ports = {PORTS.get(process.role, "calls"): port}
    if process.role == "balancer" and process.metrics:
        ports["metrics"] = process.metrics
    return make_pod(f"{role}-{process.number}-abc", labels, **ports)


async def test_pods_are_judged_like_everything_else(system: Hubbub, tmp_path: Path) -> None:
    """There are no findings for a whole system; a hung pod is named, with the command to type."""
    await until_sound(system)
    state, settings = read_state(system.data), read_settings(system.environment)
    assert state
    with kubernetes(tmp_path) as api:
        variables = {}
        for role, url in database_urls(settings, state).items():
            password = settings.keys / f"{role}-database.password"
            (tmp_path / password.name).write_text(password.read_text())
            secret = password.read_text().strip()
            variables[DATABASE_VARIABLES[role]] = url.replace(f":{secret}@", "@")
        api.objects = {
            "pods": [as_pod(process) for process in state.processes],
            "deployments": [make_workload(role, w.replicas) for role, w in state.wanted.items()],
            "statefulsets": [make_workload("cache", 3)],
        }
        pods = read_settings({**system.environment, **variables})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(v.findings for v in judge(await collect_pods(pods, api.account))):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        victim = system.processes("chats")[0]
        pod = f"chats-{victim.number}-abc"
        for _ in range(TRIES):
            system.signal_one(victim.pid, signal.SIGSTOP)
            try:
                verdicts = judge(await collect_pods(pods, api.account))
            finally:
                system.signal_one(victim.pid, signal.SIGCONT)
            found = {f.wrong: f.command for v in verdicts for f in v.findings if v.number == 4}
            if f"{pod} does not answer." in found:
                break
            await until_sound(system)
            (victim,) = (p for p in system.processes("chats") if p.number == victim.number)
            api.objects["pods"] = [as_pod(process) for process in system.processes()]
    assert found[f"{pod} does not answer."] == f"kubectl -n hubbub delete pod {pod}"
    await until_sound(system)
