"""Finds the running system: a fleet on one machine, or the containers of docker-compose.yml."""

from fleet.settings import FleetSettings
from fleet.state import FleetState, read_running
from ops.settings import in_containers
from ops.watch import ask_watcher


async def find_running(settings: FleetSettings) -> FleetState | None:
    """None where no fleet runs on the machine."""
    if in_containers(settings):
        return await ask_watcher(settings)
    return read_running(settings.data)
