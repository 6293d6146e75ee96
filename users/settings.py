"""What a users process is told by its environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from common.process.settings import (
    ServiceSettings,
    read_database_url,
    read_required,
    read_service_settings,
)
from common.process.variables import DATABASE_PASSWORD_FILE, Variable
from users.passwords import MEMORY_KIB, PASSES

POOL_SIZE = 16  # four processes of users and chats and their neighbours share 200 connections


class Settings(msgspec.Struct, frozen=True):
    service: ServiceSettings
    database_url: Annotated[
        str,
        Variable("HUBBUB_USERS_DATABASE_URL", "URL", "The database of users.", None),
        DATABASE_PASSWORD_FILE,
    ]
    signing_keys: Annotated[
        Path,
        Variable(
            "HUBBUB_SIGNING_KEYS",
            "path of a folder",
            "The keys that sign tokens; an empty folder gets one.",
            None,
        ),
    ]
    pool_size: int = POOL_SIZE
    hashing_threads: int = 2
    hashing_memory_kib: int = MEMORY_KIB
    hashing_passes: int = PASSES


def read_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError with a sentence for the operator."""
    return Settings(
        service=read_service_settings("users", env),
        database_url=read_database_url(env, "HUBBUB_USERS_DATABASE_URL"),
        signing_keys=Path(read_required(env, "HUBBUB_SIGNING_KEYS")),
        hashing_threads=max(1, min((os.cpu_count() or 1) // 2, 4)),
    )
