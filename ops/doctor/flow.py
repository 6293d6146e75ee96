"""Checks of whether anything is stuck: two-phase commits, the outbox, the canaries."""

from collections.abc import Iterator
from typing import Final

from ops.doctor.check import Finding
from ops.doctor.scene import Scene

MOST_IN_DOUBT_SECONDS: Final = 10.0  # the resolver takes 3 to 4
MOST_OWED_SECONDS: Final = 10.0  # the sweep takes half a second
MOST_SILENT_SECONDS: Final = 15.0  # a canary sings every 3
SILENT: Final = "hubbub_realtime_canary_silent_seconds"


def judge_in_doubt(scene: Scene) -> Iterator[Finding]:
    database = scene.databases.get("users")
    if database is not None and database.prepared_age > MOST_IN_DOUBT_SECONDS:
        yield Finding(
            f"{database.prepared} transactions of users are prepared, the oldest for "
            f"{int(database.prepared_age)} s.",
            "No chats process says what was decided. Until then those chats' members cannot change,"
            " and PostgreSQL cannot clean up.",
            f"grep in-doubt {scene.settings.logs}/users-*.log | tail -3",
        )


def judge_outbox(scene: Scene) -> Iterator[Finding]:
    database = scene.databases.get("chats")
    if database is not None and database.owed_age > MOST_OWED_SECONDS:
        yield Finding(
            f"{database.owed} events or more wait to be published, the oldest for "
            f"{int(database.owed_age)} s.",
            "Valkey takes nothing, or no chats process sweeps. Nodes fetch them by themselves.",
            f"grep -e published -e background {scene.settings.logs}/chats-*.log | tail -3",
        )


def judge_canaries(scene: Scene) -> Iterator[Finding]:
    for process in scene.processes:
        silent = process.samples.get(SILENT, 0.0)
        if silent > MOST_SILENT_SECONDS:
            yield Finding(
                f"The canary of {process.name} has not come back for {int(silent)} s.",
                "What chats stores does not reach this node over the bus, however well Valkey "
                "looks; it polls instead, so that messages are up to 2 s late.",
                f"grep -e bus -e canary {scene.settings.logs}/{process.name}.log | tail -3",
            )
