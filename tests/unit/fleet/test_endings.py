"""What the operator is told of processes that end."""

import os
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fleet.endings import Endings
from fleet.metrics import FleetMetrics
from fleet.processes.children import spawn, wait_for_exit
from fleet.processes.supervised import Program


async def _end(endings: Endings, folder: Path, code: int) -> None:
    """A process of chats prints a line and ends before it was ready."""

    async def answers() -> bool:
        return True

    process = spawn(
        [sys.executable, "-c", f"print('why'); raise SystemExit({code})"], env={}, cwd=folder
    )
    program = Program("chats", 1, 0, None, lambda: process, answers, answers)
    endings.note_start(program, process)
    endings.note_end(program, await wait_for_exit(process), False)
    await endings.finish()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be printed on the operator's terminal."""
    sentences: list[str] = []
    monkeypatch.setattr("fleet.endings.say", sentences.append)
    return sentences


@pytest.mark.parametrize("code", [3, os.EX_CONFIG])
async def test_one_that_keeps_failing_is_reported_once(
    tmp_path: Path, said: list[str], code: int
) -> None:
    """With its last line. After the start, settings that became wrong are a failure too."""
    endings = Endings(tmp_path, FleetMetrics(CollectorRegistry()))
    endings.refusal.cancel()  # the start is over
    await _end(endings, tmp_path, code)
    await _end(endings, tmp_path, code)
    log = tmp_path / "chats-1.log"
    assert said == [
        f"chats-1 ended with code {code} before it was ready; {log} may say why. Its last line: why"
    ]
    assert [death.code for death in endings.deaths()["chats-1"]] == [code, code]


async def test_settings_that_are_refused_at_the_start_are_its_end(
    tmp_path: Path, said: list[str]
) -> None:
    """The fleet says it when it ends, so nothing is said here."""
    endings = Endings(tmp_path, FleetMetrics(CollectorRegistry()))
    await _end(endings, tmp_path, os.EX_CONFIG)
    assert endings.refusal.result() == "why"
    assert said == []
