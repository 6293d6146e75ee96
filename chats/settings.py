"""What a chats process is told by its environment."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.process.settings import (
    ServiceSettings,
    SettingsError,
    read_database_url,
    read_service_settings,
)
from common.process.variables import DATABASE_PASSWORD_FILE, NUMBER, Variable


class ChatsSettings(msgspec.Struct, frozen=True):
    service: ServiceSettings
    database_url: Annotated[
        str,
        Variable("HUBBUB_CHATS_DATABASE_URL", "URL", "The database of chats.", None),
        DATABASE_PASSWORD_FILE,
    ]
    pool_size: Annotated[
        int,
        Variable("HUBBUB_CHATS_POOL_SIZE", NUMBER, "Connections to the database.", "16"),
    ]
    window_bytes: Annotated[
        int,
        Variable(
            "HUBBUB_CHATS_WINDOW_BYTES",
            NUMBER,
            "Memory for recent events, from which sockets resume.",
            "67108864",
        ),
    ]
    window_bytes_a_chat: Annotated[
        int,
        Variable("HUBBUB_CHATS_WINDOW_BYTES_A_CHAT", NUMBER, "The same, for one chat.", "524288"),
    ]


def read_chats_settings(env: Mapping[str, str] = os.environ) -> ChatsSettings:
    """Raises SettingsError with a sentence for the operator."""
    return ChatsSettings(
        service=read_service_settings("chats", env),
        database_url=read_database_url(env, "HUBBUB_CHATS_DATABASE_URL"),
        pool_size=_read_number(env, "HUBBUB_CHATS_POOL_SIZE", 16),
        window_bytes=_read_number(env, "HUBBUB_CHATS_WINDOW_BYTES", 64 * 2**20),
        window_bytes_a_chat=_read_number(env, "HUBBUB_CHATS_WINDOW_BYTES_A_CHAT", 512 * 2**10),
    )


def _read_number(env: Mapping[str, str], variable: str, default: int) -> int:
    value = env.get(variable, str(default))
    if not value.isdigit() or int(value) < 1:
        raise SettingsError(f"{variable} must be a number above 0, not {value!r}")
    return int(value)
