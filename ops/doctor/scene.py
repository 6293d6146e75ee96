"""The facts that the doctor evaluates, as values."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from fleet.data.state import FleetState
from fleet.entrance import ShownCertificate
from fleet.settings import FleetSettings


class ProcessFacts(NamedTuple):
    """A service process; None for what it did not answer. `samples` are summed over their labels;
    `polls` are a node's reasons to poll chats; `store_fails` is why files cannot store anything."""

    name: str
    role: str
    ready: int | None
    samples: Mapping[str, float]
    descriptors: int
    max_descriptors: int
    polls: tuple[str, ...] = ()
    pid: int = 0
    store_fails: tuple[str, ...] = ()


class DatabaseFacts(msgspec.Struct, frozen=True):
    """`error` is why nothing else is known. Times in seconds; ages are those of the oldest.
    `strangers` are prepared transactions that are not ours: the name and the age of each.
    `answers_survive` is `nothing`, `process` or `machine`."""

    error: str = ""
    version: int = 0  # 180001 is 18.1
    clock_ahead: float = 0.0  # of this machine's clock
    max_prepared: int = 0
    prepared: int = 0
    prepared_age: float = 0.0
    missing_migrations: tuple[str, ...] = ()
    unpublished: int = 0
    unpublished_age: float = 0.0
    strangers: tuple[tuple[str, float], ...] = ()
    answers_survive: str = ""
    are_several: bool = False  # several servers in its URL
    # Transactions that block others: process, role, and seconds, 0 if hidden.
    holders: tuple[tuple[int, str, float], ...] = ()
    unopened_keys: int = 0  # private keys that this machine's secret does not decrypt


class BusFacts(NamedTuple):
    """`pubsub_limit`: hard, soft (bytes), seconds; 0 is no limit; None if it may not be read.
    `refused` are the roles whose log-in Valkey refuses. In a cluster, `silent` are servers that do
    not answer, and `lonely` primaries without a replica. `follows` is the primary of a replica; it
    `is_full` if nothing may be evicted and nothing more fits."""

    error: str = ""
    pubsub_limit: tuple[int, int, int] | None = None
    refused: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    lonely: tuple[str, ...] = ()
    follows: str = ""
    is_full: bool = False


class Scene(NamedTuple):
    """`programs` are versions by program, or what is wrong with it. `open_secrets` may be read by
    others. `state` is None if no fleet runs; most of the rest is empty then. `holder` is a process
    that holds the folder nevertheless, `is_command` if it is a backup or the like; `paused` are
    process ids by name, including child processes."""

    settings: FleetSettings
    now: float
    state: FleetState | None
    port_is_taken: bool
    system_ready: int | None
    programs: Mapping[str, str]
    packages: Mapping[str, tuple[str, str]]  # that differ from the lock: locked, installed
    max_descriptors: int  # per new process
    free_bytes: int
    free_files: int
    open_secrets: tuple[Path, ...]
    processes: tuple[ProcessFacts, ...] = ()
    databases: Mapping[str, DatabaseFacts] = {}
    bus: BusFacts = BusFacts()
    missing_secrets: tuple[Path, ...] = ()  # that a running fleet needs at its next start
    in_containers: bool = False
    certificate: ShownCertificate | None = None  # of the public port
    namespace: str = ""  # of Kubernetes, where the containers are pods
    holder: int | None = None
    is_command: bool = False
    paused: Mapping[str, tuple[int, ...]] = {}
    parent_answers: bool = True
    is_starting: bool = False  # or ending: a fleet that takes no commands
    was_killed: bool = False  # the last fleet
    differing: tuple[str, ...] = ()  # variables that differ from those it was started with
    is_unit: bool = False  # systemd runs the fleet
    complaints: Mapping[str, str] = {}  # the last recent warning or error of each process

    @property
    def address(self) -> str:
        """Where the balancer was probed."""
        if self.namespace:
            return "HAProxy: http://haproxy"
        return "HAProxy: http://haproxy:8080" if self.in_containers else self.settings.address

    def log_of(self, *names: str) -> str:
        """A sentence with the complaint of the first of these processes, or empty. A name may be a
        prefix."""
        for name, complaint in self.complaints.items():
            if name.startswith(names):
                return f" The log of {name} says: {complaint}"
        return ""
