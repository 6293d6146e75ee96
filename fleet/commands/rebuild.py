"""`make rebuild` and `make rebuild-search`: what chats keeps beside its log is derived again.

On one machine; the databases are found as for a backup, of a Hubbub that runs or not. Knows nothing
of what is in them.
"""

import asyncio
import os
import sys
from typing import Final

from fleet.commands.backup import databases_of
from fleet.commands.interrupting import ending
from fleet.settings import FleetSettings

PROGRAMS: Final = {"messages": "chats.rebuild", "search": "chats.search.rebuild"}


async def rebuild(settings: FleetSettings, what: str) -> int:
    """`what` is one of PROGRAMS. The exit code of the program that does it and says what it did."""
    async with databases_of(settings, may_run=True) as urls:
        environment = {**os.environ, "HUBBUB_CHATS_DATABASE_URL": urls["chats"]}
        starting = asyncio.create_subprocess_exec(
            sys.executable, "-m", PROGRAMS[what], env=environment
        )
        async with ending(starting) as process:
            return await process.wait()
