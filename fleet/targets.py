"""Prometheus's list of this machine's metrics endpoints: a file that it reads again whenever it
changes.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from pathlib import Path

import msgspec

from fleet.data.folder import replace_file
from fleet.data.state import FleetState
from fleet.processes.ports import LOOPBACK

FILE_NAME = "targets.json"


class Target(msgspec.Struct, frozen=True):
    targets: list[str]
    labels: dict[str, str]


def targets_of(state: FleetState) -> list[Target]:
    """One entry per process with metrics, with its role and its name as labels."""
    found = [
        _target(process.metrics, process.role, f"{process.role}-{process.number}")
        for process in state.processes
        if process.metrics is not None and process.state != "starting"
    ]
    if state.metrics is not None:
        found.append(_target(state.metrics, "fleet", "fleet-1"))
    return found


def write_targets(folder: Path, state: FleetState) -> None:
    """Raises OSError."""
    text = msgspec.json.format(msgspec.json.encode(targets_of(state)), indent=1)
    replace_file(folder / FILE_NAME, text)


def _target(port: int, role: str, process: str) -> Target:
    return Target([f"{LOOPBACK}:{port}"], {"role": role, "process": process})
