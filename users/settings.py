"""The settings of a users process, from its environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from common.calls.callers import CALLERS_FILE, CredentialHashes
from common.process.settings import ServiceSettings, join_password, read_service_settings
from common.process.sizes import sized
from common.process.variables import (
    DATABASE_PASSWORD_FILE,
    DATABASE_URL,
    FOLDER,
    NUMBER,
    PUSH,
    SECRET_FILE,
    Join,
    Variable,
    choice,
    read_variables,
)
from common.protocol.instance import SignUpMode
from common.protocol.push import PushMode
from users.passwords import MEMORY_KIB, PASSES

DatabaseUrl: TypeAlias = Annotated[
    str,
    Variable("HUBBUB_USERS_DATABASE_URL", DATABASE_URL, "The database of users.", None),
    DATABASE_PASSWORD_FILE,
    Join(join_password),
]
SigningSecret: TypeAlias = Annotated[
    str,
    Variable(
        "HUBBUB_SIGNING_SECRET_FILE",
        SECRET_FILE,
        "The secret that wraps the keys that sign tokens, and that for push services, the same for "
        "all of users.",
        None,
    ),
]


class KeySettings(msgspec.Struct, frozen=True):
    """The settings for changing the keys that sign tokens."""

    database_url: DatabaseUrl
    signing_secret: SigningSecret


class Settings(msgspec.Struct, frozen=True):
    service: ServiceSettings
    database_url: DatabaseUrl
    signing_secret: SigningSecret
    callers: Annotated[CredentialHashes, CALLERS_FILE]
    old_signing_keys: Annotated[
        Path | None,
        Variable(
            "HUBBUB_SIGNING_KEYS",
            FOLDER,
            "Where the release 0.1.0 kept the keys that sign tokens: they are taken over where "
            "the database has none.",
            otherwise="none",
        ),
    ] = None
    signup: Annotated[
        SignUpMode | None,
        Variable(
            "HUBBUB_SIGNUP",
            choice(open="open", invite="invite", closed="closed"),
            "Who may sign up: everybody, holders of an invitation, or nobody.",
            otherwise="what its owners chose",
        ),
    ] = None
    push: Annotated[PushMode, PUSH] = "on"
    pool_size: Annotated[
        int,
        # Four processes of users and chats and their neighbours share 200 connections.
        Variable("HUBBUB_USERS_POOL_SIZE", NUMBER, "Connections to the database.", "16"),
    ] = 16
    hashing_threads: int = 2
    hashing_memory_kib: int = MEMORY_KIB
    hashing_passes: int = PASSES


def read_key_settings() -> KeySettings:
    """Raises SettingsError with a sentence for the operator."""
    return read_variables(KeySettings, os.environ)


def read_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Raises SettingsError with a sentence for the operator."""
    env = sized(env)
    return read_variables(
        Settings,
        env,
        service=read_service_settings("users", env),
        hashing_threads=max(1, min((os.cpu_count() or 1) // 2, 4)),
    )
