"""`make rebuild`: what chats keeps beside its log is derived from it again, on one machine.

The databases are found as for a backup, of a Hubbub that runs or not. Knows nothing of what is in
them.
"""

import asyncio
import os
import sys

from fleet.backup import databases_of
from fleet.settings import FleetSettings


async def rebuild(settings: FleetSettings) -> int:
    """The exit code of the program that does it and says what it did."""
    async with databases_of(settings, may_run=True) as urls:
        environment = {**os.environ, "HUBBUB_CHATS_DATABASE_URL": urls["chats"]}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chats.rebuild", env=environment
        )
        return await process.wait()
