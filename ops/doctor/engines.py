"""Checks of PostgreSQL and Valkey: whether they serve, and whether they are configured
correctly."""

from collections.abc import Iterator, Sequence
from typing import Final

from common.database.migrations import OLDEST_POSTGRES
from fleet.settings import DATABASE_VARIABLES
from ops.doctor.check import Finding
from ops.doctor.remedies import (
    WHERE_THEY_ARE_WELL,
    ask_why,
    commit_to_disk,
    end_session,
    let_role_in,
    let_write,
    list_connections,
    quoted,
    replace_services,
    run_statement,
    set_password_again,
    start_anew,
    start_bus_again,
    start_database_again,
    wait_for_database,
)
from ops.doctor.scene import Scene

ROLE_REFUSED: Final = "password authentication failed"
UNPROVEN: Final = "no password supplied"
NO_CONNECTION_LEFT: Final = ("too many clients", "connection slots are reserved")
IS_STARTING: Final = ("is starting up", "in recovery mode", "not yet accepting", "not accepting")
ROLE_LIMITED: Final = ("too many connections for role", "is not permitted to log in")
READ_ONLY: Final = "session is read-only"
REFUSED: Final = "FATAL:"  # a server that is down sends nothing
LEAST_PREPARED: Final = 20
MOST_STRANGE_SECONDS: Final = 5.0
LEAST_HARD_LIMIT: Final = 32 * 2**20


def judge_databases(scene: Scene) -> Iterator[Finding]:
    yield from _explain_errors(scene)
    for role, database in scene.databases.items():
        for pid, owner, age in database.holders:
            yield Finding(
                f"Process {pid} of PostgreSQL ({owner}) holds up others in the database of {role}"
                + (f", for {int(age)} s." if age else "."),
                "Its transaction was begun and not ended. What it has locked cannot be changed.",
                end_session(scene, role, pid, owner),
                "postgres",
            )
        if database.error:
            continue
        if database.version < OLDEST_POSTGRES:
            yield Finding(
                f"The database of {role} is on PostgreSQL {database.version // 10_000}.",
                f"{OLDEST_POSTGRES // 10_000} or newer is needed: older ones refuse migrations.",
                "pg_upgrade   # or restore a backup into a newer server",
            )
        elif database.answers_survive == "nothing":
            yield Finding(
                f"The database of {role} answers before a commit is on disk.",
                "synchronous_commit is off: a crash of PostgreSQL loses answered messages.",
                commit_to_disk(scene, role),
            )
        elif database.are_several and database.answers_survive == "process":
            yield Finding(
                f"The database of {role} has several servers, and its answers survive one alone.",
                "synchronous_standby_names is empty: what it has answered may be lost with its "
                "machine, and clients begin anew after a failover.",
                run_statement(
                    scene, role, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'"
                )
                + "   # and SELECT pg_reload_conf(); with Patroni: synchronous_mode: true",
            )


def _explain_errors(scene: Scene) -> Iterator[Finding]:
    """One finding for databases on one server with the same error."""
    roles: dict[tuple[str, str], list[str]] = {}
    for role, database in scene.databases.items():
        if database.error and not database.holders:  # the query waits for them
            is_shared = not scene.in_containers and not _is_external(scene, role)
            roles.setdefault((database.error, "" if is_shared else role), []).append(role)
    for (error, _), those in roles.items():
        yield _explain_error(scene, those, error)


def _is_external(scene: Scene, role: str) -> bool:
    return not scene.namespace and DATABASE_VARIABLES[role] in scene.settings.external


def _explain_error(scene: Scene, roles: Sequence[str], error: str) -> Finding:
    role, variable = roles[0], DATABASE_VARIABLES[roles[0]]
    is_external = _is_external(scene, role)
    databases = f"database{'s' * (len(roles) > 1)} of {' and '.join(roles)}"
    wrong = f"The {databases} cannot be asked: {error}"
    if UNPROVEN in error:
        place = variable if is_external else "The role's file"
        cause = f"PostgreSQL runs, and wants a password. {place} has none, or is gone."
        command = set_password_again(scene, role)
    elif ROLE_REFUSED in error:
        wrong = f"The {databases} does not let its role in: {error}"
        place = variable if is_external else "the role's file"
        cause = f"The password in {place} is another one than the role has."
        command = set_password_again(scene, role)
    elif any(words in error for words in IS_STARTING):
        cause = (
            "PostgreSQL was killed or crashed, and recovers what was written: seconds, after much "
            "work a minute or two. Nothing is lost."
        )
        command = wait_for_database(scene, role)
    elif any(words in error for words in NO_CONNECTION_LEFT):
        cause = "All of its max_connections are taken, by something else or by too many processes."
        command = list_connections(scene, role)
    elif any(words in error for words in ROLE_LIMITED):
        cause = "PostgreSQL runs. Somebody limited the role's connections, or forbade it to log in."
        command = let_role_in(scene, role)
    elif READ_ONLY in error:
        cause = (
            "PostgreSQL runs and takes no writes: somebody set default_transaction_read_only, or "
            "it is a standby, which SELECT pg_promote() makes a primary."
        )
        command = let_write(scene, role)
    elif REFUSED in error:
        cause = "PostgreSQL runs, and refuses: what it says is the cause."
        command = ask_why(scene, role)
    elif is_external:
        cause = f"The server is down, or {variable} is wrong."
        command = start_database_again(scene, role)
    else:
        cause = f"PostgreSQL is down, or hangs.{scene.log_of('postgres-')}"
        command = start_database_again(scene, role)
    return Finding(wrong, cause, command, "postgres")


def judge_migrations(scene: Scene) -> Iterator[Finding]:
    ended = scene.state.deaths if scene.state else ()
    for role, database in scene.databases.items():
        if scene.is_starting and not any(name.startswith(f"{role}-") for name in ended):
            continue  # its first process is about to apply them
        if database.missing_migrations:
            yield Finding(
                f"The database of {role} lacks {', '.join(database.missing_migrations)}.",
                "The code is newer than what runs, or a migration failed.",
                replace_services(scene, role, condition="its first new process applies them"),
            )


def judge_prepared_transactions(scene: Scene) -> Iterator[Finding]:
    for role, database in scene.databases.items():
        for gid, age in database.strangers:
            if age > MOST_STRANGE_SECONDS:
                name = gid.replace("'", "''")
                yield Finding(
                    f"The database of {role} holds a prepared transaction that is not Hubbub's, "
                    f"{gid!r}, for {int(age)} s.",
                    "Whoever began it did not end it. It keeps its locks, and PostgreSQL cannot "
                    "clean up.",
                    run_statement(scene, role, f"ROLLBACK PREPARED '{name}'"),
                )
    users = scene.databases.get("users")
    if users is None or users.error:
        return
    if users.max_prepared < LEAST_PREPARED:
        yield Finding(
            f"max_prepared_transactions is {users.max_prepared} in the database of users.",
            "Each change of a chat's members under way takes one; without any, none can happen.",
            run_statement(scene, "users", "ALTER SYSTEM SET max_prepared_transactions = 200")
            + "   # and restart PostgreSQL",
        )
    elif users.prepared >= users.max_prepared * 0.8:
        yield Finding(
            f"{users.prepared} of {users.max_prepared} prepared transactions are taken.",
            "They are not finished: chats does not answer what was decided."
            f"{scene.log_of('users-')}",
            replace_services(scene, "chats", "users", condition=WHERE_THEY_ARE_WELL),
        )


def judge_bus(scene: Scene) -> Iterator[Finding]:
    if scene.bus.error:
        yield Finding(
            f"Valkey cannot be asked: {scene.bus.error}",
            f"It is down or hangs. Messages still arrive, up to 2 s late.{scene.log_of('valkey-')}",
            start_bus_again(scene),
            "valkey",
        )
    elif scene.bus.refused:
        yield Finding(
            f"Valkey does not let {', '.join(scene.bus.refused)} in.",
            "The user is off, or its password is another one than in the file of the role.",
            f"rm {quoted(scene.settings.keys)}/valkey-*.password && {start_anew(scene)}",
        )
    elif scene.bus.follows:
        yield Finding(
            f"Valkey is a replica of {scene.bus.follows}, and takes no writes.",
            "Limits count on each process alone, and new processes are not found.",
            'valkey-cli -u "$HUBBUB_VALKEY_URL" REPLICAOF NO ONE   # or name its primary instead',
            "valkey",
        )
    elif scene.bus.is_full:
        yield Finding(
            "Valkey is full: it has reached its maxmemory, and may evict nothing.",
            "Limits count on each process alone, and new processes are not found.",
            'valkey-cli -u "$HUBBUB_VALKEY_URL" CONFIG SET maxmemory 512mb   # and in its file',
            "valkey",
        )
    elif scene.bus.silent:
        yield Finding(
            f"Servers of the Valkey cluster do not answer: {', '.join(scene.bus.silent)}.",
            "They are down or cut off. Others of their shards carry its chats meanwhile.",
            start_bus_again(scene)
            if scene.namespace
            else f"valkey-cli -u redis://{scene.bus.silent[0]} ping   # and start it again",
            "valkey",
        )
    elif scene.bus.lonely:
        yield Finding(
            f"Shards of the Valkey cluster have no replica: {', '.join(scene.bus.lonely)}.",
            "Without its primary, the chats of such a shard get messages up to 2 s late.",
            f"valkey-cli --cluster add-node NEW {scene.bus.lonely[0]} --cluster-replica",
            "valkey",
        )
    elif scene.bus.pubsub_limit is not None:
        hard, soft, seconds = scene.bus.pubsub_limit
        if 0 < hard < LEAST_HARD_LIMIT or 0 < soft < LEAST_HARD_LIMIT // 2:
            yield Finding(
                f"Valkey cuts a subscriber off at {hard} bytes, or at {soft} for {seconds} s.",
                "A burst of messages then disconnects nodes, which must fetch what they missed.",
                'valkey-cli -u "$HUBBUB_VALKEY_URL" CONFIG SET client-output-buffer-limit '
                "'pubsub 64mb 32mb 10'   # and in its file",
            )
