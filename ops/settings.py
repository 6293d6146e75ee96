"""Settings of the tools that inspect a system in containers."""

from typing import Annotated, Final

import msgspec

from common.process.variables import Kind, Variable, read_variables
from fleet.settings import FleetSettings

CONTAINERS: Final = "containers"
KUBERNETES: Final = "kubernetes"
PLACES: Final = Kind(f"`{CONTAINERS}`, `{KUBERNETES}`", str, "")


class OpsSettings(msgspec.Struct, frozen=True):
    """`where` is empty on one machine."""

    where: Annotated[
        str,
        Variable(
            "HUBBUB_WHERE",
            PLACES,
            "Where the system is that doctor, top, status and bundle look at: `containers` are "
            "those of `docker-compose.yml`, seen from one beside them; `kubernetes` is the "
            "namespace of `deploy/kubernetes`, seen from a pod in it.",
            otherwise="one machine",
        ),
    ]


def where_it_is(settings: FleetSettings) -> str:
    """The inspected system: one of PLACES, or empty for this machine."""
    return read_variables(OpsSettings, settings.environment).where


def in_containers(settings: FleetSettings) -> bool:
    """Whether the inspected system consists of containers, under Docker or Kubernetes."""
    return where_it_is(settings) in (CONTAINERS, KUBERNETES)
