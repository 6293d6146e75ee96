"""What the fleet itself tells Prometheus: which processes there should be, and which there are.

It only holds figures; when they change is the supervisor's to know.
"""

from collections import Counter as Tally
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from fleet.ports import LOOPBACK
from fleet.settings import SERVICE_ROLES
from fleet.state import FleetState

STATES: Final = ("starting", "ready", "draining")


class FleetMetrics:
    """Served on a port of their own from the first moment on."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._wanted = Gauge(
            "hubbub_fleet_wanted_replicas", "Processes there should be.", ("of",), registry=registry
        )
        self._processes = Gauge(
            "hubbub_fleet_processes", "Processes there are.", ("of", "state"), registry=registry
        )
        self._deaths = Counter(
            "hubbub_fleet_deaths", "Processes that ended with an error.", ("of",), registry=registry
        )
        self._scalings = Counter(
            "hubbub_fleet_scalings", "Decisions of the scaler.", ("of", "direction"),
            registry=registry,
        )  # fmt: skip
        for role in SERVICE_ROLES:
            self._deaths.labels(role)
            for direction in ("up", "down"):
                self._scalings.labels(role, direction)
        self._server, self._thread = start_http_server(0, LOOPBACK, registry)
        self.port: int = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def note_state(self, state: FleetState) -> None:
        for role, wanted in state.wanted.items():
            self._wanted.labels(role).set(wanted.replicas)
        there = Tally((process.role, process.state) for process in state.processes)
        for role in {*state.wanted, *(process.role for process in state.processes)}:
            for name in STATES:
                self._processes.labels(role, name).set(there[role, name])

    def note_death(self, role: str) -> None:
        self._deaths.labels(role).inc()

    def note_scaling(self, role: str, before: int, now: int) -> None:
        self._scalings.labels(role, "up" if now > before else "down").inc()
