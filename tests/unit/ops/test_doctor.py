"""The doctor's judgement of scenes that each hold one thing that is wrong."""

import json
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from files.store import WHYS
from fleet.data.state import Death, FleetState, ProcessState, WantedState
from fleet.settings import PROJECT_FOLDER, SERVICE_ROLES, read_settings
from ops.doctor.check import Finding
from ops.doctor.checks import CHECKS
from ops.doctor.complaints import find_complaints
from ops.doctor.report import Verdict, judge, list_promises, to_json, to_text
from ops.doctor.scene import BusFacts, DatabaseFacts, ProcessFacts, Scene

NOW = 1_800_000_000.0
GOOD_DATABASE = DatabaseFacts(version=180_001, max_prepared=200)
MAKEFILE = (PROJECT_FOLDER / "Makefile").read_text()
PROGRAMS = {
    "python": "3.11.7",
    "postgres": "postgres (PostgreSQL) 18.1",
    "valkey": "Valkey server v=9.0.0 sha=0",
    "haproxy": "HAProxy version 2.8.16-abc 2026/01/01",
}


def process(role: str, number: int = 1, **changes: Any) -> ProcessState:
    described = {"pid": 1, "port": 8000, "metrics": 9000, "started": NOW - 99, "state": "ready"}
    return ProcessState(role, number, **{**described, **changes})


def fleet(*others: ProcessState) -> FleetState:
    there = {p.role: p for p in (*(process(r) for r in (*SERVICE_ROLES, "balancer")), *others)}
    return FleetState(1, list(there.values()), {r: WantedState(1, 1, 4) for r in SERVICE_ROLES})


def died(name: str, times: int) -> FleetState:
    deaths = [Death(NOW - 10 * number, -9) for number in range(times)]
    return msgspec.structs.replace(fleet(), deaths={name: deaths})


def facts(**changes: Any) -> ProcessFacts:
    described = {
        "name": "realtime-1", "role": "realtime", "ready": 200, "samples": {}, "descriptors": 50,
        "max_descriptors": 20_000,
    }  # fmt: skip
    return ProcessFacts(**{**described, **changes})


def scene(**changes: Any) -> Scene:
    """One in which nothing is wrong, but for the changes."""
    described = {
        "settings": read_settings({"HUBBUB_DATA": "/hubbub"}), "now": NOW, "state": fleet(),
        "port_is_taken": True, "system_ready": 200, "programs": PROGRAMS, "packages": {},
        "max_descriptors": 20_000, "free_bytes": 10**10, "free_files": 10**6, "open_secrets": (),
        "processes": (facts(),), "bus": BusFacts(pubsub_limit=(2**26, 2**25, 10)),
        "databases": {"users": GOOD_DATABASE, "chats": GOOD_DATABASE},
    }  # fmt: skip
    return Scene(**{**described, **changes})


def found_by(seen: Scene) -> dict[int, list[Finding]]:
    return {v.number: v.findings for v in judge(seen) if v.findings}


def test_a_whole_system_has_nothing_wrong() -> None:
    """No check finds anything, and all of them were made."""
    verdicts = judge(scene())
    assert [v for v in verdicts if v.findings or not v.was_judged] == []
    assert to_text(verdicts).endswith("\nNothing is wrong.")


def test_it_says_what_an_answer_survives() -> None:
    """For each database, as it is set up just now."""
    promises = list_promises(scene(databases=users(answers_survive="machine")))
    assert promises == {"users": "machine"}
    assert "Answers of users survive the loss of the primary's machine." in to_text([], promises)
    assert json.loads(to_json([], promises))["answersSurvive"] == promises


def users(**changes: Any) -> Mapping[str, DatabaseFacts]:
    described = {"version": 180_001, "max_prepared": 200}
    return {"users": DatabaseFacts(**{**described, **changes}), "chats": GOOD_DATABASE}


def chats(**changes: Any) -> Mapping[str, DatabaseFacts]:
    return {"users": GOOD_DATABASE, "chats": users(**changes)["users"]}


BREAKAGES: list[tuple[int, dict[str, Any], str]] = [
    (1, {"programs": {**PROGRAMS, "valkey": "there is no valkey-server"}}, "no valkey"),
    (1, {"programs": {**PROGRAMS, "postgres": "postgres (PostgreSQL) 16.4"}}, "postgres is 16.4"),
    (1, {"packages": {"uvloop": ("0.54", "0.20")}}, "uvloop 0.20 instead of 0.54"),
    (3, {"system_ready": 503}, "/health/ready says 503"),
    (3, {"system_ready": None}, "/health/ready says nothing"),
    (3, {"state": fleet(process("balancer", port=8001))}, "on port 8001, not on 8000"),
    (4, {"state": fleet(process("users", state="draining"))}, "None of 1 processes of users"),
    (4, {"processes": (facts(name="chats-2", ready=None),)}, "chats-2 does not answer"),
    (5, {"max_descriptors": 1024}, "1024 files only"),
    (5, {"processes": (facts(descriptors=950, max_descriptors=1000),)}, "950 files open"),
    (6, {"free_bytes": 100 * 2**20}, "100 MB are free"),
    (6, {"free_files": 12}, "12 more files"),
    (7, {"databases": users(clock_ahead=-90.0)}, "-90.0 s"),
    (8, {"databases": users(error="connection refused")}, "connection refused"),
    (
        8, {"databases": users(error='FATAL: password authentication failed for user "h"')},
        "does not let its role in",
    ),
    (8, {"databases": users(error="FATAL: the database system is starting up")}, "starting up"),
    (8, {"databases": users(error="FATAL: sorry, too many clients already")}, "too many clients"),
    (8, {"databases": users(error="there is no process of it")}, "there is no process of it"),
    (8, {"databases": users(version=160_004)}, "PostgreSQL 16"),
    (8, {"databases": chats(answers_survive="nothing")}, "before a commit is on disk"),
    (8, {"databases": chats(answers_survive="process", are_several=True)}, "survive one alone"),
    (9, {"databases": chats(missing_migrations=("0003_x.sql",))}, "lacks 0003_x.sql"),
    (10, {"databases": users(max_prepared=0)}, "max_prepared_transactions is 0"),
    (10, {"databases": users(prepared=190)}, "190 of 200"),
    (11, {"bus": BusFacts(error="TimeoutError")}, "cannot be asked"),
    (11, {"bus": BusFacts(pubsub_limit=(2**20, 0, 0))}, "cuts a subscriber off at 1048576"),
    (11, {"bus": BusFacts(silent=("10.0.0.1:6379",))}, "do not answer: 10.0.0.1:6379"),
    (11, {"bus": BusFacts(lonely=("10.0.0.1:6379",))}, "no replica: 10.0.0.1:6379"),
    (12, {"databases": users(prepared=1, prepared_age=60.0)}, "the oldest for 60 s"),
    (13, {"databases": chats(unpublished=7, unpublished_age=61.0)}, "7 events"),
    (14, {"processes": (facts(samples={"hubbub_realtime_canary_silent_seconds": 40.0}),)}, "40 s"),
    (15, {"processes": (facts(samples={"hubbub_open_circuit": 1.0}),)}, "given up"),
    (17, {"processes": (facts(samples={"hubbub_edge_cache_nodes_out": 2.0}),)}, "2 cache nodes"),
    (18, {"processes": (facts(polls=("digest_missing",)),)}, "realtime-1 hears nothing from chats"),
    (18, {"processes": (facts(polls=("bus_down",)),)}, "(bus_down)"),
    (
        20, {"processes": (facts(samples={"hubbub_chats_search_behind_seconds": 90.0}),)},
        "The search index has lacked",
    ),
    (
        20, {"processes": (facts(samples={"hubbub_chats_search_lacks_words": 1.0}),)},
        "The search index has no index of words",
    ),
    (11, {"bus": BusFacts(refused=("chats",))}, "does not let chats in"),
    (19, {"state": died("cache-1", 3)}, "cache-1 has ended 3 times"),
    (19, {"state": died("edge-1", 9)}, "the last time by signal 9"),
    (4, {"processes": (facts(name="balancer-1", role="balancer", ready=None),)}, "balancer-1 does"),
    (10, {"databases": chats(strangers=(("it's mine", 90.0),))}, "is not Hubbub's"),
    (2, {"parent_answers": False}, "looks after all others (1) does not answer"),
    (21, {"paused": {"postgres-1": (7,)}}, "postgres-1 is paused"),
    (16, {"missing_secrets": (Path("/hubbub/keys/edge.key"),)}, "edge.key is gone"),
    (16, {"open_secrets": (Path("/hubbub/keys/edge.key"),)}, "edge.key"),
    (
        16, {"processes": (facts(name="edge-1", samples={"hubbub_credential_refused": 2.0}),)},
        "edge-1 is refused by those that it calls",
    ),
    (
        16, {"processes": (facts(samples={"hubbub_certificate_expires": NOW + 86_400 * 3.5}),)},
        "expires in 3 days",
    ),
    (
        16, {"processes": (facts(samples={"hubbub_certificate_expires": NOW - 5}),)},
        "has expired",
    ),
    *(
        (22, {"processes": (facts(name="files-1", role="files", store_fails=(why,)),)},
         f"files-1 cannot store files: /hubbub/files is {why}")
        for why in WHYS
    ),
]  # fmt: skip


@pytest.mark.parametrize(("number", "changes", "wrong"), BREAKAGES)
def test_each_thing_that_is_wrong_is_named(
    number: int, changes: dict[str, Any], wrong: str
) -> None:
    """By one check, with a cause and a command that fixes it."""
    found = found_by(scene(**changes))
    assert list(found) == [number]
    assert any(wrong in finding.wrong for finding in found[number]), found
    for finding in found[number]:
        assert finding.cause
        assert finding.command
        assert "Ctrl-C" not in finding.command  # it is typed, or pasted
        subprocess.run(["bash", "-n", "-c", finding.command], check=True)
        targets = re.findall(r"make (?:\w+=\S+ )*([a-z-]+)", finding.command.partition(" #")[0])
        assert [t for t in targets if f"\n{t}: " not in MAKEFILE] == []


def test_the_cause_comes_before_what_follows_from_it() -> None:
    """One stopped PostgreSQL is one thing to fix, whatever else is wrong because of it."""
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


def test_deaths_of_long_ago_and_single_ones_are_no_finding() -> None:
    """A process that was killed now and then is what supervision is for."""
    assert not found_by(scene(state=died("edge-1", 2)))
    long_ago = [Death(NOW - 3600, -9)] * 9
    assert not found_by(scene(state=msgspec.structs.replace(fleet(), deaths={"a-1": long_ago})))


def test_a_complaint_is_the_last_warning_or_error(tmp_path: Path) -> None:
    """Of the last ten minutes; torn lines and what is only told are passed over."""

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


def test_a_paused_process_is_the_cause_of_everything() -> None:
    """One command makes all of it go on."""
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
    """That it is missing itself follows from it; that another one is missing does not."""
    deaths = {"edge-1": [Death(NOW - 1, 1)] * 3}
    for role, follows in (("edge", (19,)), ("users", ())):
        state = fleet(process(role, state="draining"))
        seen = scene(state=msgspec.structs.replace(state, deaths=deaths))
        assert {v.number: v.follows_from for v in judge(seen) if v.findings} == {
            4: follows,
            19: (),
        }


def test_a_container_that_says_nothing_is_started_again_by_what_is_printed() -> None:
    """Since when it runs is not known, so that is not said."""
    silent = process("edge", 2, state="starting", started=0.0)
    (found,) = found_by(scene(state=fleet(silent), in_containers=True)).values()
    assert [(f.wrong, f.command) for f in found][-1] == (
        "edge-2 does not answer.",
        "docker compose restart edge",
    )


def test_a_fleet_whose_file_is_gone_is_not_taken_for_none() -> None:
    """Its process is named, and nobody is told to start a second one."""
    gone = scene(state=None, holder=4711, port_is_taken=True, system_ready=None, databases={})
    ((finding,),) = found_by(gone).values()
    assert "(process 4711)" in finding.wrong
    assert "make run" not in finding.command


def test_nothing_follows_from_a_secret_that_others_may_read() -> None:
    """What ends over and over beside it has another reason."""
    seen = scene(state=died("edge-1", 3), open_secrets=(Path("/hubbub/keys/service.key"),))
    assert {v.number: v.follows_from for v in judge(seen) if v.findings} == {16: (), 19: ()}


def test_one_that_was_killed_is_told_from_one_that_was_stopped() -> None:
    """By what it left."""
    for was_killed, word in ((True, "killed"), (False, "stopped, or never")):
        ((finding,),) = found_by(
            scene(state=None, was_killed=was_killed, port_is_taken=False, databases={})
        ).values()
        assert word in finding.cause


def test_what_has_just_been_started_is_not_missed() -> None:
    """For half a minute; a start takes its time."""
    assert not found_by(scene(state=fleet(process("edge", state="starting", started=NOW - 5))))


@pytest.mark.parametrize(("number", "changes", "wrong"), BREAKAGES)
def test_beside_containers_no_command_is_for_one_machine(
    number: int, changes: dict[str, Any], wrong: str
) -> None:
    """What to type works where docker-compose.yml is."""
    for findings in found_by(scene(**changes, in_containers=True)).values():
        for finding in findings:
            assert number in (1, 2, 5, 11, 16, 21) or not re.search(
                r"make |kill |fleet ", finding.command
            ), finding
            assert not re.search(r"(?<!/)python ", finding.command), (
                "the image's lacks the packages"
            )


@pytest.mark.parametrize(("code", "command"), [(-9, "dmesg"), (1, "make logs OF=chats-1")])
def test_why_it_ended_decides_where_to_look(code: int, command: str) -> None:
    """The kernel kills by signals; a service that breaks says why in its log."""
    deaths = {"chats-1": [Death(NOW - 1, code)] * 3}
    ((finding,),) = found_by(scene(state=msgspec.structs.replace(fleet(), deaths=deaths))).values()
    assert command in finding.command


def test_what_the_fleet_killed_is_not_put_down_to_memory() -> None:
    """It did not answer, which its log may explain."""
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
    """Check 4 says both that one is missing and since when it starts."""
    starting = process("edge", state="starting", started=NOW - 45)
    (found,) = found_by(scene(state=fleet(starting))).values()
    assert [f.wrong for f in found] == [
        "None of 1 processes of edge are ready.",
        "edge-1 is not ready after 45 s.",
    ]


@pytest.mark.parametrize("why", WHYS)
def test_a_store_that_fails_is_named_with_what_to_do(why: str) -> None:
    """On S3 too, and it explains that files is not ready."""
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
    """That none runs is said, and who else has the port; the rest is marked as not looked at."""
    alone = scene(state=None, port_is_taken=is_taken, system_ready=None, databases={})
    assert list(found_by(alone)) == numbers
    assert {v.number for v in judge(alone) if not v.was_judged} == {
        check.number for check in CHECKS if check.needs_fleet
    }


def test_json_holds_what_the_text_says() -> None:
    """For programs: every check with its number, and whether the whole is sound."""
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
