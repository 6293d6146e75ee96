"""The doctor's findings in scenes that have one fault each."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from files.store import WHYS
from fleet.data.lock import FolderLock
from fleet.data.state import Death, FleetState, ProcessState, State
from fleet.settings import PROJECT_FOLDER, FleetSettings, read_settings
from ops.doctor import report
from ops.doctor.check import Finding
from ops.doctor.checks import CHECKS
from ops.doctor.collecting import collect_facts, list_paused
from ops.doctor.complaints import find_complaints
from ops.doctor.report import Verdict, judge, list_promises, to_json, to_text
from ops.doctor.scene import DatabaseFacts, Scene
from tests.unit.ops.scenes import (
    BREAKAGES,
    NOW,
    REFUSALS,
    died,
    facts,
    fleet,
    found_by,
    process,
    scene,
    users,
)

STATES: Final[tuple[State, State]] = ("ready", "draining")
MAKEFILE = (PROJECT_FOLDER / "Makefile").read_text()


def test_a_whole_system_has_nothing_wrong() -> None:
    """All checks are made, and none finds anything."""
    verdicts = judge(scene())
    assert [v for v in verdicts if v.findings or not v.was_judged] == []
    assert to_text(verdicts).endswith("\nNothing is wrong.")


def test_it_says_what_an_answer_survives() -> None:
    """For each database, according to its current configuration."""
    promises = list_promises(scene(databases=users(answers_survive="machine")))
    assert promises == {"users": "machine"}
    assert "Answers of users survive the loss of the primary's machine." in to_text([], promises)
    assert json.loads(to_json([], promises))["answersSurvive"] == promises


@pytest.mark.parametrize(("number", "changes", "wrong"), BREAKAGES)
def test_each_thing_that_is_wrong_is_named(
    number: int, changes: dict[str, Any], wrong: str
) -> None:
    """One check reports it, with a cause and a command that fixes it."""
    found = found_by(scene(**changes))
    assert list(found) == [number]
    assert any(wrong in finding.wrong for finding in found[number]), found
    for finding in found[number]:
        assert finding.cause
        assert finding.command
        assert "Ctrl-C" not in finding.command  # it is typed or pasted
        subprocess.run(["bash", "-n", "-c", finding.command], check=True)
        targets = re.findall(r"make (?:\w+=\S+ )*([a-z-]+)", finding.command.partition(" #")[0])
        assert [t for t in targets if f"\n{t}: " not in MAKEFILE] == []


def test_the_cause_comes_before_what_follows_from_it() -> None:
    """A stopped PostgreSQL is one thing to fix, whatever else fails because of it."""
    broken = scene(
        system_ready=503,
        databases={
            "users": DatabaseFacts(error="refused"),
            "chats": DatabaseFacts(error="refused"),
        },
        processes=(
            facts(name="users-1", ready=503),
            facts(name="edge-1", samples={"hubbub_open_circuit": 1.0}),
            facts(polls=("canary_missing",)),
        ),
        complaints={"postgres-1": "53100 PANIC:  could not write to file"},
    )
    found = {v.number: v.follows_from for v in judge(broken) if v.findings}
    assert found == {3: (4, 8), 4: (8,), 8: (), 15: (4, 8), 18: (4, 8)}
    text = to_text(judge(broken))
    assert text.startswith(
        "WRONG (check 8): The databases of users and chats cannot be asked: refused"
    )
    assert "says: 53100 PANIC:  could not write to file\n" in text
    assert text.count("WRONG (") == 1
    assert text.endswith("\n1 to fix.")


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ([{"processes": (facts(name="chats-1", ready=503),)}, {}], set()),
        ([{"system_ready": 503}, {}], set()),
        ([{"processes": (facts(polls=("bus_down",)),)}, {}], set()),
        ([{"system_ready": 503}, {"system_ready": 503}], {3}),
        ([{"processes": (facts(ready=None),)}, {"processes": (facts(ready=None),)}], {4}),
        ([{"free_files": 12}], {6}),
        ([{}], set()),
    ],
)
async def test_what_may_pass_is_reported_only_if_it_stays(
    monkeypatch: pytest.MonkeyPatch, found: list[dict[str, Any]], wrong: set[int]
) -> None:
    """A process that is just being replaced is no fault; everything else is found at once."""
    scenes = [scene(**changes) for changes in found]

    async def collect(_: FleetSettings) -> Scene:
        return scenes.pop(0)

    monkeypatch.setattr(report, "collect", collect)
    monkeypatch.setattr(report, "PASSING_SECONDS", 0.0)
    last, verdicts = await report.diagnose(read_settings({"HUBBUB_DATA": "/hubbub"}))
    assert {v.number for v in verdicts if v.findings} == wrong
    assert scenes == []
    assert verdicts == judge(last)


def test_deaths_of_long_ago_and_single_ones_are_no_finding() -> None:
    """Supervision takes care of a process that is killed now and then."""
    assert not found_by(scene(state=died("edge-1", 2)))
    long_ago = [Death(NOW - 3600, -9)] * 9
    assert not found_by(scene(state=msgspec.structs.replace(fleet(), deaths={"a-1": long_ago})))


def test_a_complaint_is_the_last_warning_or_error(tmp_path: Path) -> None:
    """From the last ten minutes; truncated lines and lower levels are skipped."""

    def line(minutes: int, level: str, **fields: str) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NOW - 60 * minutes))
        return json.dumps({"time": at, "level": level, **fields}) + "\n"

    (tmp_path / "chats-1.log").write_text(
        line(3, "error", event="older")
        + line(2, "warning", event="not published", error="NoPermissionError")
        + line(1, "info", event="request")
        + '{"time": "torn'
    )
    (tmp_path / "users-1.log").write_text(line(11, "error", event="long ago"))
    found = find_complaints(tmp_path, NOW)
    assert found == {"chats-1": "not published: NoPermissionError"}


@pytest.mark.parametrize("which", [0, 1])
def test_a_process_may_be_paused_beside_its_predecessor(which: int) -> None:
    """Two processes of files have the same name while the first one drains."""
    with ExitStack() as stack:
        both = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
        for one in both:
            stack.callback(one.wait)
            stack.callback(one.kill)
        os.kill(both[which].pid, signal.SIGSTOP)
        os.waitpid(both[which].pid, os.WUNTRACED)  # until it has stopped
        lines = [
            ProcessState("files", 1, one.pid, 1, None, 1.0, state)
            for one, state in zip(both, STATES, strict=True)
        ]
        found = list_paused(FleetState(os.getpid(), lines))
        assert found == {"files-1": (both[which].pid,)}


def test_a_paused_process_is_the_cause_of_everything() -> None:
    """One command resumes everything."""
    broken = scene(
        paused={"postgres-1": (7, 9)},
        system_ready=503,
        databases={
            "users": DatabaseFacts(error="timeout"),
            "chats": DatabaseFacts(error="timeout"),
        },
        processes=(facts(name="users-1", ready=None),),
    )
    text = to_text(judge(broken))
    assert text.startswith("WRONG (check 21): postgres-1 is paused.")
    assert "    Fix: kill -CONT 7 9\n" in text
    assert text.endswith("\n1 to fix.")


def test_what_ends_again_and_again_explains_nothing_about_other_roles() -> None:
    """It explains that this process is missing, not that one of another role is."""
    deaths = {"edge-1": [Death(NOW - 1, 1)] * 3}
    for role, follows in (("edge", (19,)), ("users", ())):
        state = fleet(process(role, state="draining"))
        seen = scene(state=msgspec.structs.replace(state, deaths=deaths))
        assert {v.number: v.follows_from for v in judge(seen) if v.findings} == {
            4: follows,
            19: (),
        }


def test_a_container_that_says_nothing_is_started_again_by_what_is_printed() -> None:
    """Its start time is not known, so none is given."""
    silent = process("edge", 2, state="starting", started=0.0)
    (found,) = found_by(scene(state=fleet(silent), in_containers=True)).values()
    assert [(f.wrong, f.command) for f in found][-1] == (
        "edge-2 does not answer.",
        "docker compose restart edge",
    )


def test_a_fleet_whose_file_is_gone_is_not_taken_for_none() -> None:
    """Its process is named, and the user is not told to start a second fleet."""
    gone = scene(state=None, holder=4711, port_is_taken=True, system_ready=None, databases={})
    ((finding,),) = found_by(gone).values()
    assert "(process 4711)" in finding.wrong
    assert "make run" not in finding.command


async def test_a_backup_of_a_stopped_system_is_not_taken_for_a_fleet_that_hangs(
    tmp_path: Path,
) -> None:
    """It holds the folder too."""
    lock = FolderLock(tmp_path, for_command=True)
    await lock.acquire()
    try:
        seen = await collect_facts(read_settings({"HUBBUB_DATA": str(tmp_path)}))
    finally:
        lock.release()
    (finding,) = found_by(seen)[2]
    assert finding.wrong == (
        f"No Hubbub runs on {tmp_path}: a command works on it (process {os.getpid()})."
    )


def test_nothing_follows_from_a_secret_that_others_may_read() -> None:
    """A process that also ends again and again has another reason."""
    seen = scene(state=died("edge-1", 3), open_secrets=(Path("/hubbub/keys/service.key"),))
    assert {v.number: v.follows_from for v in judge(seen) if v.findings} == {16: (), 19: ()}


def test_one_that_was_killed_is_told_from_one_that_was_stopped() -> None:
    """By the files that it left."""
    for was_killed, word in ((True, "killed"), (False, "stopped, or never")):
        ((finding,),) = found_by(
            scene(state=None, was_killed=was_killed, port_is_taken=False, databases={})
        ).values()
        assert word in finding.cause


def test_what_has_just_been_started_is_not_missed() -> None:
    """For half a minute, because a start takes time."""
    assert not found_by(scene(state=fleet(process("edge", state="starting", started=NOW - 5))))


@pytest.mark.parametrize(("number", "changes", "wrong"), BREAKAGES)
def test_beside_containers_no_command_is_for_one_machine(
    number: int, changes: dict[str, Any], wrong: str
) -> None:
    """The commands work in the folder of docker-compose.yml."""
    for findings in found_by(scene(**changes, in_containers=True)).values():
        for finding in findings:
            assert number in (1, 2, 5, 11, 16, 21) or not re.search(
                r"make |kill |fleet ", finding.command
            ), finding
            assert not re.search(r"(?<!/)python ", finding.command), (
                "the image's lacks the packages"
            )


@pytest.mark.parametrize("error", REFUSALS)
@pytest.mark.parametrize("url", [None, "postgresql://ann@db.example.org/chat"])
def test_a_server_that_refuses_is_not_taken_for_one_that_is_down(
    error: str, url: str | None
) -> None:
    """Stopping it would not help."""
    variables = {"HUBBUB_DATA": "/hubbub"} | ({"HUBBUB_USERS_DATABASE_URL": url} if url else {})
    seen = scene(databases=users(error=error), settings=read_settings(variables))
    ((finding,),) = found_by(seen).values()
    assert finding.cause.startswith("PostgreSQL runs")
    assert "kill" not in finding.command
    assert "ROLE" not in finding.command or url is None or "ALTER ROLE ann " in finding.command


@pytest.mark.parametrize(("code", "command"), [(-9, "dmesg"), (1, "make logs OF=chats-1")])
def test_why_it_ended_decides_where_to_look(code: int, command: str) -> None:
    """The kernel kills with signals; a service that fails logs the reason."""
    deaths = {"chats-1": [Death(NOW - 1, code)] * 3}
    ((finding,),) = found_by(scene(state=msgspec.structs.replace(fleet(), deaths=deaths))).values()
    assert command in finding.command


def test_what_the_fleet_killed_is_not_put_down_to_memory() -> None:
    """The fleet killed it because it did not answer; its log may explain why."""
    deaths = {"chats-1": [Death(NOW - 1, -9, hung=True)] * 3}
    seen = scene(
        state=msgspec.structs.replace(fleet(), deaths=deaths),
        complaints={"chats-1": "the loop is late"},
    )
    ((finding,),) = found_by(seen).values()
    assert "since it did not answer" in finding.wrong
    assert finding.cause.endswith("The log of chats-1 says: the loop is late")
    assert "dmesg" not in finding.command


def test_a_slow_starter_is_named_apart_from_its_role() -> None:
    """Check 4 reports that one is missing and since when it has been starting."""
    starting = process("edge", state="starting", started=NOW - 45)
    (found,) = found_by(scene(state=fleet(starting))).values()
    assert [f.wrong for f in found] == [
        "None of 1 processes of edge are ready.",
        "edge-1 is not ready after 45 s.",
    ]


def test_a_container_that_is_not_ready_any_more_is_not_started_again() -> None:
    """Without chats no node is ready, but their sockets stay; since when is not known."""
    waiting = process("realtime", state="starting", started=NOW - 900)
    (found,) = found_by(scene(state=fleet(waiting), in_containers=True)).values()
    assert [(f.wrong, f.command) for f in found if f.wrong.startswith("realtime-1")] == [
        ("realtime-1 is not ready.", "docker compose logs --tail 50 realtime")
    ]


@pytest.mark.parametrize("why", WHYS)
def test_a_store_that_fails_is_named_with_what_to_do(why: str) -> None:
    """On S3 too; this explains why files is not ready."""
    url = "s3://bucket/x?endpoint=https://s3.example.org"
    fails = facts(name="files-1", role="files", ready=503, store_fails=(why,))
    settings = read_settings({"HUBBUB_DATA": "/hubbub", "HUBBUB_FILES_URL": url})
    verdicts = judge(scene(settings=settings, processes=(fails,)))
    found = {v.number: v for v in verdicts if v.findings}
    assert found.keys() == {4, 22}
    assert found[4].follows_from == (22,)
    (finding,) = found[22].findings
    assert url in finding.wrong
    assert finding.cause
    assert finding.command


@pytest.mark.parametrize(("is_taken", "numbers"), [(False, [2]), (True, [2, 3])])
def test_without_a_fleet_only_the_machine_is_judged(is_taken: bool, numbers: list[int]) -> None:
    """It reports that none runs and what else uses the port; the rest is marked as not checked."""
    alone = scene(state=None, port_is_taken=is_taken, system_ready=None, databases={})
    assert list(found_by(alone)) == numbers
    assert {v.number for v in judge(alone) if not v.was_judged} == {
        check.number for check in CHECKS if check.needs_fleet
    }


def test_json_holds_what_the_text_says() -> None:
    """For programs: every check with its number, and whether the system is healthy."""
    wrong = [Verdict(1, "versions", []), Verdict(2, "fleet", [Finding("a", "b", "c")])]
    told = json.loads(to_json(wrong))
    assert told["sound"] is False
    assert told["checks"][1] == {
        "number": 2, "name": "fleet", "judged": True,
        "findings": [{"wrong": "a", "cause": "b", "command": "c"}], "followsFrom": [],
    }  # fmt: skip
    assert to_text(wrong).startswith("WRONG (check 2): a\n    Why: b\n    Fix: c\n")


def test_numbers_are_in_order() -> None:
    """1, 2, 3 …, each once."""
    assert [check.number for check in CHECKS] == list(range(1, len(CHECKS) + 1))


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [
        ({"is_starting": True}, False),
        ({"is_starting": True, "state": died("users-1", 1)}, False),
        ({"is_starting": True, "state": died("chats-1", 1)}, True),
        ({}, True),
    ],
)
def test_migrations_are_not_missed_while_a_start_applies_them(
    changes: dict[str, Any], is_found: bool
) -> None:
    """Unless a process that should have applied them has ended."""
    database = {"databases": {"chats": DatabaseFacts(missing_migrations=("0003_x.sql",))}}
    (verdict,) = (v for v in judge(scene(**database, **changes)) if v.number == 9)
    assert bool(verdict.findings) is is_found
