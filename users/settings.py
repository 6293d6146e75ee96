"""What a users process is told by its environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from common.process.settings import ServiceSettings, join_password, read_service_settings
from common.process.variables import (
    DATABASE_PASSWORD_FILE,
    FOLDER,
    PUSH,
    URL,
    Join,
    Variable,
    choice,
    read_variables,
)
from common.protocol.instance import SignUpMode
from common.protocol.push import PushMode
from users.passwords import MEMORY_KIB, PASSES

POOL_SIZE = 16  # four processes of users and chats and their neighbours share 200 connections


class Settings(msgspec.Struct, frozen=True):
    service: ServiceSettings
    database_url: Annotated[
        str,
        Variable("HUBBUB_USERS_DATABASE_URL", URL, "The database of users.", None),
        DATABASE_PASSWORD_FILE,
        Join(join_password),
    ]
    signing_keys: Annotated[
        Path,
        Variable(
            "HUBBUB_SIGNING_KEYS",
            FOLDER,
            "The keys that sign tokens; an empty folder gets one.",
            None,
        ),
    ]
    signup: Annotated[
        SignUpMode | None,
        Variable(
            "HUBBUB_SIGNUP",
            choice(open="open", invite="invite", closed="closed"),
            "Who may sign up: everybody, who has an invitation, or nobody.",
            otherwise="what its owners chose",
        ),
    ] = None
    push: Annotated[PushMode, PUSH] = "on"
    pool_size: int = POOL_SIZE
    hashing_threads: int = 2
    hashing_memory_kib: int = MEMORY_KIB
    hashing_passes: int = PASSES


def read_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError with a sentence for the operator."""
    return read_variables(
        Settings,
        env,
        service=read_service_settings("users", env),
        hashing_threads=max(1, min((os.cpu_count() or 1) // 2, 4)),
    )
