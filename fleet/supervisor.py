"""The fleet of one machine: what starts when, who is told, and in which order it all ends."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress

from fleet.autoscaler import Autoscaler
from fleet.balancer import Balancer, Mode, PoolServer
from fleet.control import Answer, Request, Restart, Scale
from fleet.engines import Engines
from fleet.keys import make_key_folder, read_or_make_secret
from fleet.logs import copy_output, log_line, open_log, write_line
from fleet.metrics import FleetMetrics
from fleet.ports import LOOPBACK
from fleet.probe import Address
from fleet.processes import Program, Supervised, Watcher
from fleet.scaler import Figures, Replicas
from fleet.services import (
    PUBLIC_ROLES,
    ServicePorts,
    reserve_ports,
    service_environment,
    service_program,
    shared_environment,
)
from fleet.settings import MAX_REPLICAS, SERVICE_ROLES, FleetSettings
from fleet.state import FleetState, WantedState, write_state
from fleet.targets import write_targets

# Together below the 30 s in which a stop is promised; sockets and requests get the most.
PUBLIC_STOP_SECONDS = 12.0
SERVICE_STOP_SECONDS = 7.0
ENGINE_STOP_SECONDS = 8.0
START_SECONDS = 60.0
DRAIN_SECONDS = 25.0  # of one process, while others serve


class Fleet:
    """All processes of one Hubbub on this machine. `lock` stays open in every child."""

    def __init__(self, settings: FleetSettings, listener: socket.socket, lock: int) -> None:
        self._settings, self._listener, self._lock = settings, listener, lock
        for folder in (settings.logs, settings.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_key_folder(settings.keys)
        self._run = os.open(settings.run, os.O_PATH | os.O_DIRECTORY)
        self._log = open_log(settings.logs, "fleet-1")
        self._balancer = Balancer(settings.run)
        self._slots: dict[tuple[str, int], Supervised] = {}
        self._ports: dict[tuple[str, int], ServicePorts] = {}
        self._shared: dict[str, str] = {}
        self._own: dict[str, dict[str, str]] = {}
        self._failing: set[str] = set()
        self.bounds = dict(settings.replicas)
        self.wanted = {role: r.minimum for role, r in settings.replicas.items()}
        self._one_change = {role: asyncio.Lock() for role in SERVICE_ROLES}
        self._rest: asyncio.Task[None] | None = None  # what starts after the first of each role
        self._copies: set[asyncio.Task[None]] = set()
        self._metrics = FleetMetrics()
        self._watcher = Watcher(self._started, self._changed, self._ended, self._hung)

    async def start(self) -> None:
        """Start everything; returns when the first of each role is ready."""
        await self._changed()
        engines = Engines(self._settings, self._lock, self._run)
        self._shared = shared_environment(self._settings, engines.urls)
        self._own = engines.own
        for role, replicas in self.wanted.items():
            self._reserve_ports(role, replicas)
        first = [self._service(role, 1) for role in SERVICE_ROLES]
        # Together: services wait for what they need, and loading them takes longer than that.
        await self._start_all([*engines.programs, self._balancer_program(), *first])
        rest = [self._service(role, number) for role, number in self._ports if number > 1]
        self._rest = asyncio.create_task(self._grow_up([*rest, *engines.caches]))

    async def _grow_up(self, rest: Iterable[Program]) -> None:
        await self._start_all(rest)
        try:
            await Autoscaler(self, self._settings.limits, self._note_decision).run()
        except Exception as error:  # a fleet that does not scale is better than none
            print(f"Scaling has stopped: {error!r}", file=sys.stderr)
            raise

    async def stop(self) -> None:
        """Drain and end everything, those first whom others do not need."""
        if self._rest:
            self._rest.cancel()
            await asyncio.wait({self._rest})
        for roles, seconds in (
            (PUBLIC_ROLES, PUBLIC_STOP_SECONDS),
            (("users", "chats"), SERVICE_STOP_SECONDS),
            (("balancer", "valkey", "cache", "postgres"), ENGINE_STOP_SECONDS),
        ):
            stopping = [s for (role, _), s in self._slots.items() if role in roles]
            await asyncio.gather(*(supervised.stop(seconds) for supervised in stopping))
        await self._changed()
        self._metrics.close()
        self._log.close()
        os.close(self._run)

    async def obey(self, request: Request) -> Answer:
        """Do what the operator asks for; returns when it is done."""
        match request:
            case Restart():
                await self._restart()
                return Answer(True, "Every process of the services is a new one.")
            case Scale(role, replicas, most):
                bounds = Replicas(replicas, replicas if most is None else most)
                if role not in SERVICE_ROLES or not 1 <= replicas <= bounds.maximum <= MAX_REPLICAS:
                    return Answer(False, f"A service has 1 to {MAX_REPLICAS} processes.")
                self.bounds[role] = bounds
                wanted = min(max(self.wanted[role], replicas), bounds.maximum)
                await self.scale(role, wanted)
                await self._changed()
                ready = len((await self.find_metrics())[role])
                return Answer(ready == wanted, f"There are {ready} of {role}.")

    async def _restart(self) -> None:
        """One at a time, each drained first, while there is another one to ask."""
        for role in SERVICE_ROLES:
            async with self._one_change[role]:
                wanted = self.wanted[role]
                if wanted == 1:
                    await self._resize(role, 2)
                for (owner, number), supervised in list(self._slots.items()):
                    if owner == role and number <= wanted:
                        await supervised.restart(DRAIN_SECONDS)
                await self._resize(role, self.wanted[role])

    async def scale(self, role: str, replicas: int) -> None:
        """Start what is missing; drain what is too much, the youngest slot first.

        What is not ready after a minute goes on trying.
        """
        self.wanted[role] = replicas
        self._reserve_ports(role, replicas)
        async with self._one_change[role]:
            await self._resize(role, replicas)

    async def _resize(self, role: str, replicas: int) -> None:
        self._reserve_ports(role, replicas)
        slots = {number for owner, number in self._slots if owner == role}
        missing = [number for number in range(1, replicas + 1) if number not in slots]
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._start_all(self._service(role, number) for number in missing)
        for number in sorted((n for n in slots if n > replicas), reverse=True):
            await self._slots[role, number].stop(DRAIN_SECONDS)
            del self._slots[role, number]
            await self._changed()

    async def find_metrics(self) -> dict[str, list[Address]]:
        """Of the processes that are ready, by role."""
        found: dict[str, list[Address]] = {role: [] for role in SERVICE_ROLES}
        for (role, _), supervised in self._slots.items():
            if role in found and supervised.is_ready and (port := supervised.program.metrics):
                found[role].append(Address(LOOPBACK, port))
        return found

    def _reserve_ports(self, role: str, replicas: int) -> None:
        """A slot that comes again has the ports it had."""
        for number in range(1, replicas + 1):
            if (role, number) not in self._ports:
                self._ports[role, number] = reserve_ports(role, number, self._settings.run)

    async def _start_all(self, programs: Iterable[Program]) -> None:
        started = []
        for program in programs:
            supervised = Supervised(program, self._watcher)
            self._slots[program.role, program.number] = supervised
            started.append(supervised)
        await asyncio.gather(*(supervised.wait_until_ready() for supervised in started))

    def _service(self, role: str, number: int) -> Program:
        return service_program(
            role,
            number,
            self._ports[role, number],
            environment=lambda: {
                **service_environment(role, self._shared, self._own[role]),
                **self._seeds(),
            },
            logs=self._settings.logs,
            inherited=[self._lock, self._run],
        )

    def _seeds(self) -> dict[str, str]:
        """Where callers find their first replicas: every slot that is wanted now."""
        return {
            f"HUBBUB_{role.upper()}_SEEDS": ",".join(
                self._ports[role, number].health.address
                for number in range(1, self.wanted[role] + 1)
            )
            for role in ("users", "chats", "realtime")
        }

    def _balancer_program(self) -> Program:
        return self._balancer.program(
            listener=self._listener.fileno(),
            port=self._settings.port,
            key=read_or_make_secret(self._settings.keys / "balancer.key"),
            output=subprocess.PIPE,
            lock=self._lock,
        )

    def _started(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        self._write_log("started", program, pid=process.pid)
        for output in filter(None, (process.stdout, process.stderr)):
            log = open_log(self._settings.logs, program.name)
            copy = asyncio.create_task(copy_output(output, log, program.role))
            self._copies.add(copy)  # or it could vanish
            copy.add_done_callback(self._copies.discard)

    async def _changed(self) -> None:
        lines = [line for s in self._slots.values() if (line := s.describe()) is not None]
        wanted = {
            role: WantedState(replicas, *self.bounds[role])
            for role, replicas in self.wanted.items()
        }
        state = FleetState(os.getpid(), lines, wanted, self._metrics.port)
        write_state(self._settings.data, state)
        write_targets(self._settings.run, state)
        self._metrics.note_state(state)
        await self._balancer.set_servers(
            {
                _pool_server(role, number, self._ports[role, number]): _pool_mode(supervised)
                for (role, number), supervised in self._slots.items()
                if role in PUBLIC_ROLES
            }
        )

    def _ended(self, program: Program, code: int, was_ready: bool) -> None:
        self._write_log("ended", program, code=code)
        if code != 0:
            self._metrics.note_death(program.role)
        if was_ready:
            self._failing.discard(program.name)
        elif code != 0 and program.name not in self._failing:  # said once, not at every try
            self._failing.add(program.name)
            print(
                f"{program.name} ended with code {code} before it was ready; "
                f"{self._settings.logs / program.name}.log may say why.",
                file=sys.stderr,
            )

    def _note_decision(self, role: str, before: int, now: int, figures: Figures) -> None:
        why = ", ".join(f"{name} {value:.4g}" for name, value in figures._asdict().items())
        line = log_line("fleet", "scaled", of=role, before=before, now=now, why=why)
        write_line(self._log, line)
        self._metrics.note_scaling(role, before, now)

    def _hung(self, program: Program) -> None:
        self._write_log("killed because it did not answer", program)

    def _write_log(self, event: str, program: Program, **fields: str | int) -> None:
        write_line(self._log, log_line("fleet", event, process=program.name, **fields))


def _pool_server(role: str, number: int, ports: ServicePorts) -> PoolServer:
    assert ports.local is not None, "its role is public"
    # edge is checked where it serves; where a realtime node serves it takes sockets only
    check = None if role == "edge" else ports.health.number
    return PoolServer(role, f"{role}-{number}", ports.local.name, check)


def _pool_mode(supervised: Supervised) -> Mode:
    if supervised.is_ready:
        return "ready"
    return "drain" if supervised.state == "draining" else "maint"
