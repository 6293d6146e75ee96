"""The doctor's checks that an edge process can make. Pure.

Disk, descriptors, versions, clocks and secrets can only be checked on the machine: `make doctor`.
"""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from common.process.symptoms import (
    CANARY_SILENT_SECONDS,
    MOST_BEHIND_SECONDS,
    MOST_IN_DOUBT_SECONDS,
    MOST_SILENT_SECONDS,
    MOST_UNPUBLISHED_SECONDS,
    OPEN_CIRCUIT,
    POLLING,
    SEARCH_BEHIND_CHATS,
    SEARCH_BEHIND_SECONDS,
)
from edge.bodies import AnswerBody
from edge.figures import Figures

SOCKETS: Final = "hubbub_realtime_sockets"
DELIVERED: Final = "hubbub_realtime_deliveries_total"
STORED: Final = "hubbub_chats_appended_total"
OUTBOX_AGE_SECONDS: Final = "hubbub_chats_outbox_age_seconds"
PREPARED_SECONDS: Final = "hubbub_users_oldest_prepared_seconds"
ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "users": (OPEN_CIRCUIT, PREPARED_SECONDS),
    "chats": (
        OPEN_CIRCUIT, STORED, OUTBOX_AGE_SECONDS, SEARCH_BEHIND_SECONDS, SEARCH_BEHIND_CHATS,
    ),
    "realtime": (OPEN_CIRCUIT, SOCKETS, DELIVERED, CANARY_SILENT_SECONDS, POLLING),
}  # fmt: skip


class Check(AnswerBody):
    """`detail` is the finding."""

    check: Annotated[str, Meta(examples=["databases"])]
    ok: Annotated[bool, Meta(examples=[True])]
    detail: Annotated[str, Meta(examples=["Both answer."])]


class Seen(NamedTuple):
    """What the replicas of each role report; whether the databases and Valkey answer; the cache
    nodes that do not; whether a circuit of this process is open."""

    figures: Mapping[str, Figures]
    databases: Mapping[str, bool]
    valkey: bool
    cache_nodes: int
    cache_nodes_out: int
    circuit_is_open: bool


def judge(seen: Seen) -> list[Check]:
    """All checks, in the doctor's order."""
    users, chats, realtime = (seen.figures[role] for role in ("users", "chats", "realtime"))
    return [
        _judge_processes(seen.figures),
        _judge_databases(seen.databases),
        _judge_valkey(seen.valkey),
        _judge_in_doubt(users),
        _judge_outbox(chats),
        _judge_canaries(realtime),
        _judge_circuits(seen),
        _judge_caches(seen),
        _judge_polling(realtime),
        _judge_search_index(chats),
    ]


def _judge_processes(figures: Mapping[str, Figures]) -> Check:
    missing = [
        f"{len(of.answered)} of {of.known} of {role} answer"
        for role, of in figures.items()
        if not len(of.answered) == of.known > 0
    ]
    return _check("processes", ", ".join(missing), "All of them answer.")


def _judge_databases(databases: Mapping[str, bool]) -> Check:
    silent = [
        f"that of {role} does not answer" for role, answers in databases.items() if not answers
    ]
    return _check("databases", ", ".join(silent), "Both answer.")


def _judge_valkey(answers: bool) -> Check:
    wrong = "" if answers else "It does not answer; messages arrive, up to 2 s late"
    return _check("Valkey", wrong, "It answers.")


def _judge_in_doubt(users: Figures) -> Check:
    seconds = users.highest(PREPARED_SECONDS)
    wrong = f"A change of a chat's members has waited for its decision for {seconds:.0f} s"
    return _check("in doubt", wrong if seconds > MOST_IN_DOUBT_SECONDS else "", "Nothing waits.")


def _judge_outbox(chats: Figures) -> Check:
    seconds = chats.highest(OUTBOX_AGE_SECONDS)
    wrong = f"Events have waited to be published for {seconds:.0f} s; nodes fetch them"
    return _check("outbox", wrong if seconds > MOST_UNPUBLISHED_SECONDS else "", "Nothing waits.")


def _judge_canaries(realtime: Figures) -> Check:
    seconds = realtime.highest(CANARY_SILENT_SECONDS)
    wrong = f"What is stored has not reached a node over the bus for {seconds:.0f} s"
    return _check("canaries", wrong if seconds > MOST_SILENT_SECONDS else "", "They come back.")


def _judge_circuits(seen: Seen) -> Check:
    count = int(sum(of.total(OPEN_CIRCUIT) or 0 for of in seen.figures.values()))
    count += seen.circuit_is_open
    wrong = f"{count} circuit{'s are' if count > 1 else ' is'} open" if count else ""
    return _check("circuits", wrong, "No circuit is open.")


def _judge_caches(seen: Seen) -> Check:
    wrong = f"{seen.cache_nodes_out} of {seen.cache_nodes} nodes do not answer; reads are slower"
    return _check("caches", wrong if seen.cache_nodes_out else "", "All nodes answer.")


def _judge_polling(realtime: Figures) -> Check:
    count = sum(bool(figures.get(POLLING)) for figures in realtime.answered)
    who = "A node hears" if count == 1 else f"{count} nodes hear"
    wrong = f"{who} nothing from chats, which is polled instead; messages are up to 2 s late"
    return _check("live delivery", wrong if count else "", "Events arrive as they happen.")


def _judge_search_index(chats: Figures) -> Check:
    seconds = chats.highest(SEARCH_BEHIND_SECONDS)
    behind = chats.total(SEARCH_BEHIND_CHATS) or 0
    wrong = f"It has lacked messages of {behind} chats for {seconds:.0f} s"
    return _check("search index", wrong if seconds > MOST_BEHIND_SECONDS else "", "It keeps up.")


def _check(name: str, wrong: str, right: str) -> Check:
    return Check(check=name, ok=not wrong, detail=f"{wrong}." if wrong else right)
