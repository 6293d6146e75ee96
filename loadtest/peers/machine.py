"""Kernel figures: CPU time and memory of processes, and other load on the machine.

Knows no server; everything is read from /proc and the clocks.
"""

import os
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

SERVER_CORE: Final = 1
CLIENT_CORE: Final = 0
DISTURBED_CORES: Final = 0.1  # used by others while something was measured
TRIAL_CONNECTIONS: Final = 50
TICKS: Final = os.sysconf("SC_CLK_TCK")

Found = dict[str, Any]  # the figures of one measurement, as they go into results.jsonl


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads: what /proc/PID/stat rounds to 10 ms, in ns."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def pss_kb(pid: int) -> int:
    """Memory of a process; what it shares with others is counted in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError("no Pss")


def kernel_socket_kb() -> int:
    """Slab memory of the whole machine; the difference made by sockets is the kernel's part."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1])
    raise RuntimeError("no Slab")


def machine_busy_seconds() -> float:
    """CPU time that all processes on all cores have used since boot."""
    fields = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def wait_for_quiet(patience: float) -> None:
    """Waits until nobody else disturbs, or until patience (seconds) ends."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        since, busy = time.monotonic(), machine_busy_seconds()
        time.sleep(0.3)
        if (machine_busy_seconds() - busy) / (time.monotonic() - since) < DISTURBED_CORES:
            return


def undisturbed(tries: int, measure: Callable[[], Found]) -> Found:
    """Measures again if others used the machine meanwhile; keeps the quietest."""
    found = measure()
    while tries > 1 and found["others_cores"] > DISTURBED_CORES:
        tries -= 1
        found = min(found, measure(), key=lambda f: float(f["others_cores"]))
    return found


def stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat after the name: [0] state, [1] parent, [11..14] utime stime cutime cstime."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def children_by_parent() -> dict[int, list[int]]:
    """All processes of the machine."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(int(entry))):
            children[int(fields[1])].append(int(entry))
    return children


def task_ids(pid: int) -> list[int]:
    """The threads of a process; none when it is gone."""
    try:
        return [int(task) for task in os.listdir(f"/proc/{pid}/task")]
    except FileNotFoundError:
        return []


def pin(task: int, cores: set[int]) -> None:
    """Moves a thread; one that is gone needs no core."""
    with suppress(ProcessLookupError):
        os.sched_setaffinity(task, cores)


def describe_machine() -> list[str]:
    """Processor, memory, kernel, and whether a firewall takes part in each packet."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    kernel = os.uname()
    return [
        f"{os.cpu_count()} x {model}, {memory:.0f} GB",
        f"{kernel.sysname} {kernel.release}",
        *(["the kernel tracks connections on loopback"] if tracks_loopback() else []),
    ]


def tracks_loopback() -> bool:
    """Whether the firewall keeps the state of connections on loopback too, as the rules that
    dockerd leaves make it do: some 7% of a send."""
    count = Path("/proc/sys/net/netfilter/nf_conntrack_count")
    if not count.exists():
        return False
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as clients:
        before = int(count.read_text())
        for _ in range(TRIAL_CONNECTIONS):
            clients.enter_context(socket.create_connection(server.getsockname()))
        return int(count.read_text()) - before > TRIAL_CONNECTIONS // 2


def describe_commit() -> str:
    """What is measured, and now. It is dirty where other files than those in docs/, which a run
    writes itself, are not as they were committed."""
    here = ("git", "-C", str(Path(__file__).parent))
    commit = first_line(*here, "describe", "--always")
    with suppress(OSError):  # no git: the line says so
        differs = [*here, "diff", "--quiet", "HEAD", "--", ":(top)", ":(top,exclude)docs"]
        if subprocess.run(differs, check=False).returncode == 1:  # noqa: S603
            commit += "-dirty"
    return f"commit {commit}, {first_line('date', '-u', '+%Y-%m-%d %H:%M UTC')}"


def first_line(*command: str) -> str:
    """What a program says about itself, or that it is not here."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return f"{command[0]}: not here"
    return (done.stdout or done.stderr).strip().splitlines()[0]
