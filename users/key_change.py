"""What the operator does to the keys that sign tokens: `python -m users keys rotate`, or `revoke`.

Works on the database, whether replicas run or not; they read the keys again within ten seconds.
"""

import asyncio
import sys
from typing import Literal

from common.database.pool import create_pool
from users.settings import KeySettings
from users.signing import Rotated, SigningKeys
from users.wrapping import Wrapping

Change = Literal["rotate", "revoke"]


async def change_keys(settings: KeySettings, what: Change) -> Rotated:
    async with create_pool(settings.database_url, size=1, min_size=1) as pool:
        keys = SigningKeys(pool, Wrapping(settings.signing_secret))
        return await (keys.rotate() if what == "rotate" else keys.revoke())


def run(settings: KeySettings, what: Change) -> None:
    changed = asyncio.run(change_keys(settings, what))
    removed = ", ".join(changed.removed) or "none"
    sys.stdout.write(f"made {changed.made}, removed {removed}\n")
