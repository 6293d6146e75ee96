"""`make rebuild` and `make rebuild-search`: derives again what chats stores besides its log.

On one machine; finds the databases as a backup does, whether Hubbub runs or not. Knows nothing of
what is in them.
"""

import asyncio
import os
import sys
from typing import Final

from common.process.variables import DATABASE_PASSWORD_FILE
from fleet.commands.backup import databases_of
from fleet.commands.interrupting import ending
from fleet.settings import FleetSettings

PROGRAMS: Final = {"messages": "chats.rebuild", "search": "chats.search.rebuild"}


async def rebuild(settings: FleetSettings, what: str) -> int:
    """`what` is one of PROGRAMS. Returns the exit code of the program, which reports what it
    did."""
    async with databases_of(settings, may_run=True) as urls:
        environment = {
            **os.environ,
            "HUBBUB_CHATS_DATABASE_URL": urls["chats"],
            DATABASE_PASSWORD_FILE.name: "",  # the URL has the password
        }
        starting = asyncio.create_subprocess_exec(
            sys.executable, "-m", PROGRAMS[what], env=environment
        )
        async with ending(starting) as process:
            return await process.wait()
