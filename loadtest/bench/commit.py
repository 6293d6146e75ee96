"""The lower bound for a durable message: one row, one commit, on the same PostgreSQL.

Open loop, so that the rate equals that of the sends it is compared with.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from loadtest.peers.database import ChatsDatabase
from loadtest.peers.machine import Found

COMMITS_A_SECOND: Final = 20
EVENT: Final = b"x" * 210


@contextmanager
def bare_commits(data: Path) -> Iterator[ChatsDatabase]:
    """The database of a running Hubbub, with the table for these rows within the block."""
    with ChatsDatabase(data) as chats:
        chats.connection.execute(
            "CREATE TABLE IF NOT EXISTS bare_commits (n bigint, event bytea)"
            " WITH (autovacuum_enabled = false)"  # it would work beside later measurements
        )
        try:
            yield chats
        finally:
            chats.connection.execute("DROP TABLE bare_commits")


def measure_bare_commit(chats: ChatsDatabase, *, seconds: float) -> Found:
    """`p50_ms` and `p99_ms` of a single-row commit."""
    times = []
    due = time.monotonic()
    for number in range(int(COMMITS_A_SECOND * seconds)):
        time.sleep(max(0.0, due - time.monotonic()))
        chats.connection.execute("INSERT INTO bare_commits VALUES (%s, %s)", (number, EVENT))
        times.append((time.monotonic() - due) * 1000)
        due += 1 / COMMITS_A_SECOND
    times = times[1:]  # its statement was not prepared yet
    return {
        "p50_ms": statistics.median(times),
        "p99_ms": statistics.quantiles(times, n=100, method="inclusive")[98],
    }
