"""Collects all facts for the doctor, once and in parallel."""

import asyncio
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from itertools import compress
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from common.calls.callers import CALLED, CALLERS
from common.process.symptoms import (
    CACHE_NODES_OUT,
    CANARY_SILENT_SECONDS,
    CERTIFICATE_EXPIRES,
    CREDENTIAL_REFUSED,
    OPEN_CIRCUIT,
    POLLING,
    SEARCH_BEHIND_CHATS,
    SEARCH_BEHIND_SECONDS,
    SEARCH_LACKS_WORDS,
    STORE_FAILING,
)
from common.process.variables import DATABASE_PASSWORD_FILE
from fleet.control import NotAnswering, NotRunning, ping_fleet
from fleet.data.lock import is_held_by_command, lock_holder
from fleet.data.state import (
    FleetState,
    ProcessState,
    is_paused,
    is_unit,
    read_running,
    read_state,
    started_with,
)
from fleet.engines.binaries import MissingEngine, haproxy_program, postgres_program, valkey_program
from fleet.engines.databases import password_path
from fleet.engines.postgres import Database
from fleet.engines.valkey_users import DOCTOR, valkey_password_path
from fleet.entrance import Entrance, ask_entrance
from fleet.processes.children import descendants
from fleet.processes.ports import LOOPBACK, is_taken
from fleet.processes.probe import Address, http_body, http_status, metrics_path
from fleet.settings import (
    ASKED_VARIABLES,
    DATABASE_VARIABLES,
    PROJECT_FOLDER,
    SERVICE_ROLES,
    FleetSettings,
    read_networks,
)
from ops.doctor.complaints import find_complaints
from ops.doctor.queries import ask_bus, ask_database, count_unopened_keys, is_refused
from ops.doctor.scene import BusFacts, DatabaseFacts, ProcessFacts, Scene
from ops.passwords import external_url, read_secret

_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==([^ \\]+)", re.MULTILINE)
_MOST_FILES: Final = re.compile(r"^Max open files +\d+ +(\d+)", re.MULTILINE)
LOCK: Final = PROJECT_FOLDER / "deploy" / "locks" / "run.txt"
NO_PROCESS: Final = "there is no process of it"
PROCESS_TIMEOUT_SECONDS: Final = 2.0
PROGRAM_TIMEOUT_SECONDS: Final = 10
STATE_TIMEOUT_SECONDS: Final = 3.0
METRICS_PATH: Final = metrics_path(
    (
        CANARY_SILENT_SECONDS, CACHE_NODES_OUT, CERTIFICATE_EXPIRES, CREDENTIAL_REFUSED,
        OPEN_CIRCUIT, POLLING, SEARCH_BEHIND_CHATS, SEARCH_BEHIND_SECONDS, SEARCH_LACKS_WORDS,
        STORE_FAILING, "process_open_fds", "process_max_fds",
    )
)  # fmt: skip
_PROGRAMS: Final[Mapping[str, tuple[Callable[[], Path], str]]] = {
    "postgres": (lambda: postgres_program("postgres"), "--version"),
    "valkey": (valkey_program, "--version"),
    "haproxy": (haproxy_program, "-v"),
}


async def collect_facts(settings: FleetSettings) -> Scene:
    """Takes a few seconds if something hangs."""
    state, holder = await _find_fleet(settings.data)
    theirs = started_with(state.parent) if state else None
    if theirs is not None:
        settings = as_started(settings, theirs)
    disk = os.statvfs(_existing(settings.data))
    scene = Scene(
        settings=settings,
        now=time.time(),
        state=state,
        port_is_taken=is_taken(settings.host, settings.port),
        system_ready=None,
        programs={},
        packages={},
        max_descriptors=_descriptor_limit(state.parent if state else os.getpid()),
        free_bytes=disk.f_bavail * disk.f_frsize,
        free_files=disk.f_favail if disk.f_files else -1,  # some file systems have no inode table
        open_secrets=_list_open_secrets(settings.keys),
        missing_secrets=tuple(
            path for path in list_secrets(settings) if state and not path.exists()
        ),
        holder=holder,
        is_command=holder is not None and is_held_by_command(settings.data),
        paused=list_paused(state),
        differing=() if theirs is None else settings.differing(theirs, ASKED_VARIABLES),
        was_killed=state is None and _left_processes(settings.data),
        is_unit=state is not None and is_unit(state.parent),
        complaints=find_complaints(settings.logs, time.time()),
    )
    scene, programs, packages = await asyncio.gather(
        _add_fleet(scene), _list_programs(), asyncio.to_thread(_compare_packages)
    )
    return scene._replace(programs=programs, packages=packages)


def as_started(settings: FleetSettings, theirs: Mapping[str, str]) -> FleetSettings:
    """With the public port of a Hubbub that was started with these variables, whatever is set
    here."""
    settings = msgspec.structs.replace(
        settings,
        bind=theirs.get("HUBBUB_BIND") or LOOPBACK,
        trusted_proxies=read_networks(theirs.get("HUBBUB_TRUSTED_PROXIES", "")),
        proxy_protocol=theirs.get("HUBBUB_PROXY_PROTOCOL") == "on",
    )
    public_url = theirs.get("HUBBUB_PUBLIC_URL") or settings.address
    return msgspec.structs.replace(settings, public_url=public_url)


def list_secrets(settings: FleetSettings) -> list[Path]:
    """The secrets that the fleet creates, and needs at its next start."""
    names = ["balancer.key", "link.key", settings.signing_secret.name]
    names += [f"{name}.key" for name in CALLERS] + [f"{name}.callers" for name in CALLED]
    found = [settings.keys / name for name in names]
    found += [
        password_path(settings.keys, role)
        for role, variable in DATABASE_VARIABLES.items()
        if variable not in settings.external
    ]
    if "HUBBUB_VALKEY_URL" not in settings.external:
        found += [valkey_password_path(settings.keys, "valkey", role) for role in SERVICE_ROLES]
    if "HUBBUB_CACHE_URLS" not in settings.external:
        found.append(valkey_password_path(settings.keys, "cache", "edge"))
    return found


async def _find_fleet(data: Path) -> tuple[FleetState | None, int | None]:
    """What runs, and which process holds the folder. A missing fleet.json is written again within a
    second, if possible."""
    deadline = time.monotonic() + STATE_TIMEOUT_SECONDS
    while (state := read_running(data)) is None:
        holder = lock_holder(data)
        if holder is None or time.monotonic() > deadline or is_paused(holder):
            return None, holder
        await asyncio.sleep(0.1)
    return state, state.parent


def _left_processes(data: Path) -> bool:
    """Whether fleet.json still lists processes, which it does not after an orderly stop."""
    left = read_state(data)
    return left is not None and bool(left.processes)


def list_paused(state: FleetState | None) -> dict[str, tuple[int, ...]]:
    if state is None:
        return {}
    processes = {"fleet-1": [state.parent]}
    for p in state.processes:  # one that drains may have the name of its successor
        processes.setdefault(p.name, []).extend([p.pid, *descendants(p.pid)])
    paused = {name: tuple(filter(is_paused, pids)) for name, pids in processes.items()}
    return {name: pids for name, pids in paused.items() if pids}


async def _ask_entrance(scene: Scene) -> Entrance:
    if "balancer-1" in scene.paused:  # asking it would only take time
        return Entrance()
    settings = scene.settings
    tls = settings.tls_certificate is not None
    return await ask_entrance(Address(settings.host, settings.port), settings, tls=tls)


async def _ask_parent(scene: Scene) -> tuple[bool, bool]:
    """Whether it answers, and whether it is still starting, or ending."""
    if "fleet-1" in scene.paused:
        return False, False
    try:
        await ping_fleet(scene.settings.run)
    except NotAnswering:
        return False, False
    except NotRunning:
        return True, True
    return True, False


async def _add_fleet(scene: Scene) -> Scene:
    """The facts that running processes report, if there are any."""
    settings, state = scene.settings, scene.state
    if state is None:
        return scene
    urls = database_urls(settings, state)
    entrance, processes, databases, bus, (parent_answers, is_starting) = await asyncio.gather(
        _ask_entrance(scene),
        collect_processes(state),
        asyncio.gather(
            *(_collect_database(role, url, settings, state) for role, url in urls.items())
        ),
        collect_bus(settings, state),
        _ask_parent(scene),
    )
    return scene._replace(
        system_ready=entrance.status,
        certificate=entrance.certificate,
        processes=processes,
        databases=dict(zip(urls, databases, strict=True)),
        bus=bus,
        parent_answers=parent_answers,
        is_starting=is_starting,
    )


async def collect_processes(state: FleetState) -> tuple[ProcessFacts, ...]:
    """Processes that serve, and those that report why they do not."""
    serving = [p for p in state.processes if p.state == "ready" and _has_figures(p)]
    others = [
        p for p in state.processes if p.role in SERVICE_ROLES and p not in serving and p.started
    ]
    found, more = await asyncio.gather(
        asyncio.gather(*map(collect_process, serving)),
        asyncio.gather(*map(collect_process, others)),
    )
    return (*found, *filter(_says_why, more))


def _says_why(facts: ProcessFacts) -> bool:
    return bool(facts.store_fails or facts.samples.get(CREDENTIAL_REFUSED))


def _has_figures(process: ProcessState) -> bool:
    return process.role in (*SERVICE_ROLES, "balancer")


async def collect_process(process: ProcessState) -> ProcessFacts:
    address = Address(process.host, process.metrics or process.port)
    ready, samples = await asyncio.gather(
        http_status(address, "/health/ready", timeout=PROCESS_TIMEOUT_SECONDS),
        _read_samples(process.role, address),
    )
    figures: dict[str, float] = {}
    for sample in samples:
        figures[sample.name] = figures.get(sample.name, 0.0) + sample.value
    return ProcessFacts(
        name=process.name,
        role=process.role,
        # HAProxy has no such path: any answer will do.
        ready=200 if process.role == "balancer" and ready is not None else ready,
        samples=figures,
        descriptors=_count_descriptors(process.pid, figures),
        max_descriptors=_descriptor_limit(process.pid, figures),
        polls=_read_set(samples, POLLING, "reason"),
        store_fails=_read_set(samples, STORE_FAILING, "why"),
        pid=process.pid,
    )


async def _read_samples(role: str, address: Address) -> list[Sample]:
    """The metrics that checks use; HAProxy has none of them."""
    if role == "balancer":
        return []
    body = await http_body(address, METRICS_PATH, timeout=PROCESS_TIMEOUT_SECONDS)
    families = text_string_to_metric_families((body or b"").decode())
    return [sample for family in families for sample in family.samples]


def _read_set(samples: Iterable[Sample], metric: str, label: str) -> tuple[str, ...]:
    """The label values for which a metric is not 0."""
    return tuple(s.labels[label] for s in samples if s.name == metric and s.value)


def database_urls(settings: FleetSettings, state: FleetState) -> dict[str, str]:
    """By role: the operator's own, or those of the server that the fleet runs."""
    port = next((p.port for p in state.processes if p.role == "postgres"), 0)
    urls = {}
    for role, variable in DATABASE_VARIABLES.items():
        if variable in settings.external:
            urls[role] = external_url(settings, variable, DATABASE_PASSWORD_FILE.name)
        else:
            password = read_secret(password_path(settings.keys, role))
            urls[role] = Database(f"hubbub_{role}", password).url(port)
    return urls


async def _collect_database(
    role: str, url: str, settings: FleetSettings, state: FleetState
) -> DatabaseFacts:
    is_external = DATABASE_VARIABLES[role] in settings.external
    if not is_external and not any(process.role == "postgres" for process in state.processes):
        return DatabaseFacts(error=NO_PROCESS)
    facts = await ask_database(role, url)
    if role == "users" and not facts.error and settings.signing_secret.exists():
        secret = settings.signing_secret.read_text().strip()
        unopened = await count_unopened_keys(url, secret)
        return msgspec.structs.replace(facts, unopened_keys=unopened)
    return facts


async def collect_bus(settings: FleetSettings, state: FleetState) -> BusFacts:
    """Of the operator's own Valkey, or that of the fleet."""
    if "HUBBUB_VALKEY_URL" in settings.external:
        url = external_url(settings, "HUBBUB_VALKEY_URL", "HUBBUB_VALKEY_PASSWORD_FILE")
        return await ask_bus(url)
    port = next((p.port for p in state.processes if p.role == "valkey"), None)
    if port is None:
        return BusFacts(error=NO_PROCESS)
    urls = {}
    for role in (DOCTOR, *SERVICE_ROLES):
        password = read_secret(valkey_password_path(settings.keys, "valkey", role))
        urls[role] = f"redis://{role}:{password}@{LOOPBACK}:{port}"
    facts = await ask_bus(urls.pop(DOCTOR))
    if facts.error:
        return facts
    refused = await asyncio.gather(*(is_refused(url) for url in urls.values()))
    return facts._replace(refused=tuple(compress(urls, refused)))


async def _list_programs() -> dict[str, str]:
    said = await asyncio.gather(*(asyncio.to_thread(_ask_program, name) for name in _PROGRAMS))
    return {"python": platform.python_version(), **dict(zip(_PROGRAMS, said, strict=True))}


def _ask_program(name: str) -> str:
    find, option = _PROGRAMS[name]
    try:
        return subprocess.run(  # noqa: S603 - the fleet's own programs, no shell
            [find(), option], capture_output=True, text=True, check=False,
            timeout=PROGRAM_TIMEOUT_SECONDS,
        ).stdout.strip()  # fmt: skip
    except (MissingEngine, OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def _compare_packages() -> dict[str, tuple[str, str]]:
    differing = {}
    for name, locked in _PINNED.findall(LOCK.read_text()):
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = ""
        if installed != locked:
            differing[name] = (locked, installed)
    return differing


def _count_descriptors(pid: int, samples: Mapping[str, float]) -> int:
    """As reported by the process itself if it cannot be inspected."""
    if not pid:
        return int(samples.get("process_open_fds", 0))
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:  # it has ended, or belongs to another user
        return 0


def _descriptor_limit(pid: int, samples: Mapping[str, float] = {}) -> int:
    if not pid:
        return int(samples.get("process_max_fds", 0))
    try:  # readable by everybody, unlike prlimit(2)
        found = _MOST_FILES.search(Path(f"/proc/{pid}/limits").read_text())
    except OSError:  # it has ended
        return 0
    return int(found[1]) if found else 0


def _list_open_secrets(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    return tuple(
        path for path in (folder, *sorted(folder.rglob("*"))) if path.stat().st_mode & 0o077
    )


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)
