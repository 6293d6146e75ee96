"""The epoch over failovers: it changes if answered commits may be lost."""

import asyncio
import logging
from time import monotonic
from typing import Final

from common.database.pool import Connection
from common.database.primary import ServerFacts, Verdict
from common.process.logs import log

OTHERS_SECONDS: Final = 5.0  # for replicas that remember the previous server
_RETRY_SECONDS: Final = 0.25


async def settle_timeline(connection: Connection, seen: ServerFacts, verdict: Verdict) -> None:
    """Called before anything is read or written on a timeline that this replica did not know.

    A replica that has just started remembers nothing. For a while it leaves the decision to those
    that do; if there are none (all were stopped, or a backup was restored), any commit may be lost.
    """
    timeline = seen.timeline
    if verdict == "first":
        deadline = monotonic() + OTHERS_SECONDS
        while (known := await _read_timeline(connection)) not in (None, timeline):
            if monotonic() > deadline:
                verdict = "lost"
                break
            await asyncio.sleep(_RETRY_SECONDS)
        if known == timeline:
            return
    if verdict == "lost":
        log("answers may be lost: new epoch", level=logging.ERROR, timeline=timeline)
        await connection.execute(
            "UPDATE installation SET epoch = gen_random_uuid(), timeline = %(new)s,"
            " renewed = %(new)s WHERE renewed IS DISTINCT FROM %(new)s",
            {"new": timeline},
        )
        return
    async with connection.transaction():
        # After a failover there may be no standby yet, and reads need none.
        await connection.execute("SET LOCAL synchronous_commit = local")
        await connection.execute(
            "UPDATE installation SET timeline = %(new)s WHERE timeline IS DISTINCT FROM %(new)s",
            {"new": timeline},
        )


async def _read_timeline(connection: Connection) -> int | None:
    row = await (await connection.execute("SELECT timeline FROM installation")).fetchone()
    assert row is not None
    timeline: int | None = row[0]
    return timeline
