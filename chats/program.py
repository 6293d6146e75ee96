"""Runs a program of the machine's operator that works on the database of chats alone."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from chats.settings import DatabaseSettings
from common.database.failures import DatabaseUnavailable, NoTables
from common.process.variables import SettingsError, read_variables

T = TypeVar("T")


def run_program(name: str, work: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    """The result of the work, which gets the database's URL. A failure that the operator can mend
    ends the process with a sentence."""
    try:
        settings = read_variables(DatabaseSettings, os.environ)
        return asyncio.run(work(settings.database_url))
    except (SettingsError, DatabaseUnavailable) as error:
        sys.exit(f"{name}: {error}")
    except NoTables:
        sys.exit(f"{name}: the database has no tables yet: start Hubbub first")
