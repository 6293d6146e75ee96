"""Commands that fix findings: on one machine, beside docker-compose.yml, and in Kubernetes."""

import shlex
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from fleet.data.state import ProcessState
from fleet.engines.databases import password_path
from fleet.settings import DATABASE_VARIABLES
from ops.doctor.scene import Scene

WHERE_THEY_ARE_WELL: Final = "where chats and its database are well (checks 4 and 8)"
WHERE_VALKEY_IS_WELL: Final = "where Valkey is well (check 11)"
NAME_LABEL: Final = "app.kubernetes.io/name"
_SECRETS: Final = "deploy/secrets"  # of docker-compose.yml
_SERVICES: Final = {
    "balancer-1": "haproxy",
    "balancer": "haproxy",
    "postgres-1": "users-database",
    "postgres-2": "chats-database",
    "valkey-1": "valkey",
}
_CALLED_BY: Final = {
    "edge": ("users", "chats"),
    "realtime": ("users", "chats"),
    "files": ("users", "chats", "realtime"),
    "users": ("chats",),
    "chats": ("users",),
}
"""The services that each role calls; they read the hash of its credential only at their start."""


def quoted(path: str | Path) -> str:
    """Quoted as one word of a command."""
    return shlex.quote(str(path))


def kubectl(scene: Scene, words: str) -> str:
    return f"kubectl -n {scene.namespace} {words}"


def _pods(scene: Scene, name: str) -> str:
    """One pod, or all of a role."""
    if scene.state and any(p.called == name for p in scene.state.processes):
        return name
    return f"-l {NAME_LABEL}={service_of(name)} --prefix"


def service_of(name: str) -> str:
    """The service in docker-compose.yml of a process or a role."""
    if name.startswith("cache-"):
        return name
    return _SERVICES.get(name, name.partition("-")[0])


def read_logs(scene: Scene, name: str) -> str:
    """`name` is a process or a role."""
    if scene.namespace:
        return kubectl(scene, f"logs {_pods(scene, name)} --tail 50")
    if scene.in_containers:
        return f"docker compose logs --tail 50 {service_of(name)}"
    return f"make logs OF={name}"


def stop(scene: Scene) -> str:
    """Stops the fleet."""
    return "sudo systemctl stop hubbub" if scene.is_unit else "make stop"


def start_anew(scene: Scene) -> str:
    """Stops the fleet and starts it: `make stop` refuses to end a unit."""
    return "sudo systemctl restart hubbub" if scene.is_unit else "make stop && make run"


def start_again(scene: Scene, name: str, pid: int) -> str:
    """The remedy for a hanging process; one that ended is restarted automatically."""
    if scene.namespace:
        return kubectl(scene, f"delete pod {name}")
    if scene.in_containers:
        return f"docker compose restart {service_of(name)}"
    return f"kill -9 {pid}   # it is started again at once" if pid else "make status"


def replace_services(scene: Scene, *services: str, condition: str) -> str:
    """Replaces processes without downtime; the fleet replaces all of its services."""
    if scene.namespace:
        deployments = " ".join(f"deployment/{service}" for service in services)
        return kubectl(scene, f"rollout restart {deployments}   # {condition}")
    if scene.in_containers:
        return f"deploy/compose-upgrade {' '.join(services)}   # {condition}"
    return f"make restart   # {condition}"


def rebuild_search(scene: Scene) -> str:
    if scene.namespace:
        python = "/opt/hubbub/bin/python"
        return kubectl(scene, f"exec deployment/chats -- {python} -m chats.search.rebuild")
    if scene.in_containers:
        return "docker compose exec chats /opt/hubbub/bin/python -m chats.search.rebuild"
    return "make rebuild-search"


def renew_public_certificate(scene: Scene) -> str:
    if scene.in_containers:
        logs = read_logs(scene, "balancer")
        return f"{logs}   # or put your own into deploy/certificates: docs/operations.md#tls"
    chain = scene.settings.tls_certificate or "chain.pem"
    return f"cp RENEWED.pem {quoted(chain)}   # it is served within seconds"


def show_processes(scene: Scene) -> str:
    if scene.namespace:
        return kubectl(scene, "get pods -o wide")
    return "docker compose ps --all" if scene.in_containers else "make status"


def run_statement(scene: Scene, role: str, statement: str) -> str:
    """Runs SQL in the database of a role."""
    variable = DATABASE_VARIABLES[role]
    words = quoted(statement)
    if scene.namespace:
        labels = f"cnpg.io/cluster={role}-database,cnpg.io/instanceRole=primary"
        primary = f"$({kubectl(scene, f'get pod -l {labels} -o name')})"
        return kubectl(scene, f"exec -c postgres {primary} -- psql hubbub_{role} -c {words}")
    if scene.in_containers:
        psql = f"psql -U postgres -d hubbub_{role} -c {words}"
        return f"docker compose exec {role}-database {psql}"
    if variable in scene.settings.external:
        return f'psql "${variable}" -c {words}'
    return f"{quoted(sys.executable)} -m fleet sql {role} {words}"


def commit_to_disk(scene: Scene, role: str) -> str:
    """An embedded server has it on: it is off only for a role."""
    if _is_embedded(scene, role):
        alter = run_statement(scene, role, f"ALTER ROLE hubbub_{role} RESET synchronous_commit")
        return f"{alter} && make restart"
    alter = run_statement(scene, role, "ALTER SYSTEM SET synchronous_commit = on")
    return f"{alter}   # as a superuser, and SELECT pg_reload_conf()"


def start_database_again(scene: Scene, role: str) -> str:
    variable = DATABASE_VARIABLES[role]
    if scene.namespace:
        return kubectl(scene, f"describe cluster {role}-database")
    if scene.in_containers:
        return f"docker compose restart {role}-database"
    if variable in scene.settings.external:
        return f'psql "${variable}"'
    return _end_or_read_logs(scene, "postgres")


def wait_for_database(scene: Scene, role: str) -> str:
    if scene.namespace:
        return kubectl(scene, f"get pods -l cnpg.io/cluster={role}-database --watch")
    if scene.in_containers or _is_embedded(scene, role):
        return f"{_read_database_logs(scene, role)}   # wait, then ask the doctor again"
    return f'until psql "${DATABASE_VARIABLES[role]}" -c "SELECT 1"; do sleep 1; done'


def list_connections(scene: Scene, role: str) -> str:
    """Lists the holders, if the role can no longer log in."""
    if _is_embedded(scene, role):
        return f"ss -tnp 'dport = :{_engine(scene, 'postgres').port}'   # end what is not Hubbub's"
    query = "SELECT usename, client_addr, count(*) FROM pg_stat_activity GROUP BY 1, 2"
    return run_statement(scene, role, query)


def set_password_again(scene: Scene, role: str) -> str:
    """The role gets the password in the file, or both get a new one."""
    variable = DATABASE_VARIABLES[role]
    if scene.namespace:
        restart = kubectl(scene, f"rollout restart deployment/{role}")
        return f"deploy/kubernetes/make-secrets | kubectl apply -f - && {restart}"
    if scene.in_containers:
        # The password is no argument of a program: every user of the machine can see those.
        alter = f"ALTER ROLE hubbub_{role} PASSWORD '$(cat {_SECRETS}/{role}-database.password)'"
        return f'echo "{alter}" | docker compose exec -T {role}-database psql -U postgres'
    if variable in scene.settings.external:
        return f'psql "${variable}"'
    file = quoted(password_path(scene.settings.keys, role))
    return f"rm -f {file} && {start_anew(scene)}"


def let_role_in(scene: Scene, role: str) -> str:
    """Works despite connection limits and revoked rights."""
    if _is_embedded(scene, role):
        return set_password_again(scene, role)  # no other role can log in there
    user, _ = _names(scene, role)
    return _run_as_superuser(scene, role, f"ALTER ROLE {user} LOGIN CONNECTION LIMIT -1")


def let_write(scene: Scene, role: str) -> str:
    """The session that changes it would be read-only too."""
    _, database = _names(scene, role)
    statement = (
        "SET transaction_read_only = off; "
        f"ALTER DATABASE {database} RESET default_transaction_read_only"
    )
    return _run_as_superuser(scene, role, statement)


def end_session(scene: Scene, role: str, pid: int, owner: str) -> str:
    """A role may end its own sessions, a superuser all."""
    user, _ = _names(scene, role)
    statement = f"SELECT pg_terminate_backend({pid})"
    if owner == user:
        return run_statement(scene, role, statement)
    return _run_as_superuser(scene, role, statement)


def ask_why(scene: Scene, role: str) -> str:
    """For a server that answers but refuses."""
    if scene.namespace or not (scene.in_containers or _is_embedded(scene, role)):
        return start_database_again(scene, role)
    return _read_database_logs(scene, role)


def _read_database_logs(scene: Scene, role: str) -> str:
    """Each role has a server of its own in containers, and both have one on one machine."""
    is_second = scene.in_containers and role == "chats"
    return read_logs(scene, "postgres-2" if is_second else "postgres-1")


def _is_embedded(scene: Scene, role: str) -> bool:
    """Whether the fleet runs the role's database."""
    return not scene.in_containers and DATABASE_VARIABLES[role] not in scene.settings.external


def _names(scene: Scene, role: str) -> tuple[str, str]:
    """The name of the user and the database of a role."""
    url = urlsplit(scene.settings.external.get(DATABASE_VARIABLES[role], ""))
    name = f"hubbub_{role}"
    return unquote(url.username or name), unquote(url.path.strip("/") or name)


def _run_as_superuser(scene: Scene, role: str, statement: str) -> str:
    """In containers the connecting user is one; on one machine the role itself, as there is no
    other."""
    if scene.in_containers or _is_embedded(scene, role):
        return run_statement(scene, role, statement)
    _, database = _names(scene, role)
    return f"psql -d {database} -c {quoted(statement)}   # there, as a superuser"


def secret_of(scene: Scene, role: str) -> str:
    """The file with the secret that a service sends in its calls."""
    folder = _SECRETS if scene.in_containers else scene.settings.keys
    return f"{folder}/{role}.key"


def know_callers_again(scene: Scene, role: str) -> str:
    """Makes a service's secret match the hash that others have."""
    roles = (role, *_CALLED_BY[role])
    if scene.namespace:
        deployments = " ".join(f"deployment/{name}" for name in roles)
        secrets = "deploy/kubernetes/make-secrets | kubectl apply -f -"
        return f"{secrets} && {kubectl(scene, f'rollout restart {deployments}')}"
    if scene.in_containers:
        start = "docker compose up --detach --wait --force-recreate --no-deps"
        return f"deploy/make-secrets && {start} {' '.join(roles)}"
    return start_anew(scene)


def start_bus_again(scene: Scene) -> str:
    if scene.namespace:
        return kubectl(
            scene, f"get pods -l {NAME_LABEL}=valkey   # and delete what does not answer"
        )
    if not scene.in_containers and "HUBBUB_VALKEY_URL" in scene.settings.external:
        return 'valkey-cli -u "$HUBBUB_VALKEY_URL" ping'
    return _end_or_read_logs(scene, "valkey")


def _end_or_read_logs(scene: Scene, role: str) -> str:
    """A missing process keeps being restarted, and its log says why it ends."""
    pid = _engine(scene, role).pid
    return start_again(scene, f"{role}-1", pid) if pid else read_logs(scene, f"{role}-1")


def have_more(scene: Scene, role: str, replicas: int) -> str:
    if scene.namespace:
        scale = f"scale deployment/{role} --replicas {replicas}"
        return kubectl(scene, f"{scale}   # or raise the least of its autoscaler")
    if scene.in_containers:
        scale = f"--scale {role}={replicas}"
        return f"docker compose up --detach --wait --no-recreate {scale}"
    return f"{quoted(sys.executable)} -m fleet scale {role} {replicas}"


def _engine(scene: Scene, role: str) -> ProcessState:
    """The first process of a role; one with zeros if there is none."""
    processes = scene.state.processes if scene.state else ()
    none = ProcessState(role, 1, 0, 0, None, 0.0, "starting")
    return next((process for process in processes if process.role == role), none)
