"""Settings of the tools that look at a system in containers."""

from typing import Annotated, Final

import msgspec

from common.process.variables import Kind, Variable, read_variables
from fleet.settings import FleetSettings

PLACES: Final = Kind("`containers`", str, "")


class OpsSettings(msgspec.Struct, frozen=True):
    """`where` is empty on one machine."""

    where: Annotated[
        str,
        Variable(
            "HUBBUB_WHERE",
            PLACES,
            "Where the system is that doctor, top, status and bundle look at: `containers` are "
            "those of `docker-compose.yml`, seen from one beside them.",
            otherwise="one machine",
        ),
    ]


def in_containers(settings: FleetSettings) -> bool:
    """Whether the system that is looked at consists of containers."""
    return read_variables(OpsSettings, settings.environment).where == "containers"
