"""The operator's changes to the keys that sign tokens: `python -m users keys rotate`, or `revoke`.

Works on the database, whether replicas run or not; they read the keys again within ten seconds.
"""

import asyncio
import sys
from typing import Literal, NamedTuple

from common.database.failures import NoTables
from common.database.pool import create_pool
from common.identity.wrapping import Wrapping
from users.settings import KeySettings
from users.signing import Rotated, SigningKeys, SigningKeysError
from users.vapid import PushKey

Change = Literal["rotate", "revoke"]


class Changed(NamedTuple):
    """`unsubscribed` counts browsers that lost their subscription because the push services' key
    was lost."""

    keys: Rotated
    unsubscribed: int | None = None


async def change_keys(settings: KeySettings, what: Change) -> Changed:
    async with create_pool(settings.database_url, size=1, min_size=1) as pool:
        wrapping = Wrapping(settings.signing_secret)
        keys = SigningKeys(pool, wrapping)
        if what == "rotate":
            return Changed(await keys.rotate())
        return Changed(await keys.revoke(), await PushKey(pool, wrapping).forget_unless_opened())


def run(settings: KeySettings, what: Change) -> None:
    """Raises SigningKeysError, DatabaseUnavailable."""
    try:
        changed = asyncio.run(change_keys(settings, what))
    except NoTables as error:
        raise SigningKeysError(
            "users' database has no tables yet: start Hubbub first, which makes them and a key"
        ) from error
    removed = ", ".join(changed.keys.removed) or "none"
    sys.stdout.write(f"made {changed.keys.made}, removed {removed}\n")
    if changed.unsubscribed is not None:
        sys.stdout.write(
            "removed the key for push services, which this secret does not open:"
            f" {changed.unsubscribed} browsers subscribe again when they show the page\n"
        )
