"""Finds the running system: a fleet on one machine, the containers of docker-compose.yml, or the
pods of deploy/kubernetes."""

from fleet.data.state import FleetState, read_running
from fleet.settings import FleetSettings
from ops.kubernetes import own_account, read_pods
from ops.settings import CONTAINERS, KUBERNETES, where_it_is
from ops.watch import ask_watcher


async def find_running(settings: FleetSettings) -> FleetState | None:
    """None if no fleet runs on the machine. Raises OSError and ApiRefused for pods."""
    where = where_it_is(settings)
    if where == KUBERNETES:
        return await read_pods(own_account(settings.environment))
    if where == CONTAINERS:
        return await ask_watcher(settings)
    return read_running(settings.data)
