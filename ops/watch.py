"""`python -m ops watch`: inspects the containers every two seconds and exports the metrics that the
fleet exports on one machine: which processes are wanted, which exist, which ended.

Changes nothing. `/state` gives the same to the doctor, top and status.
"""

import asyncio
import logging
import time
from collections import defaultdict, deque
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry

from common.process.logs import log, set_up_logs
from fleet.data.state import Death, FleetState, ProcessState
from fleet.entrance import watch_certificate
from fleet.metrics import FleetMetrics, export_free_bytes
from fleet.processes.probe import Address, http_body
from fleet.settings import SERVICE_ROLES, FleetSettings
from ops.containers import VOLUMES, count_engines, read_containers
from ops.kubernetes import ApiRefused, count_wanted_engines, own_account, read_pods
from ops.pages import serve_pages
from ops.settings import CONTAINERS, KUBERNETES, where_it_is

ROUND_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 30.0  # a database or a name server that hangs would keep the last figures
KEPT_DEATHS: Final = 10  # per container
PUBLIC_TLS: Final = Address("haproxy", 8443)  # does not listen without TLS
PORT: Final = 8000
HOST: Final = "ops"  # the service in docker-compose.yml
# Engines report their start to the second, and are asked at slightly different times.
SAME_START_SECONDS: Final = 3.0
UNKNOWN_CODE: Final = 1  # the exit codes of other containers are not visible here


class Memory:
    """Finds what a single listing does not show: containers that restarted without draining."""

    def __init__(self) -> None:
        self.deaths: dict[str, deque[Death]] = defaultdict(lambda: deque(maxlen=KEPT_DEATHS))
        self._seen: dict[str, ProcessState] = {}

    def note(self, processes: list[ProcessState], now: float) -> list[str]:
        """The roles of the containers that died since the last call, one entry each."""
        died = []
        for process in processes:
            name = process.name
            before = self._seen.get(name)
            if process.started:
                is_same = before and abs(before.started - process.started) < _doubt(process.role)
                if before and not is_same and before.state != "draining":
                    self.deaths[name].append(Death(now, UNKNOWN_CODE))
                    died.append(process.role)
                self._seen[name] = process
        return died


def _doubt(role: str) -> float:
    """The difference in seconds up to which two starts are the same."""
    return 0.001 if role in SERVICE_ROLES else SAME_START_SECONDS


async def watch_containers(settings: FleetSettings) -> int:
    """Runs until told to stop."""
    set_up_logs("ops", "ops-1")
    registry = CollectorRegistry()
    metrics, memory = FleetMetrics(registry), Memory()
    state = FleetState(0, [])

    def tell(path: str) -> bytes | None:
        return msgspec.json.encode(state) if path == "/state" else None

    async with (
        serve_pages("0.0.0.0", PORT, registry, tell),  # noqa: S104 - its networks are internal
        asyncio.TaskGroup() as tasks,
    ):
        if where_it_is(settings) == CONTAINERS:  # docs/hosts.md: elsewhere nothing looks at these
            export_free_bytes(registry, VOLUMES)
            shown = watch_certificate(PUBLIC_TLS, settings, metrics.note_certificate)
            tasks.create_task(shown)
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    state, engines = await look(settings, memory)
            except (ApiRefused, OSError) as error:  # a TimeoutError is one
                log("cannot look", level=logging.ERROR, error=str(error) or "it takes too long")
                metrics.forget_state()
            else:
                for role in memory.note(list(state.processes), time.time()):
                    log("a container was started again", of=role)
                    metrics.note_death(role)
                metrics.note_state(state, engines)
            await asyncio.sleep(ROUND_SECONDS)


async def look(settings: FleetSettings, memory: Memory) -> tuple[FleetState, dict[str, int]]:
    """What exists, and the wanted number of each role that is not a service. Raises OSError and
    ApiRefused for pods."""
    if where_it_is(settings) == KUBERNETES:
        state = await read_pods(own_account(settings.environment))
        return state, count_wanted_engines(state)
    kept = {name: list(deaths) for name, deaths in memory.deaths.items()}
    return await read_containers(settings, kept), count_engines(settings)


async def ask_watcher(settings: FleetSettings) -> FleetState:
    """What the watcher saw last; the current state if it does not answer."""
    body = await http_body(Address(HOST, PORT), "/state")
    if body is None:
        return await read_containers(settings, {})
    return msgspec.json.decode(body, type=FleetState)
