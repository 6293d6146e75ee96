"""Background work of the service: digest, cleanup."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from chats.log.digest import RecentChanges
from chats.log.outbox import Publisher
from chats.membership.commitment import ABORT_KEPT_SECONDS
from chats.store.canaries import forget_silent_canaries
from chats.store.cleanup import drop_old_aborts, drop_old_results, purge_deleted_chat
from common.database.pool import Pool
from common.process.rest import BEAT_SECONDS, NEVER, Rest

DIGEST_SECONDS = 1.0
DIGEST_SPAN_SECONDS = 3.0
CLEANUP_SECONDS = 10.0
MEASURE_AT_REST_SECONDS = 10.0
CLEANUP_AT_REST_SECONDS = 20.0
RESULTS_KEPT_SECONDS = 24 * 3600.0
CANARIES_KEPT_SECONDS = 3600.0
PURGE_AFTER_SECONDS = 60.0  # nodes that were away for less get the log's end without a gap
_CLEANUP_ROWS = 5_000

_encode = msgspec.json.Encoder().encode


async def publish_digest(
    topic: str, recent: RecentChanges, publisher: Publisher, rest: Rest = NEVER
) -> None:
    """An empty one too: it tells nodes that this replica and the bus are alive."""
    digest = recent.list_since(DIGEST_SPAN_SECONDS)
    digest.every = BEAT_SECONDS if rest.has_begun() else DIGEST_SECONDS
    await publisher.publish_plain(topic, _encode(digest))


def cleanups(pool: Pool) -> dict[str, Callable[[], Awaitable[None]]]:
    """Tasks by name that delete decisions, results and logs that nobody can ask for any more. They
    are separate so that a failure of one does not stop the others."""

    async def purge_deleted_chats() -> None:
        more = True
        while more:
            more = await purge_deleted_chat(
                pool, older_than_seconds=PURGE_AFTER_SECONDS, rows=_CLEANUP_ROWS
            )

    return {
        "old aborts": partial(drop_old_aborts, pool, ABORT_KEPT_SECONDS),
        "silent canaries": partial(
            forget_silent_canaries, pool, older_than_seconds=CANARIES_KEPT_SECONDS
        ),
        "old results": partial(drop_old_results, pool, RESULTS_KEPT_SECONDS, _CLEANUP_ROWS),
        "deleted chats": purge_deleted_chats,
    }
