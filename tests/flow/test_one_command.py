"""`python -m fleet` as its operator sees it: starts, refusals to start, every kind of end."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from fleet.control import Reply, Restart, ask_fleet
from fleet.data.state import is_alive, read_state
from fleet.processes.ports import ReservedPort, is_taken
from tests.fixtures.busy import bound
from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.person import Person

ONE_OF_EACH = "edge=1,realtime=1,users=1,chats=1"
GONE_SECONDS = bound(5.0, 30.0)


async def run(module: str, *words: str, **variables: str) -> tuple[int, str]:
    """Runs `python -m MODULE` until it ends; returns its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *words,
        cwd=ROOT, env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def until_gone(pids: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        await asyncio.sleep(0.05)


async def test_no_child_outlives_a_killed_parent_and_the_next_start_finds_the_data(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """kill -9 of the parent ends all its processes within 5 s, including PostgreSQL, even under a
    path longer than a socket's may be. Closing its terminal (SIGHUP) drains it."""
    data = tmp_path / "a-long-path-" / ("x" * 150)
    hubbub = Hubbub(data, replicas=ONE_OF_EACH)
    await hubbub.start()
    ann = await Person.sign_up(http, hubbub.origin)
    chat = await ann.create_chat("before")
    pids = [process.pid for process in hubbub.processes()]
    hubbub.kill_parent()
    await until_gone(pids, GONE_SECONDS)
    await hubbub.start()
    assert (await ann.post(chat, "after")).status == 201
    assert await hubbub.stop(signal.SIGHUP) == 0
    hubbub.close()


async def test_a_shell_set_up_for_another_postgresql_changes_nothing(tmp_path: Path) -> None:
    """libpq reads these variables in every program. The embedded server has no TLS."""
    theirs = {
        "PGSSLMODE": "require", "PGSERVICE": "cloud", "PGHOSTADDR": "192.0.2.1",
        "PGOPTIONS": "-c default_transaction_read_only=on", "PGCLIENTENCODING": "LATIN1",
    }  # fmt: skip
    hubbub = Hubbub(tmp_path / "data", replicas=ONE_OF_EACH)
    hubbub.environment |= theirs
    await hubbub.start()
    theirs |= {name: hubbub.environment[name] for name in ("HUBBUB_DATA", "HUBBUB_PORT")}
    target = tmp_path / "backup.tar"
    code, said = await run("fleet", "backup", str(target), **theirs)
    assert (code, target.exists()) == (0, True), said
    _, said = await run("ops", "doctor", **theirs)
    assert "PostgreSQL" not in said
    code, said = await run("fleet", "sql", "chats", "CREATE TABLE new (it text)", **theirs)
    assert (code, said) == (0, "CREATE TABLE\n")
    assert await hubbub.stop() == 0
    hubbub.close()


async def test_ctrl_c_ends_everything_and_exits_with_0(tmp_path: Path) -> None:
    """SIGINT drains; afterwards no process is running or listed, and the port is free."""
    hubbub = Hubbub(tmp_path, replicas=ONE_OF_EACH)
    await hubbub.start()
    pids = [process.pid for process in hubbub.processes()]
    assert await hubbub.stop(signal.SIGINT) == 0
    assert not [pid for pid in pids if is_alive(pid)]
    assert json.loads((tmp_path / "fleet.json").read_text())["processes"] == []
    hubbub.close()


async def test_ctrl_c_during_the_start_ends_it_too(tmp_path: Path) -> None:
    """It does not wait for readiness that is no longer needed."""
    hubbub = Hubbub(tmp_path, replicas=ONE_OF_EACH)
    starting = asyncio.create_task(hubbub.start())
    while not hubbub.processes("postgres"):  # noqa: ASYNC110 - what changes is a file
        await asyncio.sleep(0.01)
    starting.cancel()
    assert await hubbub.stop(signal.SIGINT) == 0
    hubbub.close()


async def test_ctrl_c_while_the_database_is_made_ends_it_too(tmp_path: Path) -> None:
    """A terminal sends the signal to all that was started in it. The database is finished first."""
    begun = tmp_path / "postgres.new/global/pg_control"
    with closing(ReservedPort()) as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fleet",
            cwd=ROOT, start_new_session=True,
            env={**os.environ, "HUBBUB_DATA": str(tmp_path), "HUBBUB_PORT": str(port.number)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        while not begun.exists():  # noqa: ASYNC110 - what changes is a file
            await asyncio.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, said.decode()) == (0, "")
    assert (tmp_path / "postgres").exists()


async def test_a_stop_ends_a_restart_too(tmp_path: Path) -> None:
    """The caller of the restart is told; started processes are stopped like all others."""
    hubbub = Hubbub(tmp_path, replicas=ONE_OF_EACH)
    await hubbub.start()
    restarting = asyncio.create_task(ask_fleet(tmp_path / "run", Restart()))
    while len(hubbub.processes("chats")) < 2:  # noqa: ASYNC110 - what changes is a file
        await asyncio.sleep(0.01)
    assert await hubbub.stop() == 0
    assert await restarting == Reply(False, "Not done: Hubbub is being stopped.")
    entries = [json.loads(e) for e in (tmp_path / "logs/fleet-1.log").read_text().splitlines()]
    assert not [entry for entry in entries if entry["level"] == "error"]
    began, ended = (
        [e["process"] for e in entries if e["event"] == w] for w in ("started", "ended")
    )
    assert sorted(began) == sorted(ended)
    hubbub.close()


async def test_a_second_one_on_the_same_folder_is_refused(system: Hubbub) -> None:
    """The error says what to do; the first one is not affected."""
    code, said = await run("fleet", HUBBUB_DATA=str(system.data), HUBBUB_PORT="1")
    assert code == 1
    assert said.startswith(f"Hubbub does not start: Another Hubbub runs on {system.data}.")
    assert len(said.splitlines()) == 1


async def test_a_port_in_use_is_refused(system: Hubbub, tmp_path: Path) -> None:
    """The error names the port and the variable."""
    port = system.origin.rpartition(":")[2]
    code, said = await run("fleet", HUBBUB_DATA=str(tmp_path / "other"), HUBBUB_PORT=port)
    assert code == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in said
    assert "HUBBUB_PORT" in said


async def test_a_variable_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """Before anything is started or written."""
    data = tmp_path / "data"
    code, said = await run("fleet", HUBBUB_DATA=str(data), HUBBUB_REPLICAS="edge=none")
    assert (code, data.exists()) == (1, False)
    assert said.startswith("Hubbub does not start: HUBBUB_REPLICAS:")


async def test_a_variable_that_makes_no_sense_to_services_is_refused_too(tmp_path: Path) -> None:
    """By all of those that read it, which is said once; nothing goes on running. A variable that
    nothing reads is named before that if it seems to be misspelled."""
    with closing(ReservedPort()) as port:
        code, said = await run(
            "fleet",
            HUBBUB_DATA=str(tmp_path),
            HUBBUB_PORT=str(port.number),
            HUBBUB_RATE_LIMITS="perhaps",
            HUBBUB_SINGUP="closed",
        )
    assert code == 1
    assert re.fullmatch(
        r"HUBBUB_SINGUP is not read by anything\. Did you mean HUBBUB_SIGNUP\?\n"
        r"Hubbub does not start: \w+: HUBBUB_RATE_LIMITS: 'perhaps' is not on .+\n",
        said,
    )
    listed = read_state(tmp_path)
    assert listed is not None
    assert listed.processes == []
    assert "Traceback" not in (tmp_path / "logs/fleet-1.log").read_text()


async def test_fleet_json_lists_what_runs(system: Hubbub) -> None:
    """The parent, two processes of each service and one of each engine, with their ports."""
    await system.until_whole()
    state = json.loads((system.data / "fleet.json").read_text())
    assert is_alive(state["parent"])
    counts: dict[str, int] = {}
    for process in state["processes"]:
        counts[process["role"]] = counts.get(process["role"], 0) + 1
        assert process.keys() >= {"role", "pid", "port", "metrics", "started", "state"}
        assert is_alive(process["pid"])
        assert is_taken("127.0.0.1", process["port"])
        assert 0 < time.time() - process["started"] < 3600
        await check_metrics(process)
    replicas = 2 if (os.cpu_count() or 1) > 1 else 1
    assert counts == {
        **dict.fromkeys(("edge", "realtime", "files", "users", "chats"), replicas),
        **dict.fromkeys(("postgres", "valkey", "balancer"), 1),
        "cache": 3,
    }


async def check_metrics(process: Mapping[str, Any]) -> None:
    if process["metrics"] is None:
        assert process["role"] in ("postgres", "valkey", "cache")
        return
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{process['metrics']}/metrics") as answer,
    ):
        assert answer.status == 200
        assert "# TYPE" in await answer.text()


async def test_every_log_line_is_a_json_object(system: Hubbub) -> None:
    """Including those of PostgreSQL, Valkey and HAProxy."""
    logs = list((system.data / "logs").glob("*.log"))
    assert {log.stem.rpartition("-")[0] for log in logs} >= {"postgres", "valkey", "balancer"}
    for log in logs:
        for line in log.read_text().splitlines():
            assert json.loads(line).keys() >= {"time", "level", "role", "trace", "event"}, log


async def test_keys_are_for_the_owner_alone(system: Hubbub) -> None:
    """Every file is 0600, every folder 0700."""
    keys = system.data / "keys"
    for path in (keys, *keys.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


async def test_doctor_finds_nothing_wrong_with_a_whole_system(system: Hubbub) -> None:
    """Exit code 0, apart from processes that other tests have killed recently."""
    await system.until_whole()
    port = system.origin.rpartition(":")[2]
    variables = {"HUBBUB_DATA": str(system.data), "HUBBUB_PORT": port}
    code, said = await run("ops", "doctor", "--json", **variables)
    wrong = {c["name"]: c["findings"] for c in json.loads(said)["checks"] if c["findings"]}
    assert wrong.keys() <= {"restarts"}, said
    assert code == (1 if wrong else 0)


async def test_addresses_are_those_at_which_the_page_may_be_opened(tmp_path: Path) -> None:
    """Those that are printed, if there is a public URL; the doctor asks where the port listens."""
    public = "https://chat.example.org"
    hubbub = Hubbub(tmp_path, replicas=ONE_OF_EACH, public_url=public, bind="127.0.0.2")
    async with hubbub:
        await hubbub.until_said(f"Hubbub is ready at {public}\n")
        await hubbub.until_said(f"Sign up as its owner: {public}/#owner=")
        where = {"HUBBUB_DATA": str(tmp_path), "HUBBUB_PORT": hubbub.environment["HUBBUB_PORT"]}
        _, said = await run("ops", "doctor", "--json", **where)
        found = {check["name"]: check["findings"] for check in json.loads(said)["checks"]}
        assert found["ports"] == []
    hubbub.close()


async def test_doctor_says_that_nothing_runs(tmp_path: Path) -> None:
    """Exit code 1, and what to do."""
    code, said = await run("ops", "doctor", HUBBUB_DATA=str(tmp_path), HUBBUB_PORT="1")
    assert code == 1
    assert f"No Hubbub runs on {tmp_path}.\n" in said
    assert "Fix: make run\n" in said


async def test_status_lists_the_processes(system: Hubbub) -> None:
    """One line each, below the wanted number of each role."""
    code, said = await run("ops", "status", HUBBUB_DATA=str(system.data))
    assert code == 0
    _, _, listed = said.partition("\n\n")
    assert len(listed.splitlines()) == 1 + len(system.processes())
