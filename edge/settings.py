"""What an edge process is told by its environment beside what every service is told."""

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
    URLS,
    Variable,
)


class EdgeSettings(msgspec.Struct, frozen=True):
    """`origins` may use the session cookie, the public address first. `balancer_key` is None where
    no balancer stands in front: then nobody's word on addresses and request keys is taken."""

    service: ServiceSettings
    origins: Annotated[tuple[str, ...], PUBLIC_URL, ORIGINS]
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]
    balancer_listen_fd: Annotated[int | None, BALANCER_LISTEN_FD]
    caches: Annotated[
        bool,
        Variable("HUBBUB_CACHE", "on or off", "`off`: every read asks the service it is of.", "on"),
    ]
    cache_urls: Annotated[
        tuple[str, ...],
        Variable("HUBBUB_CACHE_URLS", URLS, "The cache nodes.", otherwise="memory alone"),
    ]
    near_bytes: Annotated[
        int,
        Variable(
            "HUBBUB_EDGE_CACHE_BYTES",
            NUMBER,
            "Memory for what was read, before the cache nodes are asked.",
            "33554432",
        ),
    ]

    @property
    def https(self) -> bool:
        """Whether browsers reach the system over TLS."""
        return self.origins[:1] != () and self.origins[0].startswith("https://")


def read_edge_settings(env: Mapping[str, str] = os.environ) -> EdgeSettings:
    """Raises SettingsError with a sentence for the operator."""
    near_bytes = env.get("HUBBUB_EDGE_CACHE_BYTES", str(32 * 2**20))
    if not near_bytes.isdigit() or int(near_bytes) < 1:
        raise SettingsError(f"HUBBUB_EDGE_CACHE_BYTES must be above 0, not {near_bytes!r}")
    if (caches := env.get("HUBBUB_CACHE", "on")) not in ("on", "off"):
        raise SettingsError(f"HUBBUB_CACHE must be on or off, not {caches!r}")
    public = [env["HUBBUB_PUBLIC_URL"].rstrip("/")] if env.get("HUBBUB_PUBLIC_URL") else []
    return EdgeSettings(
        service=read_service_settings("edge", env),
        origins=(*public, *read_list(env, "HUBBUB_ORIGINS")),
        balancer_key=(
            read_secret(env, "HUBBUB_BALANCER_KEY_FILE")
            if env.get("HUBBUB_BALANCER_KEY_FILE")
            else None
        ),
        balancer_listen_fd=read_inherited_socket(env, "HUBBUB_BALANCER_LISTEN_FD"),
        caches=caches == "on",
        cache_urls=read_list(env, "HUBBUB_CACHE_URLS"),
        near_bytes=int(near_bytes),
    )
