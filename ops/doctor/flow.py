"""Checks of whether anything is stuck: two-phase commits, the outbox, the canaries, delivery."""

from collections.abc import Iterator
from typing import Final

from common.process.symptoms import (
    CANARY_SILENT_SECONDS,
    MOST_BEHIND_SECONDS,
    MOST_IN_DOUBT_SECONDS,
    MOST_SILENT_SECONDS,
    MOST_UNPUBLISHED_SECONDS,
    SEARCH_BEHIND_CHATS,
    SEARCH_BEHIND_SECONDS,
    SEARCH_LACKS_WORDS,
)
from ops.doctor.check import Finding
from ops.doctor.remedies import (
    WHERE_THEY_ARE_WELL,
    WHERE_VALKEY_IS_WELL,
    rebuild_search,
    replace_services,
    start_again,
)
from ops.doctor.scene import Scene

POLLING_REASONS: Final = {
    "bus_down": "It has no connection to Valkey.",
    "digest_missing": "Digests of a chats replica do not arrive: chats is cut from Valkey, or "
    "Valkey does not deliver what it takes.",
    "canary_missing": "What chats has stored does not arrive: chats cannot publish it, or Valkey "
    "does not deliver what it takes.",
}


def judge_in_doubt(scene: Scene) -> Iterator[Finding]:
    database = scene.databases.get("users")
    if database is not None and database.prepared_age > MOST_IN_DOUBT_SECONDS:
        yield Finding(
            f"{database.prepared} transactions of users are prepared, the oldest for "
            f"{int(database.prepared_age)} s.",
            "No chats process says what was decided. Until then those chats' members cannot change,"
            " and PostgreSQL cannot clean up.",
            replace_services(scene, "chats", "users", condition=WHERE_THEY_ARE_WELL),
        )


def judge_outbox(scene: Scene) -> Iterator[Finding]:
    database = scene.databases.get("chats")
    if database is not None and database.unpublished_age > MOST_UNPUBLISHED_SECONDS:
        yield Finding(
            f"{database.unpublished} events or more wait to be published, the oldest for "
            f"{int(database.unpublished_age)} s.",
            "Valkey takes nothing, or no chats process sweeps. Nodes fetch them by themselves."
            f"{scene.log_of('chats-')}",
            replace_services(scene, "chats", condition=WHERE_VALKEY_IS_WELL),
        )


def judge_canaries(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        silent = process.samples.get(CANARY_SILENT_SECONDS, 0.0)
        if silent > MOST_SILENT_SECONDS:
            yield Finding(
                f"The canary of {process.name} has not come back for {int(silent)} s.",
                "What chats stores does not reach this node over the bus, however well Valkey "
                f"looks; it polls instead, so that messages are up to 2 s late."
                f"{scene.log_of(process.name)}",
                start_again(scene, process.name, process.pid),
            )


def judge_polling(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        if process.polls:
            causes = " ".join(POLLING_REASONS.get(reason, reason) for reason in process.polls)
            yield Finding(
                f"{process.name} hears nothing from chats and polls it instead "
                f"({', '.join(process.polls)}).",
                f"{causes} Messages arrive, up to 2 s late.{scene.log_of('chats-', process.name)}",
                replace_services(scene, "chats", condition=WHERE_VALKEY_IS_WELL),
            )


def judge_search_index(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        seconds = process.samples.get(SEARCH_BEHIND_SECONDS, 0.0)
        if seconds > MOST_BEHIND_SECONDS:
            chats = process.samples.get(SEARCH_BEHIND_CHATS, 0.0)
            yield Finding(
                f"The search index has lacked events of {chats:.0f} chats for {seconds:.0f} s.",
                f"{process.name} could not feed it, or is under load; searches may lack what was "
                f"said since.{scene.log_of(process.name)}",
                replace_services(scene, "chats", condition="where its database is well (check 8)"),
            )
    if any(process.samples.get(SEARCH_LACKS_WORDS) for process in scene.processes):
        yield Finding(
            "The search index has no index of words.",
            "It is being made anew, or that was interrupted. Until it is there, only the newest "
            "messages of each chat are found.",
            rebuild_search(scene),
        )
