"""What a realtime process is told by its environment beside what every service is told."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.process.settings import (
    ServiceSettings,
    SettingsError,
    read_inherited_socket,
    read_list,
    read_secret,
    read_service_settings,
)
from common.process.variables import (
    BALANCER_KEY_FILE,
    BALANCER_LISTEN_FD,
    NUMBER,
    ORIGINS,
    PUBLIC_URL,
    Variable,
)

MAX_SOCKETS_AN_ADDRESS = 200
MAX_SOCKETS_A_USER = 20
MAX_REFUSED_FRAMES = 200  # in 10 s
MAX_UNSENT_BYTES = 1_048_576
# More than two backlogs: of ten thousand who come back at once none is thrown away unread.
MAX_PENDING_HANDSHAKES = 12_000


class RealtimeSettings(msgspec.Struct, frozen=True):
    """`origins` may open sockets; None in it means that no Origin was sent, as programs do.
    `balancer_key` is None where no balancer stands in front."""

    service: ServiceSettings
    origins: Annotated[
        tuple[str | None, ...],
        PUBLIC_URL._replace(otherwise="`http://127.0.0.1:HUBBUB_PORT` and `http://localhost:…`"),
        ORIGINS,
        Variable(
            "HUBBUB_PORT",
            "port",
            "The public port, for the origins where none are named.",
            "8000",
        ),
    ]
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]
    balancer_listen_fd: Annotated[int | None, BALANCER_LISTEN_FD]
    max_sockets_an_address: int
    max_sockets_a_user: int
    max_refused_frames: int
    max_unsent_bytes: Annotated[
        int,
        Variable(
            "HUBBUB_MAX_UNSENT_BYTES",
            NUMBER,
            "What may wait for one socket before it is closed with 4008.",
            "1048576",
        ),
    ]
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
    port = env.get("HUBBUB_PORT") or "8000"
    public = [env["HUBBUB_PUBLIC_URL"].rstrip("/")] if env.get("HUBBUB_PUBLIC_URL") else []
    origins = [*public, *read_list(env, "HUBBUB_ORIGINS")]
    if not origins:
        origins = [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
    has_balancer = bool(env.get("HUBBUB_BALANCER_KEY_FILE"))
    factor = service.rate_factor
    return RealtimeSettings(
        service=service,
        origins=(None, *origins),
        balancer_key=read_secret(env, "HUBBUB_BALANCER_KEY_FILE") if has_balancer else None,
        balancer_listen_fd=read_inherited_socket(env, "HUBBUB_BALANCER_LISTEN_FD"),
        max_sockets_an_address=MAX_SOCKETS_AN_ADDRESS * factor,
        max_sockets_a_user=MAX_SOCKETS_A_USER * factor,
        max_refused_frames=MAX_REFUSED_FRAMES * factor,
        max_unsent_bytes=_read_number(env, "HUBBUB_MAX_UNSENT_BYTES", MAX_UNSENT_BYTES),
        max_pending_handshakes=_read_number(
            env, "HUBBUB_MAX_PENDING_HANDSHAKES", MAX_PENDING_HANDSHAKES
        ),
    )


def _read_number(env: Mapping[str, str], variable: str, default: int) -> int:
    value = env.get(variable) or str(default)
    if not value.isdigit() or int(value) == 0:
        raise SettingsError(f"{variable} must be a whole number above 0, not {value!r}")
    return int(value)
