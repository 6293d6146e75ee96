"""Checks of what runs: the fleet, its port, its processes, its circuits."""

from collections.abc import Iterator
from typing import Final

from fleet.settings import SERVICE_ROLES
from ops.doctor.check import Finding
from ops.doctor.scene import Scene

SLOW_START_SECONDS: Final = 30


def judge_fleet(scene: Scene) -> Iterator[Finding]:
    if scene.state is None:
        data = scene.settings.data
        yield Finding(f"No Hubbub runs on {data}.", "It was stopped, or never started.", "make run")


def judge_ports(scene: Scene) -> Iterator[Finding]:
    port = scene.settings.port
    if scene.state is None:
        if scene.port_is_taken:
            yield Finding(
                f"Something else uses port {port}.",
                "Two programs cannot listen on one port.",
                f"ss -ltnp 'sport = :{port}'   # or choose another HUBBUB_PORT",
            )
        return
    balancer = next((p for p in scene.state.processes if p.role == "balancer"), None)
    if balancer is not None and balancer.port != port:
        yield Finding(
            f"This Hubbub is on port {balancer.port}, not on {port}.",
            "HUBBUB_PORT is another one here than where it was started.",
            f"export HUBBUB_PORT={balancer.port}",
        )
    elif scene.system_ready != 200:
        yield Finding(
            f"{scene.settings.address}/health/ready says {scene.system_ready or 'nothing'}.",
            "No socket can become ready, or no message can be stored; the checks below say why.",
            "python -m ops status",
        )


def judge_processes(scene: Scene) -> Iterator[Finding]:
    if scene.state is None:
        return
    logs = scene.settings.logs
    for role in (*SERVICE_ROLES, "balancer"):
        there = sum(p.role == role and p.state == "ready" for p in scene.state.processes)
        wanted = scene.state.wanted[role].replicas if role in scene.state.wanted else 1
        if there < wanted:
            yield Finding(
                f"{there or 'None'} of {wanted} processes of {role} {'is' if there == 1 else 'are'}"
                " ready.",
                "They end again and again, or what they need is gone.",
                f"tail {logs}/{role}-*.log",
            )
    for p in scene.state.processes:
        if p.state == "starting" and scene.now - p.started > SLOW_START_SECONDS:
            yield Finding(
                f"{p.role}-{p.number} is not ready after {int(scene.now - p.started)} s.",
                "It waits for something.",
                f"tail {logs}/{p.role}-{p.number}.log",
            )
    for process in scene.processes:
        if process.ready != 200:
            yield Finding(
                f"{process.name} says {process.ready or 'nothing'} at /health/ready.",
                "Something that it needs is gone, or it hangs; after 10 s it is started anew.",
                f"tail {logs}/{process.name}.log",
            )


def judge_circuits(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        if process.samples.get("hubbub_open_circuit"):
            yield Finding(
                f"{process.name} has given up a service that it calls.",
                "None of its processes has served a call for 5 s; it closes when one is ready.",
                f"grep circuit {scene.settings.logs}/{process.name}.log | tail",
            )


def judge_caches(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        out = process.samples.get("hubbub_edge_cache_nodes_out", 0.0)
        if out:
            yield Finding(
                f"{process.name} does without {int(out)} cache nodes.",
                "They are down or hang. Reads go to their owners: right, and slower.",
                f"tail {scene.settings.logs}/cache-*.log",
            )
