"""What an edge process is told by its environment beside what every service is told."""

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from common.settings import ServiceSettings, read_list, read_secret, read_service_settings
from common.variables import BALANCER_KEY_FILE, ORIGINS, PUBLIC_URL


class EdgeSettings(msgspec.Struct, frozen=True):
    """`origins` may use the session cookie, the public address first. `balancer_key` is None where
    no balancer stands in front: then nobody's word on addresses and request keys is taken."""

    service: ServiceSettings
    origins: Annotated[tuple[str, ...], PUBLIC_URL, ORIGINS]
    balancer_key: Annotated[str | None, BALANCER_KEY_FILE]

    @property
    def https(self) -> bool:
        """Whether browsers reach the system over TLS."""
        return self.origins[:1] != () and self.origins[0].startswith("https://")


def read_edge_settings(env: Mapping[str, str] = os.environ) -> EdgeSettings:
    """Raises SettingsError with a sentence for the operator."""
    public = [env["HUBBUB_PUBLIC_URL"].rstrip("/")] if env.get("HUBBUB_PUBLIC_URL") else []
    return EdgeSettings(
        service=read_service_settings("edge", env),
        origins=(*public, *read_list(env, "HUBBUB_ORIGINS")),
        balancer_key=(
            read_secret(env, "HUBBUB_BALANCER_KEY_FILE")
            if env.get("HUBBUB_BALANCER_KEY_FILE")
            else None
        ),
    )
