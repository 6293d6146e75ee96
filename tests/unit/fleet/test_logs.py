"""The log files of one machine: their size limit, and how lines of the engines are converted."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fleet.data.logs import copy_output, rotate_logs, severity
from fleet.endings import Endings
from fleet.metrics import FleetMetrics
from fleet.processes.children import spawn
from fleet.processes.supervised import Program
from fleet.settings import PROJECT_FOLDER

MOST = 80_000


def write(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.write(b"x" * size)


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_grows_beyond_its_share_starts_anew(tmp_path: Path) -> None:
    """Two logs share the limit: each has a quarter for its current file, a quarter for the old."""
    write(tmp_path / "edge-1.log", 20_001)
    write(tmp_path / "users-1.log", 20_000)
    rotate_logs(tmp_path, MOST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edge-1.log.old", "users-1.log"]


def test_all_logs_together_stay_below_the_bound(tmp_path: Path) -> None:
    """Whatever is written between two rounds, by any number of processes."""
    for round_ in range(50):
        for number in range(1 + round_ // 5):
            write(tmp_path / f"edge-{number}.log", 3_000)
        rotate_logs(tmp_path, MOST)
        assert total(tmp_path) <= MOST
    assert total(tmp_path) > MOST / 4


def test_a_burst_costs_the_oldest_lines(tmp_path: Path) -> None:
    """A quiet process keeps its current lines; older lines are dropped."""
    write(tmp_path / "quiet-1.log.old", 30_000)
    write(tmp_path / "quiet-1.log", 10)
    write(tmp_path / "busy-1.log", 60_000)
    rotate_logs(tmp_path, MOST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["busy-1.log.old", "quiet-1.log"]


@pytest.mark.parametrize(
    ("role", "line", "level"),
    [
        ("postgres", "00000 LOG:  checkpoint starting: time", logging.INFO),
        ("postgres", "53100 PANIC:  could not write to file: No space left", logging.ERROR),
        ("postgres", "28P01 FATAL:  password authentication failed", logging.ERROR),
        ("postgres", "57P03 FATAL:  the database system is starting up", logging.INFO),
        ("postgres", "01000 WARNING:  there is no transaction in progress", logging.WARNING),
        ("balancer", "[NOTICE]   (7) : New server registered.", logging.INFO),
        ("balancer", "[WARNING]  (7) : Server edge/edge-1 is DOWN.", logging.WARNING),
        ("balancer", "[ALERT]    (7) : cannot bind", logging.ERROR),
        ("valkey", "7:M 26 Nov 2026 09:39:57.085 * Ready to accept connections", logging.INFO),
        ("valkey", "7:M 26 Nov 2026 09:39:57.085 # WARNING overcommit", logging.WARNING),
        ("users", "users: HUBBUB_LISTEN is not set", logging.ERROR),
    ],
)
def test_levels_mean_what_the_program_means(role: str, line: str, level: int) -> None:
    """PostgreSQL's and HAProxy's severity, Valkey's sign; a service's last output is an error."""
    assert severity(role, line) == level


@pytest.mark.parametrize(
    "event",
    [
        "Server edge/edge-1 is UP, reason: Layer7 check passed, code: 200, check duration: 1ms.",
        "Server edge/edge-1 is UP/READY (leaving forced maintenance).",
        "Server edge/edge-1 is UP (leaving forced drain).",
        "Server edge/edge-1 is UP/DRAIN (leaving forced maintenance).",
        "Server edge/edge-1 enters drain state. 1 active and 0 backup servers online.",
        "Server edge/edge-1 remains in forced drain mode.",
        "Server edge/edge-1 is going DOWN for maintenance. 1 active and 0 backup servers left.",
        "Server edge/edge-1 was DOWN and now enters maintenance.",
    ],
)
def test_what_the_fleet_tells_haproxy_is_no_warning(event: str) -> None:
    """Starts, restarts, drains and stops are ordinary."""
    assert severity("balancer", f"[WARNING]  (7) : {event}") == logging.INFO


def test_an_addition_that_is_repeated_is_no_error() -> None:
    """HAProxy's answer to the first one was lost."""
    event = "CLI : 'server edge/edge-1' : Already exists a server with the same name in backend."
    assert severity("balancer", f"[ALERT]    (7) : {event}") == logging.INFO


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[ALERT]    (7) : backend 'edge' has no server available!", logging.ERROR),
        ("[WARNING]  (7) : Server edge/edge-1 is DOWN, reason: Layer4 timeout.", logging.WARNING),
    ],
)
async def test_servers_may_go_while_everything_stops(tmp_path: Path, line: str, level: int) -> None:
    """An empty pool is an error only before."""
    endings = Endings(tmp_path, FleetMetrics(CollectorRegistry()))

    async def answers() -> bool:
        return True

    for _ in range(2):
        process = spawn(
            [sys.executable, "-S", "-c", "import sys; print(sys.argv[1])", line],
            env={}, cwd=tmp_path,
        )  # fmt: skip
        program = Program("balancer", 1, 0, None, lambda: process, answers, answers)  # noqa: B023
        endings.note_start(program, process)
        await endings.finish()
        process.wait()
        endings.is_stopping = True
    written = (tmp_path / "balancer-1.log").read_text().splitlines()
    levels = [json.loads(line)["level"] for line in written]
    assert levels == [logging.getLevelName(level).lower(), "info"]


DOWN = (
    'files/files-2 is DOWN, reason: Layer7 wrong status, code: 503, info: "Service Unavailable", '
    "check duration: 0ms. 1 active and 0 backup servers left."
)


@pytest.mark.parametrize(
    ("before", "level"),
    [
        ([], "warning"),
        (["files/files-2 enters drain state. 1 active and 0 backup servers online."], "info"),
        (["files/files-1 enters drain state. 1 active and 0 backup servers online."], "warning"),
        (["files/files-2 is UP/DRAIN (leaving forced maintenance)."], "info"),
        (["files/files-2 remains in forced drain mode."], "info"),
        (
            [
                "files/files-2 enters drain state. 1 active and 0 backup servers online.",
                "files/files-2 is UP, reason: Layer7 check passed, code: 200.",
            ],
            "info",
        ),
        (
            [
                "files/files-2 enters drain state. 1 active and 0 backup servers online.",
                "files/files-2 was DOWN and now enters maintenance.",
                "files/files-2 is UP/READY (leaving forced maintenance).",
            ],
            "warning",
        ),
        (
            [
                "files/files-2 enters drain state. 1 active and 0 backup servers online.",
                "files/files-2 is going DOWN for maintenance. 1 active and 0 backup servers left.",
            ],
            "warning",
        ),
        (
            [
                "files/files-2 enters drain state. 1 active and 0 backup servers online.",
                "files/files-2 is UP (leaving forced drain).",
            ],
            "warning",
        ),
    ],
)
async def test_a_server_may_go_down_while_it_drains(
    tmp_path: Path, before: list[str], level: str
) -> None:
    """Its process refuses checks, and may need minutes for its transfers."""
    endings = Endings(tmp_path, FleetMetrics(CollectorRegistry()))

    async def answers() -> bool:
        return True

    lines = [f"[WARNING]  (7) : Server {event}" for event in (*before, DOWN)]
    process = spawn(
        [sys.executable, "-S", "-c", "import sys; print(sys.argv[1])", "\n".join(lines)],
        env={}, cwd=tmp_path,
    )  # fmt: skip
    endings.note_start(Program("balancer", 1, 0, None, lambda: process, answers, answers), process)
    process.wait()
    await endings.finish()
    written = (tmp_path / "balancer-1.log").read_text().splitlines()
    levels = [json.loads(line)["level"] for line in written]
    assert levels == [*("info" for _ in before), level]


async def test_a_traceback_is_one_line(tmp_path: Path) -> None:
    """The error is the event; the whole text is in a field of its own."""
    code = "print('before'); 1/0"
    process = spawn([sys.executable, "-S", "-u", "-c", code], env={}, cwd=tmp_path)
    assert process.stdout is not None
    last = await copy_output(process.stdout, tmp_path, "edge", "edge-1")
    assert last == "ZeroDivisionError: division by zero"
    process.wait()
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (tmp_path / "edge-1.log").read_text().splitlines()
    ]
    assert [line["event"] for line in lines] == ["before", "ZeroDivisionError: division by zero"]
    assert lines[1]["level"] == "error"
    assert lines[1]["exception"].startswith("Traceback (most recent call last):\n  File")


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    """Output is discarded, and none is left to be written at exit."""
    program = "from fleet.data.logs import say; import sys; say('x', sys.stdout)"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT_FOLDER, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
