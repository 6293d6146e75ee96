"""Edge's own settings, in addition to those of every service."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.process.settings import ServiceSettings, read_service_settings
from common.process.sizes import sized
from common.process.variables import (
    BALANCER_KEY_FILE,
    BALANCER_LISTEN_FD,
    CACHE_URLS,
    LINK_KEY_FILE,
    NUMBER,
    ORIGINS,
    PUBLIC_URL,
    Join,
    Variable,
    choice,
    read_variables,
)


def join_origins(public_url: str | None, others: tuple[str, ...]) -> tuple[str, ...]:
    return (public_url, *others) if public_url else others


class EdgeSettings(msgspec.Struct, frozen=True):
    """`origins` may use the session cookie, the public address first. `balancer_key` is None if
    there is no balancer in front: then headers about addresses and request keys are ignored."""

    service: ServiceSettings
    origins: Annotated[tuple[str, ...], PUBLIC_URL, ORIGINS, Join(join_origins)]
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]
    balancer_listen_fd: Annotated[int | None, BALANCER_LISTEN_FD]
    link_key: Annotated[str, LINK_KEY_FILE]
    caches: Annotated[
        bool,
        Variable(
            "HUBBUB_CACHE",
            choice(on=True, off=False),
            "`off`: every read goes to the service that owns the data.",
            "on",
        ),
    ]
    cache_urls: Annotated[
        tuple[str, ...],
        Variable("HUBBUB_CACHE_URLS", CACHE_URLS, "The cache nodes.", otherwise="memory alone"),
    ]
    memory_bytes: Annotated[
        int,
        Variable(
            "HUBBUB_EDGE_CACHE_BYTES",
            NUMBER,
            "Memory for the cache of each process, in front of the cache nodes.",
            "33554432",
        ),
    ]

    @property
    def public_url(self) -> str:
        """The base URL of links; empty if the public address is not configured."""
        return self.origins[0] if self.origins else ""

    @property
    def https(self) -> bool:
        """Whether browsers reach the system over TLS."""
        return self.origins[:1] != () and self.origins[0].startswith("https://")


def read_edge_settings(env: Mapping[str, str] = os.environ) -> EdgeSettings:
    """Raises SettingsError with a message for the operator."""
    env = sized(env)
    return read_variables(EdgeSettings, env, service=read_service_settings("edge", env))
