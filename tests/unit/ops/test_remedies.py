"""The doctor's commands work as printed, and appear only where they help."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.calls.callers import CALLED, CALLERS
from fleet.data.state import FleetState, write_state
from fleet.settings import read_settings
from ops.doctor.collecting import collect_facts
from ops.doctor.scene import BusFacts
from tests.fixtures.declared_calls import declared_calls
from tests.unit.fleet.test_lock import HOLD
from tests.unit.ops.scenes import (
    BREAKAGES,
    NOW,
    chats,
    facts,
    fleet,
    found_by,
    process,
    scene,
    users,
)

LOCAL = ("missing", "read-only", "full")  # what can be wrong with a folder of files


@pytest.mark.parametrize(
    ("error", "port", "command"),
    [
        (
            "FATAL: the database system is in recovery mode",
            5432,
            "make logs OF=postgres-1   # wait",
        ),
        ("FATAL: sorry, too many clients already", 5432, "ss -tnp 'dport = :5432'"),
        ("there is no process of it", None, "make logs OF=postgres-1"),
        ("no password supplied", 5432, "rm -f /hubbub/keys/users-database.password && "),
        ("timeout", 5432, "kill -9 7 "),
    ],
)
def test_a_database_that_does_not_answer_is_killed_only_where_that_helps(
    error: str, port: int | None, command: str
) -> None:
    """Not during recovery, and not because of connections held by other programs."""
    engines = [process("postgres", pid=7, port=port)] if port else []
    seen = scene(state=fleet(*engines), databases=users(error=error))
    ((finding,),) = found_by(seen).values()
    assert finding.command.startswith(command)


def test_a_transaction_of_somebody_else_is_ended_by_the_command_as_it_is_printed() -> None:
    """Its name is quoted for the shell and for SQL; one that has just begun is no finding."""
    seen = scene(databases=chats(strangers=(("it's mine", 90.0), ("young", 1.0))))
    ((finding,),) = found_by(seen).values()
    python, *words = shlex.split(finding.command)
    assert python == sys.executable
    assert words == ["-m", "fleet", "sql", "chats", "ROLLBACK PREPARED 'it''s mine'"]


@pytest.mark.parametrize(
    "broken",
    [
        {"open_secrets": (Path("/my data/keys/link.key"),)},
        {"free_bytes": 0},
        {"free_files": 0},
        {"bus": BusFacts(refused=("edge",))},
        {"state": None, "holder": 7},
        *({"processes": (facts(name="files-1", role="files", store_fails=(w,)),)} for w in LOCAL),
    ],
    ids=lambda broken: " ".join(map(str, broken)),
)
def test_a_folder_with_a_space_is_one_word_of_a_remedy(broken: dict[str, Any]) -> None:
    """Otherwise `chmod -R` or `rm` would apply to another folder."""
    settings = read_settings({"HUBBUB_DATA": "/my data"})
    commands = [
        f.command for fs in found_by(scene(settings=settings, **broken)).values() for f in fs
    ]
    words = [word for command in commands for word in shlex.split(command)]
    assert [word for word in words if "/my" in word or "data/" in word]
    assert not [word for word in words if word in ("/my", "data") or word.startswith("data/")]


def test_a_full_folder_of_files_is_moved_by_a_command_with_both_places() -> None:
    """`make move-files` needs both."""
    broken = facts(name="files-1", role="files", store_fails=("full",))
    ((finding,),) = found_by(scene(processes=(broken,))).values()
    assert "make move-files FROM=file:///hubbub/files TO=" in finding.command


def test_a_certificate_is_renewed_with_the_key_of_its_ca() -> None:
    """Which docs/hosts.md has moved out of the folder."""
    broken = facts(role="users", samples={"hubbub_certificate_expires": NOW - 5.0})
    ((finding,),) = found_by(scene(processes=(broken,))).values()
    assert "rm FOLDER/users.pem && deploy/make-certificates FOLDER" in finding.command
    assert "# with ca.key in FOLDER" in finding.command


@pytest.mark.parametrize(("number", "changes", "wrong"), BREAKAGES)
def test_a_unit_is_stopped_and_started_by_systemd(
    number: int, changes: dict[str, Any], wrong: str
) -> None:
    """`make stop` refuses there, and `make run` would be another one."""
    for finding in found_by(scene(is_unit=True, **changes))[number]:
        assert not re.search(r"make (PYTHON=\S+ )?(run|stop)\b", finding.command)


@pytest.mark.parametrize("is_unit", [True, False])
async def test_a_fleet_that_systemd_runs_is_known_as_such(tmp_path: Path, *, is_unit: bool) -> None:
    """By its environment, since the doctor's own says nothing about it."""
    start = 'SYSTEMD_EXEC_PID=$$ exec "$@"' if is_unit else 'exec "$@"'
    parent = await asyncio.create_subprocess_exec(
        "sh", "-c", start, "sh", sys.executable, "-S", "-c", HOLD, str(tmp_path / "fleet.lock"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"held\n"
    write_state(tmp_path, FleetState(parent.pid, []))
    try:
        seen = await collect_facts(read_settings({"HUBBUB_DATA": str(tmp_path)}))
    finally:
        parent.kill()
        await parent.wait()
    assert seen.state is not None
    assert seen.is_unit == is_unit


def test_a_python_that_is_too_old_is_replaced_before_the_start() -> None:
    """Also where systemd starts Hubbub, with the Python of its .venv."""
    old = {"python": "3.10.12"}
    ((of_unit,),) = found_by(scene(programs=old, is_unit=True)).values()
    ((by_hand,),) = found_by(scene(programs=old)).values()
    install = "rm -rf .venv && make PYTHON=python3.11 .venv/run.stamp && "
    assert of_unit.command == f"{install}sudo systemctl restart hubbub"
    assert by_hand.command == f"{install}make stop && make run"


def test_a_limit_that_cannot_be_read_is_not_judged() -> None:
    """It does not count as 0."""
    assert found_by(scene(max_descriptors=0)) == {}


@pytest.mark.parametrize("role", [name for name in CALLERS if name != "fleet"])
@pytest.mark.parametrize(
    ("place", "start", "prefix"),
    [
        ({"in_containers": True}, "--no-deps ", ""),
        ({"in_containers": True, "namespace": "hubbub"}, "rollout restart ", "deployment/"),
    ],
)
def test_a_refused_service_is_started_again_with_each_that_it_calls(
    place: dict[str, Any], start: str, prefix: str, role: str
) -> None:
    """Once each: they read the hash of its credential only at their start."""
    refused = facts(name=f"{role}-1", role=role, samples={"hubbub_credential_refused": 1.0})
    ((finding,),) = found_by(scene(processes=(refused,), **place)).values()
    started = finding.command.partition(start)[2].split()
    called = [one for one in CALLED if any(role in c.callers for c in declared_calls(one))]
    assert sorted(started) == sorted(prefix + name for name in (role, *called))


def test_a_password_that_is_set_again_is_in_no_list_of_processes(tmp_path: Path) -> None:
    """Docker's program gets it as input: every user of the machine can see its arguments."""
    broken = users(error="password authentication failed")
    ((finding,),) = found_by(scene(in_containers=True, databases=broken)).values()
    (file := tmp_path / "deploy" / "secrets" / "users-database.password").parent.mkdir(parents=True)
    file.write_text("5f0c1b7e")
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$*"\ncat\n')
    docker.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", finding.command], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "compose exec -T users-database psql -U postgres",
        "ALTER ROLE hubbub_users PASSWORD '5f0c1b7e'",
    ]
