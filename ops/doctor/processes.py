"""Checks of the fleet: its port, its processes, its circuits."""

from collections.abc import Iterator, Sequence
from typing import Final

from common.process.symptoms import CACHE_NODES_OUT, OPEN_CIRCUIT
from fleet.data.state import Death, FleetState, ProcessState
from fleet.settings import SERVICE_ROLES
from ops.doctor.check import Finding
from ops.doctor.remedies import kubectl, quoted, read_logs, show_processes, start_again
from ops.doctor.scene import Scene

SLOW_START_SECONDS: Final = 30
LATELY_SECONDS: Final = 120
KUBERNETES_LATELY_SECONDS: Final = 900
MANY_DEATHS: Final = 3


def judge_fleet(scene: Scene) -> Iterator[Finding]:
    data = scene.settings.data
    if scene.is_command:
        yield Finding(
            f"No Hubbub runs on {data}: a command works on it (process {scene.holder}).",
            "A backup, a restore or an upgrade of the database has not ended.",
            f"ps -fp {scene.holder}   # make run, when it is done",
        )
    elif scene.state is None and scene.holder is not None:
        yield Finding(
            f"A Hubbub runs on {data} (process {scene.holder}), and fleet.json is not there.",
            "It writes that file anew within a second: it is paused, hangs, or cannot write there.",
            f"kill -CONT {scene.holder}; df -h {quoted(data)}; ls -ld {quoted(data)}"
            "   # then make doctor again",
        )
    elif scene.state is None:
        other = f"HUBBUB_PORT={scene.settings.port + 1} " if scene.port_is_taken else ""
        cause = "It was stopped, or never started."
        if scene.was_killed:
            cause = "It did not stop in order: it was killed, memory ran out, or the machine ended."
        yield Finding(f"No Hubbub runs on {data}.", cause, f"{other}make run")
    elif not scene.parent_answers:
        run = "" if scene.is_unit else " && make run"  # systemd does it
        yield Finding(
            f"The process that looks after all others ({scene.state.parent}) does not answer.",
            "It hangs. The others serve; none of them is started again, scaled or drained.",
            f"kill -9 {scene.state.parent}{run}   # all others end with it",
        )


def judge_variables(scene: Scene) -> Iterator[Finding]:
    if scene.state is not None and scene.differing:
        shown = f"tr '\\0' '\\n' </proc/{scene.state.parent}/environ | grep ^HUBBUB_"
        yield Finding(
            f"Hubbub was started with another {', '.join(scene.differing)} than is set here.",
            "It was set elsewhere, as in a systemd unit. The doctor and other commands look where "
            "their own variables say.",
            f"{shown}   # and export these here",
        )


def judge_pauses(scene: Scene) -> Iterator[Finding]:
    for name, pids in scene.paused.items():
        yield Finding(
            f"{name} is paused.",
            "Somebody stopped it, by SIGSTOP, Ctrl-Z or a debugger."
            + ("" if name == "fleet-1" else " It is started again when it stays so."),
            f"kill -CONT {' '.join(map(str, pids))}",
        )


def judge_ports(scene: Scene) -> Iterator[Finding]:
    port = scene.settings.port
    if scene.state is None:
        if scene.port_is_taken and scene.holder is None:
            yield Finding(
                f"Something else uses port {port}.",
                "Two programs cannot listen on one port.",
                f"ss -ltnp 'sport = :{port}'   # or choose another HUBBUB_PORT",
            )
        return
    balancer = next((p for p in scene.state.processes if p.role == "balancer"), None)
    if balancer is not None and balancer.port != port and not scene.in_containers:
        yield Finding(
            f"This Hubbub is on port {balancer.port}, not on {port}.",
            "HUBBUB_PORT is another one here than where it was started.",
            f"export HUBBUB_PORT={balancer.port}",
        )
    elif scene.system_ready != 200:
        yield Finding(
            f"{scene.address}/health/ready says {scene.system_ready or 'nothing'}.",
            "No socket can become ready, or no message can be stored.",
            show_processes(scene),
        )


def judge_processes(scene: Scene) -> Iterator[Finding]:
    if scene.state is not None:
        yield from _judge_numbers(scene, scene.state)
        yield from _judge_states(scene, scene.state)
        yield from _judge_answers(scene)


def _judge_numbers(scene: Scene, state: FleetState) -> Iterator[Finding]:
    """Whether there are as many of each role as there should be."""
    for role in (*SERVICE_ROLES, "balancer"):
        there = sum(p.role == role and _counts(p, scene.now) for p in state.processes)
        wanted = state.wanted[role].replicas if role in state.wanted else 1
        is_explained = any(p.role == role and p.waits_for for p in state.processes)
        if there < wanted and not is_explained:
            yield Finding(
                f"{there or 'None'} of {wanted} processes of {role} {'is' if there == 1 else 'are'}"
                " ready.",
                f"They end again and again, or what they need is gone.{scene.log_of(f'{role}-')}",
                read_logs(scene, role),
                role,
            )


def _judge_states(scene: Scene, state: FleetState) -> Iterator[Finding]:
    """What the fleet, Docker or Kubernetes says about each."""
    for p in state.processes:
        if p.waits_for:
            yield Finding(
                f"{p.name} is not ready.",
                p.waits_for,
                kubectl(scene, f"describe pod {p.name}"),
                p.role,
            )
        elif not p.started and p.role in SERVICE_ROLES and not scene.namespace:
            # A container without information.
            yield Finding(
                f"{p.name} does not answer.",
                "It starts, hangs or is paused.",
                start_again(scene, p.name, p.pid),
                p.role,
            )
        elif not p.started or p.state != "starting" or scene.now - p.started <= SLOW_START_SECONDS:
            continue
        elif scene.in_containers and p.role in SERVICE_ROLES:
            # It may have been ready until a moment ago; a restart would close its sockets.
            yield Finding(
                f"{p.name} is not ready.",
                f"Something that it needs is gone, or it still starts.{scene.log_of(p.name)}",
                read_logs(scene, p.name),
                p.role,
            )
        else:
            yield Finding(
                f"{p.name} is not ready after {int(scene.now - p.started)} s.",
                f"It waits for something.{scene.log_of(p.name)}",
                start_again(scene, p.name, p.pid),
                p.role,
            )


def _judge_answers(scene: Scene) -> Iterator[Finding]:
    """What each says about itself."""
    for process in scene.processes:
        if process.ready is None:
            yield Finding(
                f"{process.name} does not answer.",
                f"It hangs.{scene.log_of(process.name)}",
                start_again(scene, process.name, process.pid),
                process.role,
            )
        elif process.ready != 200:
            yield Finding(
                f"{process.name} says {process.ready} at /health/ready.",
                f"Something that it needs is gone.{scene.log_of(process.name)}",
                read_logs(scene, process.name),
                process.role,
            )


def _counts(process: ProcessState, now: float) -> bool:
    """Whether it serves, or may still be starting."""
    is_new = process.state == "starting" and now - process.started <= SLOW_START_SECONDS
    return process.state == "ready" or is_new


def judge_restarts(scene: Scene) -> Iterator[Finding]:
    if scene.state is None:
        return
    for name, deaths in scene.state.deaths.items():
        if scene.namespace:
            yield from _explain_restarts(scene, name, deaths)
            continue
        lately = [death for death in deaths if scene.now - death.at < LATELY_SECONDS]
        if len(lately) >= MANY_DEATHS:
            often = f"{name} has ended {len(lately)} times in the last 2 minutes, the last time"
            yield _explain_end(scene, name, often, lately[-1])


def _explain_restarts(scene: Scene, pod: str, deaths: Sequence[Death]) -> Iterator[Finding]:
    """Kubernetes waits longer before each restart, at most five minutes."""
    last = deaths[-1]
    if len(deaths) >= MANY_DEATHS and scene.now - last.at < KUBERNETES_LATELY_SECONDS:
        there = scene.state.processes if scene.state else ()
        role = next((p.role for p in there if p.name == pod), "")
        memory = last.why == "OOMKilled"
        yield Finding(
            f"{pod} has been started again {len(deaths)} times or more, the last time "
            f"{int(scene.now - last.at)} s ago, after exit code {last.code} ({last.why}).",
            "It took more memory than its limit." if memory else "It breaks, or is killed.",
            kubectl(scene, f"describe pod {pod}" if memory else f"logs {pod} --previous --tail 50"),
            role,
        )


def _explain_end(scene: Scene, name: str, often: str, last: Death) -> Finding:
    role = name.partition("-")[0]
    if scene.in_containers:
        return Finding(
            f"{often} {int(scene.now - last.at)} s ago.",
            "It breaks, memory ran out, or somebody kills it.",
            f"{read_logs(scene, name)}; dmesg | grep -i 'killed process'",
            role,
        )
    if last.hung:
        return Finding(
            f"{often} since it did not answer: the fleet kills what hangs.",
            f"It waits for something, or the machine is overloaded.{scene.log_of(name)}",
            f"{read_logs(scene, name)}; uptime; vmstat 1 5",
            role,
        )
    if last.code < 0:
        return Finding(
            f"{often} by signal {-last.code}.",
            "Memory ran out, or somebody kills it.",
            "free -m; dmesg | grep -i 'killed process'",
            role,
        )
    return Finding(
        f"{often} with exit code {last.code}.",
        f"It breaks.{scene.log_of(name)}",
        read_logs(scene, name),
        role,
    )


def judge_circuits(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        if process.samples.get(OPEN_CIRCUIT):
            yield Finding(
                f"{process.name} does not call a service any more: its circuit is open.",
                "None of its processes has served a call for 5 s; it closes when one is ready.",
                show_processes(scene),
            )


def judge_caches(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        out = process.samples.get(CACHE_NODES_OUT, 0.0)
        if out:
            yield Finding(
                f"{process.name} does without {int(out)} cache nodes.",
                "They are down or hang. Reads go to their owners: right, and slower."
                f"{scene.log_of('cache-')}",
                show_processes(scene),
                "cache",
            )
