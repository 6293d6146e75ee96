"""The fleet of one machine: what starts when, who is notified, and in which order it all ends."""

import asyncio
import logging
import os
import socket
import time
from collections import Counter as Tally
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from common.process.given_back import give_back_code, give_back_free_memory
from common.process.logs import log
from common.process.variables import SettingsError, declared_variables
from fleet.commands.owner import UsersCaller
from fleet.control import MakeOwner, Reply, Request, Restart, Scale
from fleet.data.keys import read_or_make_secret, service_key_path
from fleet.data.logs import log_path, rotate_logs, say
from fleet.data.state import FleetState, WantedState
from fleet.endings import Endings
from fleet.engines.balancer import Balancer, Mode, front_of
from fleet.engines.certificate import BadCertificate
from fleet.engines.programs import Engines
from fleet.entrance import watch_certificate
from fleet.metrics import FleetMetrics, MetricsServer, export_backup_age, export_free_bytes
from fleet.misspelled import misspelled
from fleet.processes.forked import Template, reap_adopted
from fleet.processes.lingering import Lingering
from fleet.processes.ports import LOOPBACK
from fleet.processes.probe import Address
from fleet.processes.supervised import Program, Supervised, Watcher
from fleet.records import Records
from fleet.scaling.autoscaler import Autoscaler
from fleet.scaling.resting import Resting
from fleet.scaling.scaler import Figures, Replicas
from fleet.services import PUBLIC_ROLES, Services
from fleet.settings import MAX_REPLICAS, PROJECT_FOLDER, SERVICE_ROLES, FleetSettings

# Together less than the promised 30 s of a stop; sockets and requests get the most.
STOP_ORDER = (
    (PUBLIC_ROLES, 12.0),
    (("users", "chats"), 7.0),
    (("balancer", "valkey", "cache", "postgres"), 8.0),
)
START_SECONDS = 60.0
DRAIN_SECONDS = 25.0  # for one process, while others serve
UPKEEP_SECONDS = 1.0
ROTATE_SECONDS = 5.0

T = TypeVar("T")


class Fleet:
    """All processes of one Hubbub on this machine. `lock` stays open in every child."""

    def __init__(self, settings: FleetSettings, listener: socket.socket, lock: int) -> None:
        self._settings, self._listener, self._lock = settings, listener, lock
        self._run = os.open(settings.run, os.O_PATH | os.O_DIRECTORY)
        self._balancer = Balancer(settings.run)
        self._kept = (lock, self._run)  # descriptors that are open in every service
        self._template = Template(settings.environment, PROJECT_FOLDER, self._kept)
        self._slots: dict[tuple[str, int], Supervised] = {}
        self._usual = dict(settings.replicas)
        self._resting = Resting(settings.open_roles)
        self.wanted = {role: r.minimum for role, r in settings.replicas.items()}
        self._one_change = {role: asyncio.Lock() for role in SERVICE_ROLES}
        self._records = Records(settings.data, settings.run)
        self._is_certified = True  # no bad certificate was reported
        self._is_stopping = False
        self._is_grown = False  # to the numbers wanted at a start
        self._tasks: set[asyncio.Task[Any]] = set()  # kept, otherwise they could be collected
        self._services: Services  # from the start on
        registry = CollectorRegistry()
        self._metrics = FleetMetrics(registry)
        export_free_bytes(registry, self._run)
        export_backup_age(registry, settings.data)
        self._metrics_server = MetricsServer(registry)
        self._endings = endings = Endings(settings.logs, self._metrics)
        self._lingering = Lingering(self._tell_of_change, endings.note_end)
        self._watcher = Watcher(
            endings.note_start,
            self._tell_of_change,
            endings.note_end,
            endings.note_hang,
            self._lingering.add,
        )

    async def start(self) -> None:
        """Start everything; returns when the first of each role is ready. Raises SettingsError if a
        service refuses its settings: no restart would change that."""
        _keep(self._tasks, self._keep_up())
        if self._settings.tls_certificate:
            public = Address(self._settings.host, self._settings.port)
            shown = watch_certificate(public, self._settings, self._metrics.note_certificate)
            _keep(self._tasks, shown)
        await self._tell_of_change()
        engines = Engines(self._settings, self._lock, self._run)
        self._services = Services(self._settings, engines, self._kept, self._template)
        for role, replicas in self.wanted.items():
            self._services.want(role, replicas)
        first = [self._services.program(role, 1) for role in SERVICE_ROLES]
        others = [*engines.programs, self._balancer_program()]
        starting = _keep(self._tasks, self._start_both(others, first))
        refusal = self._endings.refusal
        either: set[asyncio.Future[Any]] = {starting, refusal}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            refusal.cancel()
        if not refusal.cancelled():
            raise SettingsError(refusal.result())
        await starting
        rest = [
            self._services.program(role, number)
            for role, replicas in self.wanted.items()
            for number in range(2, replicas + 1)
        ]
        _keep(self._tasks, self._grow_up([*rest, *engines.caches]))

    async def stop(self) -> None:
        """Drain and end everything, dependents before their dependencies."""
        self._is_stopping = self._endings.is_stopping = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:  # so that nothing more is started
            await asyncio.wait(self._tasks)
        for roles, seconds in STOP_ORDER:
            stopping = [s for (role, _), s in self._slots.items() if role in roles]
            await asyncio.gather(
                self._lingering.stop(seconds),
                *(supervised.stop(seconds, everything=True) for supervised in stopping),
            )
        await self._tell_of_change()
        self._records.close()
        await self._endings.finish()
        self._template.close()
        self._metrics_server.close()
        self._balancer.close()
        os.close(self._run)

    async def handle(self, request: Request) -> Reply:
        """Carry out the operator's request; returns when it is done, or a stop has ended it."""
        if not self._is_stopping:
            doing = _keep(self._tasks, self._do(request))
            await asyncio.wait({doing})
            if not doing.cancelled():
                return doing.result()
        return Reply(False, "Not done: Hubbub is being stopped.")

    async def _do(self, request: Request) -> Reply:
        match request:
            case Restart():
                return await self._restart()
            case MakeOwner(username):
                return await self._users().make_owner(username)
            case Scale(role, replicas, most):
                bounds = Replicas(replicas, replicas if most is None else most)
                if role not in SERVICE_ROLES or not 1 <= replicas <= bounds.maximum <= MAX_REPLICAS:
                    return Reply(False, f"A service has 1 to {MAX_REPLICAS} processes.")
                self._usual[role] = bounds
                self._resting.roles.discard(role)  # now the operator has set it
                wanted = min(max(self.wanted[role], replicas), bounds.maximum)
                await self.scale(role, wanted)
                await self._tell_of_change()
                ready = len((await self.find_metrics())[role])
                return Reply(ready == wanted, f"There are {ready} of {role}.")

    async def owner_link(self) -> str | None:
        """The link with which the first owner signs up; None once there is an owner."""
        code = await self._users().make_owner_code()
        return f"{self._settings.public_url}/#owner={code}" if code else None

    def _users(self) -> UsersCaller:
        key = read_or_make_secret(service_key_path(self._settings.keys, "fleet"))
        return UsersCaller(self._services.address("users", 1), key)

    @property
    def bounds(self) -> dict[str, Replicas]:
        """The bounds of the number of processes of each role now."""
        return self._resting.bounds(self._usual)

    async def scale(self, role: str, replicas: int) -> None:
        """Start missing processes; drain excess ones, the youngest slot first.

        Processes that are not ready after a minute keep trying.
        """
        self.wanted[role] = replicas
        async with self._one_change[role]:
            await self._resize(role, replicas)

    async def find_metrics(self) -> dict[str, list[Address]]:
        """Those of the ready processes, by role."""
        found: dict[str, list[Address]] = {role: [] for role in SERVICE_ROLES}
        for (role, _), supervised in self._slots.items():
            if role in found and supervised.is_ready and (port := supervised.program.metrics):
                found[role].append(Address(LOOPBACK, port))
        return found

    async def _restart(self) -> Reply:
        """One at a time, each drained first. A spare of each role starts before any of its
        processes ends: if it is not ready in time, nothing was touched."""
        await self._template.load()  # with the current code
        # Services before their callers: new ones understand the calls of old ones.
        for role in reversed(SERVICE_ROLES):
            async with self._one_change[role]:
                wanted = self.wanted[role]
                try:
                    await self._replace_all(role, wanted)
                except TimeoutError as error:
                    return Reply(
                        False,
                        f"The new {error} is not ready after {START_SECONDS:.0f} s. The others "
                        f"were left as they are. {log_path(self._settings.logs, str(error))} may "
                        "say why.",
                    )
                finally:
                    if not self._is_stopping:  # which drains all of them together
                        await self._resize(role, self.wanted[role])
        return Reply(True, "Every process of the services is a new one.")

    async def _replace_all(self, role: str, wanted: int) -> None:
        """Raises TimeoutError with the name of a process that was not ready in time."""
        stand_in = wanted + 1
        await self._resize(role, stand_in)
        if not self._slots[role, stand_in].is_ready:
            raise TimeoutError(f"{role}-{stand_in}")
        for (owner, number), supervised in list(self._slots.items()):
            if owner == role and number <= wanted:
                try:
                    await supervised.restart(DRAIN_SECONDS, START_SECONDS)
                except TimeoutError as error:
                    raise TimeoutError(supervised.program.name) from error

    async def _resize(self, role: str, replicas: int) -> None:
        self._services.want(role, replicas)
        slots = {number for owner, number in self._slots if owner == role}
        missing = [number for number in range(1, replicas + 1) if number not in slots]
        started = self._start_all(self._services.program(role, number) for number in missing)
        with suppress(TimeoutError):
            await asyncio.wait_for(started, START_SECONDS)
        for number in sorted((n for n in slots if n > replicas), reverse=True):
            await self._slots[role, number].stop(DRAIN_SECONDS)
            del self._slots[role, number]
            await self._tell_of_change()

    async def _start_all(self, programs: Iterable[Program]) -> None:
        started = []
        for program in programs:
            supervised = Supervised(program, self._watcher)
            self._slots[program.role, program.number] = supervised
            started.append(supervised)
        await asyncio.gather(*(supervised.wait_until_ready() for supervised in started))

    async def _start_both(self, others: Iterable[Program], services: Iterable[Program]) -> None:
        """In parallel: services wait for their dependencies, and loading them takes longer than
        that."""
        await asyncio.gather(self._start_all(others), self._load_and_start(services))

    async def _load_and_start(self, services: Iterable[Program]) -> None:
        await self._template.load()
        if read := self._template.variables:  # else it was not loaded
            own = {variable.name for variable in declared_variables(FleetSettings)}
            for sentence in misspelled(self._settings.environment, own | read):
                say(sentence)
        await self._start_all(services)

    def _balancer_program(self) -> Program:
        return self._balancer.program(
            listener=self._listener.fileno(),
            port=self._settings.port,
            key=read_or_make_secret(self._settings.keys / "balancer.key"),
            lock=self._lock,
            front=front_of(self._settings),
        )

    async def _grow_up(self, rest: Iterable[Program]) -> None:
        await self._start_all(rest)
        self._is_grown = True
        while True:
            try:
                await Autoscaler(self, self._settings.limits, self._note_decision).run()
            except Exception:
                log("scaling failed", level=logging.ERROR, exception=True)
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _keep_up(self) -> None:
        """Periodic work, which continues after failures."""
        rotated = 0.0
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                if time.monotonic() - rotated > ROTATE_SECONDS:
                    rotated = time.monotonic()
                    rotate_logs(self._settings.logs, self._settings.log_bytes)
                if not self._records.are_current:
                    await self._tell_of_change()
                await self._tell_balancer()
                await self._renew_certificate()
                self._rest_or_rise()
                lingering = [line.pid for line in self._lingering.describe()]
                slots = [s.pid for s in self._slots.values() if s.pid is not None]
                reap_adopted([*slots, *lingering])
                if self._template.is_to_be_loaded():
                    _keep(self._tasks, self._template.load())
            except Exception:
                log("upkeep failed", level=logging.ERROR, exception=True)

    def _rest_or_rise(self) -> None:
        """One process of each role is enough while the system is not in use."""
        if not self._is_grown:
            return
        services = [s for (role, _), s in self._slots.items() if role in SERVICE_ROLES]
        are_at_rest = self._services.are_at_rest(s.program.name for s in services if s.is_ready)
        if self._resting.judge(are_at_rest, time.monotonic()):
            _keep(self._tasks, self._follow_rest(self._resting.has_begun))

    async def _follow_rest(self, has_begun: bool) -> None:
        log("rests" if has_begun else "rises")
        if has_begun:
            give_back_code()
            give_back_free_memory()
        bounds = self.bounds
        await asyncio.gather(*(self.scale(r, bounds[r].minimum) for r in self._resting.roles))

    async def _renew_certificate(self) -> None:
        """Keeps serving the old certificate while the new one is invalid: it may be half
        written."""
        try:
            await self._balancer.renew_certificate()
            self._is_certified = True
        except (BadCertificate, OSError) as error:
            if self._is_certified:
                say(f"The new certificate is not served: {error}")
                log("certificate not renewed", level=logging.ERROR, error=str(error))
            self._is_certified = False

    async def _tell_of_change(self) -> None:
        """Updates what depends on the processes: metrics, files, the balancer."""
        state = self._describe()
        engines = Tally(role for role, _ in self._slots if role not in SERVICE_ROLES)
        self._metrics.note_state(state, engines)
        self._records.write(state)
        await self._tell_balancer()

    def _describe(self) -> FleetState:
        return FleetState(
            parent=os.getpid(),
            processes=[
                *(line for s in self._slots.values() if (line := s.describe()) is not None),
                *self._lingering.describe(),
            ],
            wanted={role: WantedState(n, *self.bounds[role]) for role, n in self.wanted.items()},
            metrics=self._metrics_server.port,
            deaths=self._endings.deaths(),
        )

    async def _tell_balancer(self) -> None:
        slots = {slot: s for slot, s in self._slots.items() if slot[0] in PUBLIC_ROLES}
        served = {role for (role, _), supervised in slots.items() if supervised.is_ready}
        modes = {slot: _pool_mode(s, is_only=slot[0] not in served) for slot, s in slots.items()}
        for line in self._lingering.describe():  # a server that is deleted loses its sessions
            modes.setdefault((line.role, line.number), "drain")
        await self._balancer.set_servers(
            {self._services.pool_server(*slot): mode for slot, mode in modes.items()}
        )

    def _note_decision(self, role: str, before: int, now: int, figures: Figures) -> None:
        why = ", ".join(f"{name} {value:.4g}" for name, value in figures._asdict().items())
        log("scaled", of=role, before=before, now=now, why=why)
        self._metrics.note_scaling(role, before, now)


def _pool_mode(supervised: Supervised, *, is_only: bool) -> Mode:
    """`is_only`: no other process of its role serves."""
    if supervised.is_ready:
        return "ready"
    if is_only and supervised.is_coming_back:
        return "awaited"
    return "drain" if supervised.state == "draining" else "maint"


def _keep(tasks: set[asyncio.Task[Any]], work: Coroutine[None, None, T]) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
