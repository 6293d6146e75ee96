"""The list of processes."""

import time
from typing import cast

import pytest

from fleet.data.state import FleetState, ProcessState, WantedState
from fleet.settings import FleetSettings
from ops import status


async def test_a_clock_that_was_set_back_gives_no_negative_age(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its clock a process may have started in the future."""
    edge = ProcessState("edge", 1, 7, 8001, None, time.time() + 3600, "ready")
    state = FleetState(1, [edge], {"edge": WantedState(1, 1, 2)})

    async def find_running(_: FleetSettings) -> FleetState:
        return state

    monkeypatch.setattr(status, "find_running", find_running)
    assert await status.print_status(cast("FleetSettings", None)) == 0
    assert capsys.readouterr().out.endswith("  0 min 0 s\n")
