"""Commands that fix findings: on one machine, and beside docker-compose.yml."""

import shlex
import sys
from typing import Final

from fleet.settings import DATABASE_VARIABLES
from ops.doctor.scene import Scene

START_ANEW: Final = "make stop && make run"
WHERE_THEY_ARE_WELL: Final = "where chats and its database are well (checks 4 and 8)"
WHERE_VALKEY_IS_WELL: Final = "where Valkey is well (check 11)"
_SERVICES: Final = {
    "balancer-1": "haproxy",
    "balancer": "haproxy",
    "postgres-1": "users-database",
    "postgres-2": "chats-database",
    "valkey-1": "valkey",
}


def service_of(name: str) -> str:
    """The service in docker-compose.yml of a process or a role."""
    if name.startswith("cache-"):
        return name
    return _SERVICES.get(name, name.partition("-")[0])


def read_logs(scene: Scene, name: str) -> str:
    """`name` is a process or a role."""
    if scene.in_containers:
        return f"docker compose logs --tail 50 {service_of(name)}"
    return f"make logs OF={name}"


def start_again(scene: Scene, name: str, pid: int) -> str:
    """What helps where a process hangs; one that ended is started again by itself."""
    if scene.in_containers:
        return f"docker compose restart {service_of(name)}"
    return f"kill -9 {pid}   # it is started again at once" if pid else "make status"


def replace_services(scene: Scene, *services: str, condition: str) -> str:
    """New processes for old ones without a gap; the fleet replaces all of its services."""
    if scene.in_containers:
        return f"deploy/compose-upgrade {' '.join(services)}   # {condition}"
    return f"make restart   # {condition}"


def rebuild_search(scene: Scene) -> str:
    if scene.in_containers:
        return "docker compose exec chats python -m chats.search.rebuild"
    return "make rebuild-search"


def show_processes(scene: Scene) -> str:
    return "docker compose ps --all" if scene.in_containers else "make status"


def run_statement(scene: Scene, role: str, statement: str) -> str:
    """Lets the database of a role run it."""
    variable = DATABASE_VARIABLES[role]
    quoted = shlex.quote(statement)
    if scene.in_containers:
        psql = f"psql -U postgres -d hubbub_{role} -c {quoted}"
        return f"docker compose exec {role}-database {psql}"
    if variable in scene.settings.external:
        return f'psql "${variable}" -c {quoted}'
    return f"{sys.executable} -m fleet sql {role} {quoted}"


def start_database_again(scene: Scene, role: str) -> str:
    variable = DATABASE_VARIABLES[role]
    if scene.in_containers:
        return f"docker compose restart {role}-database"
    if variable in scene.settings.external:
        return f'psql "${variable}"'
    return start_again(scene, "postgres-1", pid_of(scene, "postgres"))


def set_password_again(scene: Scene, role: str) -> str:
    """The role gets the one of the file, or file and role get a new one."""
    variable = DATABASE_VARIABLES[role]
    if scene.in_containers:
        alter = f"ALTER ROLE hubbub_{role} PASSWORD :'p'"
        psql = f"docker compose exec -T {role}-database psql -U postgres"
        return f'echo "{alter}" | {psql} -v p="$(cat deploy/secrets/{role}-database.password)"'
    if variable in scene.settings.external:
        return f'psql "${variable}"'
    file = shlex.quote(str(scene.settings.keys / f"{role}-database.password"))
    return f"rm -f {file} && {START_ANEW}"


def start_bus_again(scene: Scene) -> str:
    if not scene.in_containers and "HUBBUB_VALKEY_URL" in scene.settings.external:
        return 'valkey-cli -u "$HUBBUB_VALKEY_URL" ping'
    return start_again(scene, "valkey-1", pid_of(scene, "valkey"))


def have_more(scene: Scene, role: str, replicas: int) -> str:
    if scene.in_containers:
        scale = f"--scale {role}={replicas}"
        return f"docker compose up --detach --wait --no-recreate {scale}"
    return f"{sys.executable} -m fleet scale {role} {replicas}"


def pid_of(scene: Scene, role: str) -> int:
    """Of the first process of a role; 0 where there is none."""
    processes = scene.state.processes if scene.state else ()
    return next((process.pid for process in processes if process.role == role), 0)
