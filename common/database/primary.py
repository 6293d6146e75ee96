"""The server that takes writes: what its answers survive, and whether it has all of the one before.

A standby that is promoted begins a new timeline of the write-ahead log. What the primary before it
had written beyond that point is gone. Where each commit waited for a standby nobody was told of it;
else answers may be lost, and clients may hold events whose seqs will be given to others.
"""

from typing import Any, Final, Literal, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from prometheus_client import Gauge

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

# A commit of this one waits for the standbys as any other does, and so for all before it: what was
# found in the database may be of a commit that has not waited, because its wait was cancelled or
# the server has recovered since.
SETTLE_WHAT_WAS_FOUND: Final = "SELECT pg_logical_emit_message(true, 'hubbub', '')"


class ServerFacts(NamedTuple):
    """`system` stays the same over failovers. `began` is the position in the log at which the
    timeline began, None where the server has started since; `position` the one of now."""

    system: int
    timeline: int
    began: int | None
    position: int
    survives: Survives


class Primary:
    """What a process remembers of the server that took writes last."""

    def __init__(self) -> None:
        self.facts: ServerFacts | None = None
        # Up to here commits were answered that no standby had to have.
        self._unsafe_position = -1
        self._timelines: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def describe(self) -> dict[str, str]:
        """A detail of /health/ready."""
        return {"answersSurvive": self.facts.survives if self.facts else "unknown"}

    def judge(self, seen: ServerFacts) -> Verdict:
        """What a server is beside the one that is remembered. `lost` means that answered commits
        may be lost: it is only known that they are not where a standby had to have each."""
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
        """It is the one that takes writes."""
        if self.facts is None or self.facts.survives != seen.survives:
            log("answers survive", what=seen.survives, timeline=seen.timeline)
        if self.facts is not None and self.facts[:2] != seen[:2]:
            self._unsafe_position = -1
        if seen.survives != "machine":
            self._unsafe_position = seen.position
        self.facts = seen
        SURVIVES.set(_LEVELS.index(seen.survives))

    def remember(self, connection: Any, timeline: int) -> None:
        """Of which timeline a connection is; its server stays on it for as long as it lasts."""
        self._timelines[connection] = timeline

    def refuse_older(self, connection: Any) -> None:
        """Raises OperationalError for one to a server that others have left: it may still take
        writes where nobody has told it."""
        timeline = self._timelines.get(connection)
        if timeline is not None and self.facts is not None and timeline < self.facts.timeline:
            raise psycopg.OperationalError("the server is of an older timeline")

    async def look(self, pool: Any) -> None:
        """Asks the server once more: its settings may have changed. Raises DatabaseUnavailable."""
        async with pool.connection() as connection:
            seen = await ask(connection)
        if self.judge(seen) in ("first", "same"):
            self.note(seen)


async def ask(connection: psycopg.AsyncConnection[Any]) -> ServerFacts:
    row = await (await connection.execute(ASK, prepare=False)).fetchone()
    assert row is not None
    return ServerFacts(*row)
