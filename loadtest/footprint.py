"""Current resource use of each process of a system: from /proc, and from its own metrics on the
ports in `fleet.json`."""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from fleet.data.state import FleetState
from fleet.processes.ports import LOOPBACK

TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
FIGURES: Final = {
    "hubbub_loop_tasks": "tasks",
    "hubbub_realtime_subscriptions": "subscriptions",
    "hubbub_realtime_sockets": "sockets",
    "hubbub_chats_outbox_rows": "outbox",
}
OUTBOX_AGE: Final = "hubbub_chats_outbox_age_seconds"
LEFT_OVER_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 5.0


class Footprint(NamedTuple):
    """One process with its children. `memory` in MB, of anonymous pages: file pages are shared with
    other processes. Memory shared by forked processes is counted proportionally. None means that
    this kind of process has no such figure."""

    memory: float
    descriptors: int
    cpu_seconds: float
    tasks: float | None = None
    subscriptions: float | None = None
    sockets: float | None = None
    outbox: float | None = None


def take_footprints(state: FleetState) -> dict[str, Footprint]:
    """By name, such as `edge-1`. A process that ends meanwhile is left out."""
    prints = {}
    for process in state.processes:
        try:
            pids = list(_family(process.pid))
            prints[f"{process.role}-{process.number}"] = Footprint(
                memory=sum(map(_memory, pids)),
                descriptors=sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
                cpu_seconds=sum(map(_cpu_seconds, pids)),
                **_figures(process.metrics),
            )
        except (FileNotFoundError, ProcessLookupError, ConnectionError):
            continue
    return prints


def _family(pid: int) -> Iterator[int]:
    """PostgreSQL's children come and go, and count as part of it."""
    yield pid
    for thread in os.listdir(f"/proc/{pid}/task"):
        for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
            yield from _family(int(child))


def _memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _figures(port: int | None) -> dict[str, float]:
    if port is None:
        return {}
    with urllib.request.urlopen(
        f"http://{LOOPBACK}:{port}/metrics", timeout=TIMEOUT_SECONDS
    ) as answer:
        return read_figures(answer.read().decode())


def read_figures(metrics: str) -> dict[str, float]:
    """Of Prometheus' text. Rows of the outbox count when the oldest is older than a moment: events
    that are just being published, such as the canaries', are no leftovers."""
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    found = {figure: values[name] for name, figure in FIGURES.items() if name in values}
    if values.get(OUTBOX_AGE, 0.0) < LEFT_OVER_SECONDS and "outbox" in found:
        found["outbox"] = 0.0
    return found
