"""Background work of the service: how often it is done, and its failures."""

from functools import partial

from prometheus_client import Counter

from common.database.pool import Pool
from common.process.rest import Rest
from common.process.rounds import repeat
from users.store.upkeep import purge_stale_rows

ROUND_SECONDS = 1.0
AT_REST_SECONDS = 8.0  # nobody asked for anything lately, and what is left over is not urgent
PURGE_SECONDS = 60.0
PURGED_ROWS = 2_000  # at a time, so that nobody waits for it

BACKGROUND_FAILED = Counter("hubbub_users_background_failed", "Background work that failed", ["of"])

repeated = partial(repeat, failed=BACKGROUND_FAILED, at_rest=AT_REST_SECONDS)


async def keep_purging(pool: Pool, rest: Rest) -> None:
    """Deletes expired rows every minute, until cancelled."""

    async def purge() -> None:
        more = True
        while more:
            more = await purge_stale_rows(pool, PURGED_ROWS)

    await rest.pause(PURGE_SECONDS)
    await repeated("purge", PURGE_SECONDS, purge, rest=rest)
