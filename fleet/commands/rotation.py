"""`make rotate-keys`: changes the key that signs tokens on one machine, whether Hubbub runs or not.

Knows nothing of how keys are stored.
"""

import asyncio
import os
import sys

from common.process.variables import DATABASE_PASSWORD_FILE
from fleet.commands.backup import check_started, databases_of
from fleet.commands.interrupting import ending
from fleet.data.keys import read_or_make_secret
from fleet.settings import FleetSettings


async def rotate_keys(settings: FleetSettings, what: str) -> int:
    """`what` is `rotate` or `revoke`. Returns the exit code of the program, which reports what it
    did."""
    check_started(settings)  # or the secret would be another one than that of users
    async with databases_of(settings, may_run=True) as urls:
        read_or_make_secret(settings.signing_secret)
        environment = {
            **os.environ,
            "HUBBUB_USERS_DATABASE_URL": urls["users"],
            "HUBBUB_SIGNING_SECRET_FILE": str(settings.signing_secret),
            DATABASE_PASSWORD_FILE.name: "",  # the URL has the password
        }
        starting = asyncio.create_subprocess_exec(
            sys.executable, "-m", "users", "keys", what, env=environment
        )
        async with ending(starting) as process:
            return await process.wait()
