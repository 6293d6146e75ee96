"""Prometheus metrics of the processes as a whole: which are wanted, and which exist.

Only holds the figures; the supervisor decides when they change.
"""

import os
from collections import Counter as Tally
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from fleet.data.backed_up import backup_age
from fleet.data.state import FleetState
from fleet.entrance import ShownCertificate
from fleet.processes.ports import LOOPBACK
from fleet.settings import SERVICE_ROLES

STATES: Final = ("starting", "ready", "draining")
ENGINE_ROLES: Final = ("postgres", "valkey", "cache", "balancer")


class FleetMetrics:
    """`of` is a role."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._wanted = Gauge(
            "hubbub_fleet_wanted_replicas", "Processes there should be.", ("of",), registry=registry
        )
        self._processes = Gauge(
            "hubbub_fleet_processes", "Processes there are.", ("of", "state"), registry=registry
        )
        self._missing = Gauge(
            "hubbub_fleet_missing_replicas", "Processes that should be ready and are not.",
            ("of",), registry=registry,
        )  # fmt: skip
        self._deaths = Counter(
            "hubbub_fleet_deaths", "Processes that ended with an error.", ("of",), registry=registry
        )
        self._scalings = Counter(
            "hubbub_fleet_scalings", "Decisions of the scaler.", ("of", "direction"),
            registry=registry,
        )  # fmt: skip
        self._certificate_begins = Gauge(
            "hubbub_public_certificate_begins",
            "Since when the certificate of the public port is valid, in Unix seconds; 0 without.",
            registry=registry,
        )
        self._certificate_expires = Gauge(
            "hubbub_public_certificate_expires", "When it ends, in Unix seconds; 0 without.",
            registry=registry,
        )  # fmt: skip
        for role in (*SERVICE_ROLES, *ENGINE_ROLES):
            self._deaths.labels(role)
        for role in SERVICE_ROLES:
            for direction in ("up", "down"):
                self._scalings.labels(role, direction)

    def note_state(self, state: FleetState, engines: Mapping[str, int]) -> None:
        """`engines` is the wanted number of each role that is not a service."""
        services = {role: replicas.replicas for role, replicas in state.wanted.items()}
        wanted = {**services, **engines}
        there = Tally((process.role, process.state) for process in state.processes)
        for role, replicas in wanted.items():
            self._wanted.labels(role).set(replicas)
            self._missing.labels(role).set(max(0, replicas - there[role, "ready"]))
            for name in STATES:
                self._processes.labels(role, name).set(there[role, name])

    def forget_state(self) -> None:
        """Nothing is known any more: figures without news would tell that all is well."""
        for figure in (self._wanted, self._missing, self._processes):
            figure.clear()

    def note_death(self, role: str) -> None:
        self._deaths.labels(role).inc()

    def note_certificate(self, shown: ShownCertificate) -> None:
        """What the public port shows."""
        self._certificate_begins.set(shown.begins)
        self._certificate_expires.set(shown.ends)

    def note_scaling(self, role: str, before: int, now: int) -> None:
        self._scalings.labels(role, "up" if now > before else "down").inc()


def export_free_bytes(registry: CollectorRegistry, place: int | str) -> None:
    """Of the disk of a folder or a descriptor, read at each scrape."""

    def read() -> float:
        disk = os.statvfs(place)
        return disk.f_bavail * disk.f_frsize

    gauge = Gauge(
        "hubbub_disk_free_bytes", "Free bytes on the disk of the data.", registry=registry
    )
    gauge.set_function(read)


def export_backup_age(registry: CollectorRegistry, data: Path) -> None:
    """Of the last backup, read at each scrape."""
    gauge = Gauge(
        "hubbub_backup_age_seconds", "Age of the last backup; 0 if none are made regularly.",
        registry=registry,
    )  # fmt: skip
    gauge.set_function(lambda: backup_age(data))


class MetricsServer:
    """Serves a registry on its own port from the very start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._server, self._thread = start_http_server(0, LOOPBACK, registry)
        self.port: int = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
