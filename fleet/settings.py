"""The operator's settings, read once from the environment."""

import os
from collections.abc import Iterable, Mapping, MutableMapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

import msgspec

from common.process.sizes import SIZE, Size, sized
from common.process.variables import (
    BUS_URL,
    CACHE_URLS,
    DATABASE_URL,
    FILE,
    FILES_URL,
    FOLDER,
    NUMBER,
    ORIGINS,
    PORT,
    PUBLIC_URL,
    Join,
    Kind,
    SettingsError,
    Variable,
    read_variables,
)
from fleet.processes.ports import LOOPBACK
from fleet.scaling.scaler import Limits, Replicas

PROJECT_FOLDER: Final = Path(__file__).parent.parent
SERVICE_ROLES: Final = ("edge", "realtime", "files", "users", "chats")
MAX_REPLICAS: Final = 64
DEFAULT_MAXIMUM: Final = 4  # the operator may allow more: each takes memory and connections
DATABASE_VARIABLES: Final = {
    "users": "HUBBUB_USERS_DATABASE_URL",
    "chats": "HUBBUB_CHATS_DATABASE_URL",
}


def read_replicas(text: str, cores: int) -> dict[str, Replicas]:
    """`edge=2,realtime=1-4`; other roles get two processes, or one on a single core, and may grow
    to the number of cores.

    Raises SettingsError.
    """
    usual = Replicas(min(2, cores), max(1, min(cores, DEFAULT_MAXIMUM)))
    replicas = dict.fromkeys(SERVICE_ROLES, usual)
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, _, numbers = part.partition("=")
        low, dash, high = numbers.partition("-")
        if role not in SERVICE_ROLES or not low.isdecimal() or (dash and not high.isdecimal()):
            raise SettingsError(
                f"HUBBUB_REPLICAS: {part!r} is not like edge=2 or edge=1-4, "
                f"with one of {', '.join(SERVICE_ROLES)}"
            )
        chosen = Replicas(int(low), int(high if dash else low))
        if not 1 <= chosen.minimum <= chosen.maximum <= MAX_REPLICAS:
            raise SettingsError(
                f"HUBBUB_REPLICAS: {part!r} is not a number or a rising range within 1 to "
                f"{MAX_REPLICAS}"
            )
        replicas[role] = chosen
    return replicas


def read_limits(text: str) -> Limits:
    """`lag_ms=20,connections=2000`; others keep their default. Raises SettingsError."""
    pairs = (part.partition("=") for part in filter(None, map(str.strip, text.split(","))))
    try:
        limits = msgspec.convert({k: v for k, _, v in pairs}, Limits, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(Limits.__struct_fields__)
        raise SettingsError(
            f"HUBBUB_SCALING: {text!r} is not like lag_ms=20, with one or more of {known}"
        ) from error
    if not all(limit > 0 for limit in msgspec.structs.astuple(limits)):
        raise SettingsError("HUBBUB_SCALING: every limit must be above 0")
    return limits


def read_networks(text: str) -> tuple[str, ...]:
    """`10.0.0.1,2001:db8::/32`. Raises ValueError."""
    return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())


def read_switch(text: str) -> bool:
    """Raises ValueError."""
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is neither on nor off")
    return text == "on"


ADDRESS: Final = Kind("address", str)
DATA: Final = Kind(FOLDER.says, lambda text: Path(text).expanduser().absolute())
CACHES: Final = Kind(CACHE_URLS.says, lambda text: ",".join(CACHE_URLS.parse(text)))
REPLICAS: Final = Kind(
    "`edge=2,realtime=1-4`",
    lambda text: read_replicas(text, os.cpu_count() or 1),
    read_replicas("", os.cpu_count() or 1),
)
NETWORKS: Final = Kind("addresses or networks, by comma", lambda text: read_networks(text), ())
ON: Final = Kind("`on`", lambda text: read_switch(text), False)
LIMITS: Final = Kind("`lag_ms=20,calm_seconds=30`", read_limits)
EXTERNAL: Final = ("HUBBUB_VALKEY_URL", "HUBBUB_CACHE_URLS", *DATABASE_VARIABLES.values())


# The location of data outside the folder.
DATA_VARIABLES: Final = (*DATABASE_VARIABLES.values(), "HUBBUB_FILES_URL")
ASKED_VARIABLES: Final = (*DATA_VARIABLES, "HUBBUB_VALKEY_URL", "HUBBUB_TLS_CERTIFICATE")


def join_external(*urls: str | None) -> dict[str, str]:
    return {name: url for name, url in zip(EXTERNAL, urls, strict=True) if url}


ALL_ADDRESSES: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with
OWN_URL: Final = "`http://HUBBUB_BIND:HUBBUB_PORT`, with `127.0.0.1` for all addresses"


class FleetSettings(msgspec.Struct, frozen=True):
    """`external` has the operator's own servers, by variable."""

    port: Annotated[int, Variable("HUBBUB_PORT", PORT, "The one public port.", "8000")]
    bind: Annotated[
        str, Variable("HUBBUB_BIND", ADDRESS, "Where the public port listens.", LOOPBACK)
    ]
    data: Annotated[
        Path, Variable("HUBBUB_DATA", DATA, "Databases, keys, logs, `fleet.json`.", ".data")
    ]
    public_url: Annotated[str, PUBLIC_URL._replace(otherwise=OWN_URL)]
    origins: Annotated[
        str,
        ORIGINS._replace(otherwise="with a public URL none, else `http://localhost:…`"),
        Join(",".join),
    ]
    replicas: Annotated[
        dict[str, Replicas],
        Variable(
            "HUBBUB_REPLICAS",
            REPLICAS,
            "How many processes of edge, realtime, files, users and chats: a number, or a range "
            "that follows the load.",
            otherwise="2 per role at least (1 on a single core, and while nobody is there); up to "
            "one per core, at most 4",
        ),
    ]
    limits: Annotated[
        Limits,
        Variable(
            "HUBBUB_SCALING",
            LIMITS,
            "Limits of one process, above which there should be another.",
            ",".join(
                f"{name}={value:g}" for name, value in msgspec.structs.asdict(Limits()).items()
            ),
        ),
    ]
    size: Annotated[Size, SIZE]
    log_bytes: Annotated[
        int,
        Variable(
            "HUBBUB_LOG_BYTES",
            NUMBER,
            "What all logs of one machine together may take; the oldest lines are removed first.",
            "536870912",
        ),
    ]
    trusted_proxies: Annotated[
        tuple[str, ...],
        Variable(
            "HUBBUB_TRUSTED_PROXIES",
            NETWORKS,
            "Proxies in front of Hubbub: the client is where their `X-Forwarded-For` says. Limits "
            "count by client.",
            otherwise="none: the header is ignored",
        ),
    ]
    proxy_protocol: Annotated[
        bool,
        Variable(
            "HUBBUB_PROXY_PROTOCOL", ON, "These proxies speak the PROXY protocol instead.", "off"
        ),
    ]
    tls_certificate: Annotated[
        Path | None,
        Variable(
            "HUBBUB_TLS_CERTIFICATE",
            FILE,
            "Certificate and chain in PEM: the public port speaks TLS. Read again when it changes.",
            otherwise="no TLS",
        ),
    ]
    tls_key: Annotated[
        Path | None,
        Variable(
            "HUBBUB_TLS_KEY", FILE, "Its key in PEM.", otherwise="in the file of the certificate"
        ),
    ]
    external: Annotated[
        dict[str, str],
        Variable("HUBBUB_VALKEY_URL", BUS_URL, "Your Valkey as the bus.", otherwise="embedded"),
        Variable("HUBBUB_CACHE_URLS", CACHES, "Your Valkeys as caches.", otherwise="embedded"),
        Variable(
            "HUBBUB_USERS_DATABASE_URL",
            DATABASE_URL,
            "Your database for users.",
            otherwise="embedded",
        ),
        Variable(
            "HUBBUB_CHATS_DATABASE_URL",
            DATABASE_URL,
            "Your database for chats.",
            otherwise="embedded",
        ),
        Join(join_external),
    ]
    files_url: Annotated[
        str,
        Variable(
            "HUBBUB_FILES_URL",
            FILES_URL,
            "Where bytes of files lie, if not in `HUBBUB_DATA`.",
            otherwise="`file://HUBBUB_DATA/files`",
        ),
    ]
    files_drain_seconds: Annotated[
        int,
        Variable(
            "HUBBUB_FILES_DRAIN_SECONDS",
            NUMBER,
            "How long uploads and downloads may continue in a process of files that was told to "
            "end while others serve, in seconds.",
            "610",
        ),
    ]
    environment: dict[str, str]  # all of it, for the services

    def differing(self, others: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
        """The variables whose values differ in another environment."""
        ours = self.environment
        return tuple(name for name in names if ours.get(name, "") != others.get(name, ""))

    @property
    def open_roles(self) -> set[str]:
        """The roles whose number of processes the operator has not set."""
        said = sized(self.environment).get("HUBBUB_REPLICAS", "")
        return set(SERVICE_ROLES) - {part.partition("=")[0].strip() for part in said.split(",")}

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def signing_secret(self) -> Path:
        """The file with the secret that encrypts the signing keys."""
        return self.keys / "signing.key"

    @property
    def old_signing_keys(self) -> Path:
        """The folder where 0.1.0 kept them."""
        return self.keys / "signing"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def run(self) -> Path:
        return self.data / "run"

    @property
    def host(self) -> str:
        """Where this machine reaches the public port."""
        return LOOPBACK if self.bind in ALL_ADDRESSES else self.bind

    @property
    def shuts_others_out(self) -> bool:
        """Whether other machines reach the port, but have no address at which to use the page."""
        named = ("HUBBUB_PUBLIC_URL", "HUBBUB_ORIGINS")
        return self.bind in ALL_ADDRESSES and not any(map(self.environment.get, named))

    @property
    def address(self) -> str:
        """The URL for a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def scheme(self) -> str:
        return "https" if self.tls_certificate else "http"


def read_settings(env: Mapping[str, str] | None = None) -> FleetSettings:
    """By default from the environment of this process, which loses libpq's variables. Raises
    SettingsError with a message for the operator."""
    if env is None:
        forget_libpq(os.environ)
        env = os.environ
    settings = read_variables(FleetSettings, sized(env), environment=dict(env))
    if settings.tls_key and not settings.tls_certificate:
        raise SettingsError(
            "HUBBUB_TLS_KEY is set and HUBBUB_TLS_CERTIFICATE is not: this would not be TLS"
        )
    if not settings.files_url:
        local = (settings.data / "files").as_uri()
        settings = msgspec.structs.replace(settings, files_url=local)
    if settings.public_url:
        return settings
    # Both names of this machine are origins of the page, unless the operator sets the origin.
    other = {LOOPBACK: "localhost", "localhost": LOOPBACK}.get(settings.host)
    second = f"{settings.scheme}://{other}:{settings.port}" if other else ""
    return msgspec.structs.replace(
        settings, public_url=settings.address, origins=settings.origins or second
    )


def forget_libpq(environment: MutableMapping[str, str]) -> None:
    """Removes PGSSLMODE and the like, unless both databases are the operator's own.

    They are meant for other servers. The embedded one would refuse what they ask for, and its URL
    has all that is needed. https://www.postgresql.org/docs/current/libpq-envars.html
    """
    if all(map(environment.get, DATABASE_VARIABLES.values())):
        return
    for name in [name for name in environment if name.startswith("PG")]:
        del environment[name]
