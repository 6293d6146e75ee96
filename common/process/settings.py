"""The settings of a service process: read from its environment once at startup and passed as
arguments.

No default here is a secret: credentials come from files whose paths are in the environment.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

import msgspec

from common.calls.callers import WITH_TLS, Caller
from common.process.certificates import CallsTls, client_context, join_calls_tls
from common.process.sizes import SIZE, Size
from common.process.variables import (
    ADDRESSES,
    BUS_URL,
    DESCRIPTOR,
    FILE,
    LISTENER,
    OLD_SECRET_FILE,
    REACHED_AT,
    SECRET_FILE,
    TEXT,
    Join,
    Kind,
    Variable,
    choice,
    read_variables,
)


class Listener(msgspec.Struct, frozen=True):
    """Where a process accepts connections; `fd` is a socket that its parent has bound already."""

    host: str
    port: int
    fd: int | None

    def open(self, backlog: int = 4096) -> socket.socket:
        """The listening socket. Raises OSError if the address is not available."""
        if self.fd is not None:
            return socket.socket(fileno=self.fd)
        return socket.create_server((self.host, self.port), backlog=backlog)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def _parse_ca(path: str) -> Path:
    client_context(Path(path))
    return Path(path)


def join_listener(address: tuple[str, int] | None, fd: int | None) -> Listener | None:
    return Listener(*address, fd) if address else None


def join_password(url: str, password: str | None) -> str:
    """The URL, with the password from a separate file if there is one. Raises ValueError."""
    if password is None:
        return url
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    if not user or ":" in user:
        raise ValueError("must name a user, and no password beside the file's")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()


class ServiceSettings(msgspec.Struct, frozen=True):
    """The settings of every service process."""

    role: str
    name: Annotated[str, Variable("HUBBUB_NAME", TEXT, "Its name in logs.", otherwise="ROLE-PID")]
    listen: Annotated[
        Listener,
        Variable("HUBBUB_LISTEN", LISTENER, "Where it listens.", None),
        Variable(
            "HUBBUB_LISTEN_FD",
            DESCRIPTOR,
            "A socket that the parent has bound to that address already.",
            otherwise="it binds one",
        ),
        Join(join_listener),
    ]
    metrics_listen: Annotated[
        Listener | None,
        Variable(
            "HUBBUB_METRICS_LISTEN",
            LISTENER,
            "Where health and metrics are served by those whose first port is public. users and "
            "chats serve them there too.",
            otherwise="with the calls",
        ),
        Variable(
            "HUBBUB_METRICS_LISTEN_FD",
            DESCRIPTOR,
            "A socket that the parent has bound to that address already.",
            otherwise="it binds one",
        ),
        Join(join_listener),
    ]
    advertise: Annotated[
        str,
        Variable(
            "HUBBUB_ADVERTISE",
            REACHED_AT,
            "Where other services reach it.",
            otherwise="where it takes calls, or serves its health",
        ),
    ]
    valkey_url: Annotated[
        str,
        Variable(
            "HUBBUB_VALKEY_URL",
            BUS_URL,
            "The bus: redis://[USER[:PASSWORD]@]HOST:PORT, rediss://… or unix://[…@]/PATH; a "
            "cluster is valkey+cluster://[…@]HOST:PORT,HOST:PORT, with TLS valkeys+cluster://….",
            None,
        ),
        Variable(
            "HUBBUB_VALKEY_PASSWORD_FILE",
            SECRET_FILE,
            "The password of the URL's user, where the URL holds none.",
            otherwise="the URL's",
        ),
        Join(join_password),
    ]
    topic_prefix: Annotated[
        str,
        Variable(
            "HUBBUB_TOPIC_PREFIX",
            TEXT,
            "The prefix of every name on Valkey, so that two systems may share a server.",
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
            "The service's own secret, by which the services that it calls know it.",
            None,
        ),
    ]
    shared_key: Annotated[
        str | None,
        Variable(
            "HUBBUB_SHARED_KEY_FILE",
            OLD_SECRET_FILE,
            "The one secret that all services had in 0.1.0, while processes of that release run "
            "beside this one. Whoever has it may make every call; an empty file is none.",
            otherwise="none",
        ),
    ]
    rate_factor: Annotated[
        int,
        Variable(
            "HUBBUB_RATE_LIMITS",
            choice(on=1, high=1000),
            "`high` raises every rate, burst and socket cap a thousandfold, for load tests.",
            "on",
        ),
    ]
    log_file: Annotated[
        Path | None,
        Variable(
            "HUBBUB_LOG_FILE",
            FILE,
            "Where its log lines go; after a rename a new file is opened.",
            otherwise="standard output",
        ),
    ] = None
    calls_tls: Annotated[
        CallsTls,
        Variable(
            "HUBBUB_CALLS_CERTIFICATE",
            FILE,
            "Certificate and chain in PEM, for the name of the service: it is reached over TLS "
            "alone, by callers and by the balancer. Read again when it changes.",
            otherwise="no TLS",
        ),
        Variable(
            "HUBBUB_CALLS_KEY", FILE, "Its key in PEM.", otherwise="in the file of the certificate"
        ),
        Variable(
            "HUBBUB_CALLS_CA",
            Kind(FILE.says, _parse_ca),
            "The CA in PEM by which users and chats are known: they are called over TLS alone.",
            otherwise="no TLS",
        ),
        Join(join_calls_tls),
    ] = CallsTls()
    metrics_tls: Annotated[
        bool,
        Variable(
            "HUBBUB_METRICS_TLS",
            choice(on=True, off=False),
            "`on`: HUBBUB_METRICS_LISTEN too is served over TLS where there is a certificate, and "
            "files calls realtime so. The same for all services.",
            "off",
        ),
    ] = False
    size: Annotated[Size, SIZE] = "usual"

    @property
    def caller(self) -> Caller:
        """The identity that it shows to the services that it calls."""
        return Caller(self.role, self.service_key, self.shared_key)


def read_service_settings(role: str, env: Mapping[str, str] = os.environ) -> ServiceSettings:
    """Raises SettingsError with a sentence for the operator."""
    name = f"{role}-{os.getpid()}"
    settings = read_variables(ServiceSettings, env, role=role, name=name)
    called = settings.listen if role in WITH_TLS else settings.metrics_listen or settings.listen
    advertise = settings.advertise or called.address
    return msgspec.structs.replace(settings, advertise=advertise)
