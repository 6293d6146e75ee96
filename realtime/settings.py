"""The settings of a realtime process, besides those of every service."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.calls.callers import CALLERS_FILE, CredentialHashes
from common.process.settings import ServiceSettings, read_service_settings
from common.process.variables import (
    BALANCER_KEY_FILE,
    BALANCER_LISTEN_FD,
    NUMBER,
    ORIGINS,
    PORT,
    PUBLIC_URL,
    Join,
    Variable,
    read_variables,
)

MAX_SOCKETS_AN_ADDRESS = 200
MAX_SOCKETS_A_USER = 20
MAX_REFUSED_FRAMES = 200  # in 10 s


def join_origins(
    public_url: str | None, others: tuple[str, ...], port: int
) -> tuple[str | None, ...]:
    named = (public_url, *others) if public_url else others
    return (None, *(named or (f"http://127.0.0.1:{port}", f"http://localhost:{port}")))


class RealtimeSettings(msgspec.Struct, frozen=True):
    """`origins` may open sockets; None in it stands for a missing Origin, as from programs.
    `balancer_key` is None without a balancer."""

    service: ServiceSettings
    origins: Annotated[
        tuple[str | None, ...],
        PUBLIC_URL._replace(otherwise="`http://127.0.0.1:HUBBUB_PORT` and `http://localhost:…`"),
        ORIGINS,
        Variable(
            "HUBBUB_PORT",
            PORT,
            "The public port, for the origins where none are named.",
            "8000",
        ),
        Join(join_origins),
    ]
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]
    balancer_listen_fd: Annotated[int | None, BALANCER_LISTEN_FD]
    callers: Annotated[CredentialHashes, CALLERS_FILE]
    max_sockets_an_address: int
    max_sockets_a_user: int
    max_refused_frames: int
    max_unsent_bytes: Annotated[
        int,
        Variable(
            "HUBBUB_MAX_UNSENT_BYTES",
            NUMBER,
            "Bytes that may wait for one socket before it is closed with 4008.",
            "1048576",
        ),
    ]
    # More than two backlogs: if ten thousand clients reconnect at once, none is dropped unread.
    max_pending_handshakes: Annotated[
        int,
        Variable(
            "HUBBUB_MAX_PENDING_HANDSHAKES",
            NUMBER,
            "Connections that have not asked for a socket yet; more are refused.",
            "12000",
        ),
    ]


def read_realtime_settings(env: Mapping[str, str] = os.environ) -> RealtimeSettings:
    """Raises SettingsError with a sentence for the operator."""
    service = read_service_settings("realtime", env)
    return read_variables(
        RealtimeSettings,
        env,
        service=service,
        max_sockets_an_address=MAX_SOCKETS_AN_ADDRESS * service.rate_factor,
        max_sockets_a_user=MAX_SOCKETS_A_USER * service.rate_factor,
        max_refused_frames=MAX_REFUSED_FRAMES * service.rate_factor,
    )
