"""Prometheus' targets for the processes of this machine."""

import json
from pathlib import Path
from typing import Any

from fleet.data.state import FleetState, ProcessState
from fleet.targets import FILE_NAME, write_targets


def process(role: str, **changes: Any) -> ProcessState:
    described = {"pid": 1, "port": 8000, "metrics": 9000, "started": 0.0, "state": "ready"}
    return ProcessState(role, 1, **{**described, **changes})


def test_every_process_with_figures_is_a_target(tmp_path: Path) -> None:
    """Draining ones and the fleet itself too, but not starting ones and those without metrics."""
    state = FleetState(
        1,
        [
            process("edge"),
            process("chats", metrics=9001, state="draining"),
            process("users", metrics=9002, state="starting"),
            process("valkey", metrics=None),
        ],
        metrics=9009,
    )
    write_targets(tmp_path, state)
    assert json.loads((tmp_path / FILE_NAME).read_text()) == [
        {"targets": ["127.0.0.1:9000"], "labels": {"role": "edge", "process": "edge-1"}},
        {"targets": ["127.0.0.1:9001"], "labels": {"role": "chats", "process": "chats-1"}},
        {"targets": ["127.0.0.1:9009"], "labels": {"role": "fleet", "process": "fleet-1"}},
    ]
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
