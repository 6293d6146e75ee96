"""What a service process is told by its environment, read once at start and passed as arguments.

No default here is a secret: credentials come from files whose paths are in the environment.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import msgspec

from common.process.variables import ADDRESSES, LISTENER, SECRET_FILE, Variable

MIN_SECRET_CHARACTERS: Final = 16
MIN_DIFFERENT_CHARACTERS: Final = 6
# What people leave in a file that they were told to fill.
PLACEHOLDERS: Final = ("change", "default", "example", "password", "placeholder", "secret")


class SettingsError(Exception):
    """A variable that is missing or wrong; the text says which and what to do."""


class Listener(msgspec.Struct, frozen=True):
    """Where a process takes connections; `fd` is a socket that its parent has bound already."""

    host: str
    port: int
    fd: int | None

    def open(self, backlog: int = 4096) -> socket.socket:
        """The listening socket. Raises OSError where the address cannot be had."""
        if self.fd is not None:
            return socket.socket(fileno=self.fd)
        return socket.create_server((self.host, self.port), backlog=backlog)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class ServiceSettings(msgspec.Struct, frozen=True):
    """What every service process needs to know."""

    role: str
    name: Annotated[str, Variable("HUBBUB_NAME", "text", "Its name in logs.", otherwise="ROLE-PID")]
    log_file: Annotated[
        Path | None,
        Variable(
            "HUBBUB_LOG_FILE",
            "path of a file",
            "Where its log lines go; whoever renames the file gets a new one.",
            otherwise="standard output",
        ),
    ]
    listen: Annotated[
        Listener,
        Variable("HUBBUB_LISTEN", LISTENER, "Where it takes connections.", None),
        Variable(
            "HUBBUB_LISTEN_FD",
            "file descriptor",
            "A socket that the parent has bound to that address already.",
            otherwise="it binds one",
        ),
    ]
    metrics_listen: Annotated[
        Listener | None,
        Variable(
            "HUBBUB_METRICS_LISTEN",
            LISTENER,
            "Where health and metrics are served by those whose first port is public.",
            otherwise="with the calls",
        ),
        Variable(
            "HUBBUB_METRICS_LISTEN_FD",
            "file descriptor",
            "A socket that the parent has bound to that address already.",
            otherwise="it binds one",
        ),
    ]
    advertise: Annotated[
        str,
        Variable(
            "HUBBUB_ADVERTISE",
            LISTENER,
            "Where other services reach it.",
            otherwise="`HUBBUB_LISTEN`",
        ),
    ]
    valkey_url: Annotated[
        str,
        Variable(
            "HUBBUB_VALKEY_URL",
            "URL",
            "The bus: redis://[USER[:PASSWORD]@]HOST:PORT, rediss://… or unix://[…@]/PATH.",
            None,
        ),
        Variable(
            "HUBBUB_VALKEY_PASSWORD_FILE",
            SECRET_FILE,
            "The password of the URL's user, where the URL holds none.",
            otherwise="the URL's",
        ),
    ]
    topic_prefix: Annotated[
        str,
        Variable(
            "HUBBUB_TOPIC_PREFIX",
            "text",
            "Before every name on Valkey: two systems may share one server.",
        ),
    ]
    users_seeds: Annotated[
        tuple[str, ...],
        Variable("HUBBUB_USERS_SEEDS", ADDRESSES, "Replicas of users to begin with."),
    ]
    chats_seeds: Annotated[
        tuple[str, ...],
        Variable("HUBBUB_CHATS_SEEDS", ADDRESSES, "Replicas of chats to begin with."),
    ]
    realtime_seeds: Annotated[
        tuple[str, ...],
        Variable("HUBBUB_REALTIME_SEEDS", ADDRESSES, "Nodes of realtime to begin with."),
    ]
    service_key: Annotated[
        str,
        Variable(
            "HUBBUB_SERVICE_KEY_FILE",
            SECRET_FILE,
            "The secret by which services know each other, the same for all of them.",
            None,
        ),
    ]
    rate_factor: Annotated[
        int,
        Variable(
            "HUBBUB_RATE_LIMITS",
            "on or high",
            "`high` raises every rate, burst and socket cap a thousandfold, for load tests.",
            "on",
        ),
    ]


def read_secret(env: Mapping[str, str], variable: str) -> str:
    """The content of the file that the variable names.

    Raises SettingsError if there is none, if it is short, or if it looks like nobody chose it.
    """
    path = env.get(variable, "")
    if not path:
        raise SettingsError(f"{variable} is not set: name a file that holds the secret")
    try:
        secret = Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{variable}: cannot read {path}: {error.strerror}") from error
    if len(secret) < MIN_SECRET_CHARACTERS:
        raise SettingsError(f"{variable}: {path} holds no secret of 16 characters or more")
    folded = secret.lower()
    if len(set(folded)) < MIN_DIFFERENT_CHARACTERS or any(w in folded for w in PLACEHOLDERS):
        raise SettingsError(f"{variable}: {path} holds a placeholder, not a secret")
    return secret


def read_database_url(env: Mapping[str, str], variable: str) -> str:
    """The URL, with the password of the file that is named beside it, if any.

    Raises SettingsError.
    """
    return _with_password(env, variable, "HUBBUB_DATABASE_PASSWORD_FILE")


def read_valkey_url(env: Mapping[str, str]) -> str:
    """The same for the bus. Raises SettingsError."""
    return _with_password(env, "HUBBUB_VALKEY_URL", "HUBBUB_VALKEY_PASSWORD_FILE")


def _with_password(env: Mapping[str, str], variable: str, file_variable: str) -> str:
    url = read_required(env, variable)
    if not env.get(file_variable):
        return url
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    if not user or ":" in user:
        raise SettingsError(f"{variable} must name a user, and no password beside the file's")
    password = quote(read_secret(env, file_variable), safe="")
    return parts._replace(netloc=f"{user}:{password}@{place}").geturl()


def read_required(env: Mapping[str, str], variable: str) -> str:
    """The variable's value. Raises SettingsError if it is not set."""
    if value := env.get(variable):
        return value
    raise SettingsError(f"{variable} is not set")


def read_list(env: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """Comma-separated values, blanks left out."""
    return tuple(part.strip() for part in env.get(variable, "").split(",") if part.strip())


def read_inherited_socket(env: Mapping[str, str], variable: str) -> int | None:
    """The descriptor of a socket that the parent has bound, if the variable is set."""
    fd = env.get(variable)
    return int(fd) if fd else None


def read_listener(env: Mapping[str, str], variable: str) -> Listener | None:
    """`HOST:PORT` in the variable and perhaps an inherited socket in the one with `_FD`."""
    value = env.get(variable)
    if not value:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"{variable} must be HOST:PORT, not {value!r}")
    return Listener(host, int(port), read_inherited_socket(env, f"{variable}_FD"))


def read_service_settings(role: str, env: Mapping[str, str] = os.environ) -> ServiceSettings:
    """Raises SettingsError with a sentence for the operator."""
    listen = read_listener(env, "HUBBUB_LISTEN")
    if listen is None:
        raise SettingsError("HUBBUB_LISTEN is not set: HOST:PORT to take connections on")
    limits = env.get("HUBBUB_RATE_LIMITS", "on")
    if limits not in ("on", "high"):
        raise SettingsError(f"HUBBUB_RATE_LIMITS must be on or high, not {limits!r}")
    return ServiceSettings(
        role=role,
        name=env.get("HUBBUB_NAME", f"{role}-{os.getpid()}"),
        log_file=Path(env["HUBBUB_LOG_FILE"]) if env.get("HUBBUB_LOG_FILE") else None,
        listen=listen,
        metrics_listen=read_listener(env, "HUBBUB_METRICS_LISTEN"),
        advertise=env.get("HUBBUB_ADVERTISE", listen.address),
        valkey_url=read_valkey_url(env),
        topic_prefix=env.get("HUBBUB_TOPIC_PREFIX", ""),
        users_seeds=read_list(env, "HUBBUB_USERS_SEEDS"),
        chats_seeds=read_list(env, "HUBBUB_CHATS_SEEDS"),
        realtime_seeds=read_list(env, "HUBBUB_REALTIME_SEEDS"),
        service_key=read_secret(env, "HUBBUB_SERVICE_KEY_FILE"),
        rate_factor=1000 if limits == "high" else 1,
    )
