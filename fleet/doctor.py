"""`python -m fleet doctor`: says in sentences what is wrong, and nothing when nothing is."""

import shutil
import time

from fleet.ports import is_taken
from fleet.probe import http_status
from fleet.settings import SERVICE_ROLES, FleetSettings
from fleet.state import FleetState, is_alive, read_state

LEAST_FREE_BYTES = 500 * 1024 * 1024
SLOW_START_SECONDS = 30


async def print_diagnosis(settings: FleetSettings) -> int:
    """Exit code 0 when nothing is wrong."""
    findings = await diagnose(settings)
    for finding in findings:
        print(finding)
    if not findings:
        print("Nothing is wrong.")
    return 1 if findings else 0


async def diagnose(settings: FleetSettings) -> list[str]:
    """What is wrong, a sentence each, with what to do about it."""
    state = read_state(settings.data)
    if state is None or not is_alive(state.parent):
        findings = [f"No Hubbub runs on {settings.data}. `make run` starts one."]
        if is_taken(settings.port):
            findings.append(f"Something else uses port {settings.port}: choose HUBBUB_PORT.")
    else:
        findings = [*_missing_roles(state), *_slow_starters(state, settings)]
        findings += await _silent_processes(state)
        ready = await http_status(settings.port, "/health/ready", timeout=5)
        if ready != 200:
            findings.append(
                f"{settings.address}/health/ready says {ready or 'nothing'}: no socket can become "
                "ready, or no message can be stored."
            )
    if settings.data.exists() and shutil.disk_usage(settings.data).free < LEAST_FREE_BYTES:
        findings.append(f"Less than 500 MB are free on the disk of {settings.data}.")
    return findings


def _missing_roles(state: FleetState) -> list[str]:
    ready = {p.role for p in state.processes if p.state == "ready"}
    wanted = (*SERVICE_ROLES, "balancer")
    return [f"No process of {role} is ready." for role in wanted if role not in ready]


def _slow_starters(state: FleetState, settings: FleetSettings) -> list[str]:
    return [
        f"{p.role}-{p.number} is not ready after {int(time.time() - p.started)} s; "
        f"{settings.logs / f'{p.role}-{p.number}.log'} may say why."
        for p in state.processes
        if p.state == "starting" and time.time() - p.started > SLOW_START_SECONDS
    ]


async def _silent_processes(state: FleetState) -> list[str]:
    findings = []
    for p in state.processes:
        if p.state != "ready" or p.role not in SERVICE_ROLES or p.metrics is None:
            continue
        status = await http_status(p.metrics, "/health/ready", timeout=2)
        if status != 200:
            findings.append(
                f"{p.role}-{p.number} says {status or 'nothing'} at /health/ready: "
                "something that it needs is gone, or it hangs."
            )
    return findings
