"""The settings of a chats process, from its environment."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.calls.callers import CALLERS_FILE, CredentialHashes
from common.process.settings import ServiceSettings, join_password, read_service_settings
from common.process.sizes import sized
from common.process.variables import (
    DATABASE_PASSWORD_FILE,
    DATABASE_URL,
    LINK_PREVIEWS,
    NUMBER,
    Join,
    Variable,
    read_variables,
)
from common.protocol.links import LinkMode

DatabaseUrl = Annotated[
    str,
    Variable("HUBBUB_CHATS_DATABASE_URL", DATABASE_URL, "The database of chats.", None),
    DATABASE_PASSWORD_FILE,
    Join(join_password),
]


class ChatsSettings(msgspec.Struct, frozen=True):
    service: ServiceSettings
    database_url: DatabaseUrl
    callers: Annotated[CredentialHashes, CALLERS_FILE]
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
    link_previews: Annotated[LinkMode, LINK_PREVIEWS] = "off"


class DatabaseSettings(msgspec.Struct, frozen=True):
    """The settings of a program that works on the database alone."""

    database_url: DatabaseUrl


def read_chats_settings(env: Mapping[str, str] = os.environ) -> ChatsSettings:
    """Raises SettingsError with a sentence for the operator."""
    env = sized(env)
    return read_variables(ChatsSettings, env, service=read_service_settings("chats", env))
