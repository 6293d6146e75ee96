"""Scenes for the doctor: one in which nothing is wrong, and the faults that it may have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from files.store import WHYS
from fleet.data.state import Death, FleetState, ProcessState, WantedState
from fleet.entrance import ShownCertificate
from fleet.settings import SERVICE_ROLES, read_settings
from ops.doctor.check import Finding
from ops.doctor.report import judge
from ops.doctor.scene import BusFacts, DatabaseFacts, ProcessFacts, Scene

NOW = 1_800_000_000.0
GOOD_DATABASE = DatabaseFacts(version=180_001, max_prepared=200)
PUBLIC = read_settings({"HUBBUB_DATA": "/hubbub", "HUBBUB_PUBLIC_URL": "https://chat.example.org"})
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


def shown(*, left: float) -> ShownCertificate:
    """A certificate valid for 100 days, of which so many are left."""
    begins = NOW - (100 - left) * 86_400
    return ShownCertificate(begins, NOW + left * 86_400, ("other.example",))


def scene(**changes: Any) -> Scene:
    """A scene in which nothing is wrong except for the changes."""
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


def users(**changes: Any) -> Mapping[str, DatabaseFacts]:
    described = {"version": 180_001, "max_prepared": 200}
    return {"users": DatabaseFacts(**{**described, **changes}), "chats": GOOD_DATABASE}


def chats(**changes: Any) -> Mapping[str, DatabaseFacts]:
    return {"users": GOOD_DATABASE, "chats": users(**changes)["users"]}


REFUSALS = (
    'connection failed: FATAL: too many connections for role "hubbub_users"',
    'connection failed: FATAL: role "hubbub_users" is not permitted to log in',
    'connection failed: FATAL: database "hubbub_users" does not exist',
    "connection failed: session is read-only",
)
BREAKAGES: list[tuple[int, dict[str, Any], str]] = [
    (1, {"programs": {**PROGRAMS, "valkey": "there is no valkey-server"}}, "no valkey"),
    (1, {"programs": {**PROGRAMS, "postgres": "postgres (PostgreSQL) 16.4"}}, "postgres is 16.4"),
    (1, {"programs": {**PROGRAMS, "postgres": "postgres (PostgreSQL) 17.6"}}, "must be 18"),
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
    *((8, {"databases": users(error=error)}, error) for error in REFUSALS),
    (8, {"databases": chats(holders=((7, "ann", 0.0),))}, "Process 7 of PostgreSQL (ann) holds up"),
    (
        8, {"databases": chats(error="statement timeout", holders=((7, "hubbub_chats", 30.0),))},
        "holds up others in the database of chats, for 30 s.",
    ),
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
    (15, {"processes": (facts(samples={"hubbub_open_circuit": 1.0}),)}, "circuit is open"),
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
    (11, {"bus": BusFacts(follows="10.0.0.1:6379")}, "a replica of 10.0.0.1:6379"),
    (11, {"bus": BusFacts(is_full=True)}, "Valkey is full"),
    (11, {"bus": BusFacts(refused=("chats",))}, "does not let chats in"),
    (19, {"state": died("cache-1", 3)}, "cache-1 has ended 3 times"),
    (19, {"state": died("edge-1", 9)}, "the last time by signal 9"),
    (4, {"processes": (facts(name="balancer-1", role="balancer", ready=None),)}, "balancer-1 does"),
    (10, {"databases": chats(strangers=(("it's mine", 90.0),))}, "is not Hubbub's"),
    (2, {"parent_answers": False}, "looks after all others (1) does not answer"),
    (21, {"paused": {"postgres-1": (7,)}}, "postgres-1 is paused"),
    (16, {"missing_secrets": (Path("/hubbub/keys/edge.key"),)}, "edge.key is gone"),
    (16, {"databases": users(unopened_keys=2)}, "signing.key does not open 2 keys"),
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
    (24, {"certificate": shown(left=4)}, "The public certificate expires on 2027-01-19"),
    (24, {"certificate": shown(left=-1)}, "The public certificate expired on 2027-01-14"),
    (24, {"certificate": shown(left=80), "settings": PUBLIC}, "for other.example, not for chat."),
    (23, {"differing": ("HUBBUB_FILES_URL",)}, "started with another HUBBUB_FILES_URL than is set"),
    *(
        (22, {"processes": (facts(name="files-1", role="files", store_fails=(why,)),)},
         f"files-1 cannot store files: /hubbub/files is {why}")
        for why in WHYS
    ),
]  # fmt: skip
