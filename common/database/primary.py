"""The server that accepts writes: what its answers survive, and whether it has everything that its
predecessor had.

A standby that is promoted begins a new timeline of the write-ahead log. What the old primary wrote
beyond that point is gone. If each commit waited for a standby, nobody was told of those writes;
otherwise answered commits may be lost, and clients may hold events whose seqs will be given out
again.
"""

from typing import Any, Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from prometheus_client import Gauge

from common.database.failover import cut_off
from common.process.logs import log

Survives = Literal["nothing", "process", "machine"]
Verdict = Literal["first", "same", "older", "kept", "lost"]

SURVIVES: Final = Gauge(
    "hubbub_database_answers_survive",
    "What a commit survives that was answered: 0 nothing, 1 any process, 2 a machine.",
)
_LEVELS: Final[tuple[Survives, ...]] = ("nothing", "process", "machine")

ASK: Final = """
SELECT (SELECT system_identifier FROM pg_control_system()),
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
    (pg_last_wal_replay_lsn() - '0/0')::bigint, (pg_current_wal_flush_lsn() - '0/0')::bigint,
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN 'nothing'
        WHEN current_setting('synchronous_standby_names') = '' THEN 'process'
        WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply', 'remote_write')
            THEN 'machine'
        ELSE 'process' END
"""

# Committing this waits for the standbys like any other commit, and so for all before it: what was
# read from the database may come from a commit that did not wait, because its wait was cancelled or
# the server has recovered since.
SETTLE_WHAT_WAS_FOUND: Final = "SELECT pg_logical_emit_message(true, 'hubbub', '')"


class ServerFacts(NamedTuple):
    """`system` stays the same over failovers. `began` is the log position at which the timeline
    began, None if the server has started since; `position` is the current one."""

    system: int
    timeline: int
    began: int | None
    position: int
    survives: Survives


class Primary:
    """What a process remembers of the server that last accepted writes."""

    def __init__(self) -> None:
        self.facts: ServerFacts | None = None
        # Commits up to here were answered without being on a standby for sure.
        self._unsafe_position = -1
        self._timelines: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def describe(self) -> dict[str, str]:
        """A detail of /health/ready."""
        return {"answersSurvive": self.facts.survives if self.facts else "unknown"}

    def judge(self, seen: ServerFacts) -> Verdict:
        """How a server compares with the remembered one. `lost` means that answered commits may be
        lost: only if each had to be on a standby is it certain that none is."""
        known = self.facts
        if known is None or known.system != seen.system:
            return "first"
        if known.timeline == seen.timeline:
            return "same"
        if known.timeline > seen.timeline:
            return "older"
        if known.survives != "machine":
            return "lost"
        return "lost" if (seen.began or 0) < self._unsafe_position else "kept"

    def note(self, seen: ServerFacts) -> None:
        """Remembers this server as the one that accepts writes. What waits for a server that it has
        replaced fails: that one may hang, or accept what will be lost."""
        if self.facts is None or self.facts.survives != seen.survives:
            log("answers survive", what=seen.survives, timeline=seen.timeline)
        known, self.facts = self.facts, seen
        if known is not None and known[:2] != seen[:2]:
            self._unsafe_position = -1
        if seen.survives != "machine":
            self._unsafe_position = seen.position
        SURVIVES.set(_LEVELS.index(seen.survives))
        if known is not None and known.timeline < seen.timeline:
            for connection, timeline in list(self._timelines.items()):
                if timeline < seen.timeline:
                    cut_off(connection)

    def remember(self, connection: Any, timeline: int) -> None:
        """Records the timeline of a connection; its server stays on it meanwhile."""
        self._timelines[connection] = timeline

    def refuse_older(self, connection: Any) -> None:
        """Raises OperationalError for a connection to a server that has been replaced: it may still
        accept writes if it does not know."""
        timeline = self._timelines.get(connection)
        if timeline is not None and self.facts is not None and timeline < self.facts.timeline:
            raise psycopg.OperationalError("the server is of an older timeline")

    async def look(self, pool: Any) -> None:
        """Asks the server again: its settings may have changed. Raises DatabaseUnavailable."""
        async with pool.connection() as connection:
            seen = await ask(connection)
        if self.judge(seen) in ("first", "same"):
            self.note(seen)


async def ask(connection: psycopg.AsyncConnection[Any]) -> ServerFacts:
    row = await (await connection.execute(ASK, prepare=False)).fetchone()
    assert row is not None
    return ServerFacts(*row)
