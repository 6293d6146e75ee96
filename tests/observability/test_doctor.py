"""The doctor on real systems with faults."""

import asyncio
import json
import shlex
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from common.database.migrations import MIGRATION_LOCK, migrate
from common.identity.wrapping import Wrapping
from common.valkey.client import connect_valkey
from fleet.data.state import ProcessState, read_state
from fleet.processes.ports import LOOPBACK, listen_publicly
from fleet.settings import read_settings
from ops.doctor import queries
from ops.doctor.collecting import database_urls
from ops.doctor.queries import ask_bus, ask_database, count_unopened_keys
from tests.fixtures.busy import TRIES
from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.prometheus import Prometheus
from tests.fixtures.proxy import Proxy, pass_log_in
from tests.fixtures.servers import PostgresServer, ValkeyServer
from tests.observability.run import run_fleet, run_ops
from tests.observability.test_queries import read_figures

PATIENCE_SECONDS = 60.0
Found = dict[int, str]


async def diagnose(system: Hubbub, *, with_deaths: bool = False, **variables: str) -> Found:
    """The first finding of each check, in agreement with the exit code. Other tests kill processes,
    so deaths are left out unless requested."""
    code, said = await run_ops(system, "doctor", "--json", **variables)
    told = json.loads(said)
    assert code == (0 if told["sound"] else 1)
    return {
        c["number"]: c["findings"][0]["wrong"]
        for c in told["checks"]
        if c["findings"] and (with_deaths or c["number"] != 19)
    }


async def until_sound(system: Hubbub) -> None:
    await system.until_whole()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while found := await diagnose(system):
            await asyncio.sleep(0.5)
            assert found.keys() <= {3, 4, 8, 11, 12, 13, 14, 15, 17, 18, 22}, found


async def diagnose_until(system: Hubbub, is_so: Callable[[Found], bool], **variables: str) -> Found:
    """The first diagnosis that is so, or the last one: on a busy machine the doctor may find more
    for a moment, or come when the fleet has already replaced what hangs."""
    for _ in range(TRIES):
        if is_so(found := await diagnose(system, with_deaths=False, **variables)):
            break
    return found


async def diagnose_stopped(
    system: Hubbub, role: str, is_so: Callable[[Found], bool]
) -> tuple[ProcessState, Found]:
    """Stops a process of the role and diagnoses, until the diagnosis is so: that process, and the
    last diagnosis."""
    for _ in range(TRIES):
        await until_sound(system)
        victim = system.processes(role)[0]
        system.signal_one(victim.pid, signal.SIGSTOP)
        try:
            found = await diagnose(system)
        finally:
            system.signal_one(victim.pid, signal.SIGCONT)
        if is_so(found):
            break
    return victim, found


async def test_a_hung_process_is_named(system: Hubbub) -> None:
    """It is running, and does not answer."""
    await system.until_known(("users", "chats"), by="realtime")
    victim, found = await diagnose_stopped(
        system, "chats", lambda found: "does not answer" in found.get(4, "")
    )
    assert found[4] == f"chats-{victim.number} does not answer."
    await until_sound(system)


async def test_a_hung_valkey_is_named_and_the_rest_goes_on(system: Hubbub) -> None:
    """Only what depends on it is reported: the system is ready without it."""
    _, found = await diagnose_stopped(
        system, "valkey", lambda found: 11 in found and not {3, 4, 8} & found.keys()
    )
    assert "Valkey cannot be asked" in found[11]
    assert not {3, 4, 8} & found.keys()
    await until_sound(system)


async def test_a_hung_database_is_named(system: Hubbub) -> None:
    """It holds both databases, and no process that needs them is ready."""
    _, found = await diagnose_stopped(system, "postgres", lambda found: 8 in found)
    assert "The databases of users and chats cannot be asked" in found[8]
    await until_sound(system)


async def test_a_store_of_files_that_is_gone_is_named(system: Hubbub) -> None:
    """With its folder, by whichever replica checks first; everything except files continues."""
    await until_sound(system)
    folder, away = system.data / "files", system.data / "files-away"
    folder.rename(away)
    folder.write_text("no folder")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while 22 not in (found := await diagnose(system)):  # noqa: ASYNC110 - a program
                await asyncio.sleep(0.5)
    finally:
        folder.unlink()
        away.rename(folder)
    assert found[22] in {
        f"files-{process.number} cannot store files: {folder} is missing."
        for process in system.processes("files")
    }
    assert not {3, 8, 11} & found.keys()
    await until_sound(system)


async def test_chats_cut_from_valkey_alone_is_named(system: Hubbub, prometheus: Prometheus) -> None:
    """Valkey refuses chats: nodes poll, which a metric, an alert and the doctor report, with Valkey
    as the cause. The system stays ready."""
    await until_sound(system)
    rules = system.data / "keys" / "valkey.acl"
    good = rules.read_text()
    rules.write_text(good.replace("user chats on", "user chats off"))
    try:
        await system.until_replaced(system.kill("valkey"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            # The change is in what others report over HTTP.
            while 'reason="digest_missing"} 1.0' not in await read_figures(system, "realtime"):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            polling = 'ALERTS{alertname="NodesPoll"}'
            while not await asyncio.to_thread(prometheus.query, polling):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        found = await diagnose_until(system, lambda found: not {3, 4, 8} & found.keys())
        _, said = await run_ops(system, "doctor")
    finally:
        rules.write_text(good)
        await system.until_replaced(system.kill("valkey"))
    assert found[11] == "Valkey does not let chats in."
    polls = "hears nothing from chats and polls it instead"
    nodes = system.processes("realtime")
    assert found[18].startswith(tuple(f"realtime-{node.number} {polls}" for node in nodes))
    assert not {3, 4, 8} & found.keys()
    assert said.startswith("WRONG (check 11): Valkey does not let chats in.\n")
    await until_sound(system)


async def test_a_stopped_balancer_is_named_as_the_cause(system: Hubbub) -> None:
    """The system is not ready as a consequence, and the printed command repairs it."""
    await until_sound(system)
    (victim,) = system.processes("balancer")
    system.signal_one(victim.pid, signal.SIGSTOP)
    _, said = await run_ops(system, "doctor")
    assert said.startswith("WRONG (check 21): balancer-1 is paused.\n")
    assert f"    Fix: kill -CONT {victim.pid}\n" in said
    assert "Follows from check 4, 21: " in said
    system.signal_one(victim.pid, signal.SIGCONT)
    await until_sound(system)


async def test_a_process_that_is_killed_over_and_over_is_named(system: Hubbub) -> None:
    """Although it is replaced at once each time."""
    await until_sound(system)
    for _ in range(3):
        victim = system.processes("cache")[0]
        system.signal_one(victim.pid, signal.SIGKILL)
        await system.until_replaced([victim.pid])
    found = await diagnose(system, with_deaths=True)
    assert "in the last 2 minutes, the last time by signal 9" in found[19]


async def test_a_list_of_processes_that_was_deleted_is_written_again(system: Hubbub) -> None:
    """Within a second or two, without intervention."""
    (system.data / "fleet.json").unlink()
    await system.until_whole()


async def test_another_port_is_told(system: Hubbub) -> None:
    """Run with another HUBBUB_PORT, the doctor says which one is right."""
    port = system.origin.rpartition(":")[2]
    await until_sound(system)
    found = await diagnose_until(system, lambda found: found.keys() == {3}, HUBBUB_PORT="1")
    assert found == {3: f"This Hubbub is on port {port}, not on 1."}


async def test_an_open_secret_is_named(system: Hubbub) -> None:
    """A key that other users can read."""
    await until_sound(system)
    key = system.data / "keys" / "edge.key"
    key.chmod(0o644)
    try:
        found = await diagnose_until(system, lambda found: found.keys() == {16})
    finally:
        key.chmod(0o600)
    assert found == {16: f"Others may read 1 secrets, such as {key}."}


async def test_a_migration_that_is_missing_is_named(system: Hubbub) -> None:
    """As after an update of the code below a running system."""
    await until_sound(system)
    state = read_state(system.data)
    assert state
    url = database_urls(read_settings(system.environment), state)["users"]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("UPDATE migrations SET name = 'x' WHERE name LIKE '0002%'")
        try:
            found = await diagnose_until(system, lambda found: found.keys() == {9})
        finally:
            await connection.execute(
                "UPDATE migrations SET name = '0002_memberships.sql' WHERE name = 'x'"
            )
    assert found == {9: "The database of users lacks 0002_memberships.sql."}


async def test_nothing_runs_and_somebody_has_the_port(tmp_path: Path, system: Hubbub) -> None:
    """Both are reported."""
    with closing(listen_publicly(LOOPBACK, 0)) as listener:
        port = str(listener.getsockname()[1])
        found = await diagnose(system, HUBBUB_DATA=str(tmp_path), HUBBUB_PORT=port)
    assert found == {
        2: f"No Hubbub runs on {tmp_path}.",
        3: f"Something else uses port {port}.",
    }


async def test_what_a_database_says_of_itself(
    make_postgres: Callable[..., PostgresServer],
) -> None:
    """That it allows no prepared transactions, or which of them are stuck, Hubbub's and foreign
    ones; and keys that are encrypted with another secret."""
    plain = make_postgres(max_prepared_transactions="0")
    assert (await ask_database("users", plain.make_database())).max_prepared == 0
    able = make_postgres(max_prepared_transactions="5")
    url = able.make_database()
    assert (await ask_database("users", url)).missing_migrations[0] == "0001_accounts.sql"
    await migrate(url, ROOT / "users" / "migrations")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        wrapped = Wrapping("one").wrap("push", b"a key")
        await connection.execute("INSERT INTO push_key (wrapped) VALUES (%s)", (wrapped,))
        assert await count_unopened_keys(url, "one") == 0
        assert await count_unopened_keys(url, "another") == 1
        async with connection.transaction(), asyncio.timeout(PATIENCE_SECONDS):
            await connection.execute("LOCK TABLE push_key IN ACCESS EXCLUSIVE MODE")
            assert await count_unopened_keys(url, "another") == 0  # it does not wait for the lock
        for name in ("hubbub-stuck", "foreign"):
            await connection.execute("BEGIN")
            await connection.execute(f'CREATE TABLE "{name}" ()')
            await connection.execute(f"PREPARE TRANSACTION '{name}'")
    # A stall between question and answer looks like a wrong clock.
    asked = [await ask_database("users", url) for _ in range(TRIES)]
    facts = min(asked, key=lambda facts: (facts.error, abs(facts.clock_ahead)))
    assert (facts.error, facts.missing_migrations, facts.prepared) == ("", (), 2)
    ((stranger, age),) = facts.strangers
    assert stranger == "foreign"
    assert facts.prepared_age > age > 0
    assert abs(facts.clock_ahead) < 1
    able.drop_database(url)
    able.kill()
    assert "refused" in (await ask_database("users", url)).error


async def test_who_holds_up_others_is_named(
    make_postgres: Callable[..., PostgresServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the session has locked what the doctor wants to read. A session that blocks no other,
    or applies migrations, is not named."""
    url = make_postgres().make_database()
    await migrate(url, ROOT / "chats" / "migrations")
    monkeypatch.setattr(queries, "LONG_SECONDS", 0.0)
    async with await psycopg.AsyncConnection.connect(url) as somebody:
        await somebody.execute("SELECT count(*) FROM log")
        assert (await ask_database("chats", url)).holders == ()
        for table in ("log", "outbox"):
            await somebody.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            facts = await ask_database("chats", url)
            ((pid, owner, age),) = facts.holders
            assert (pid, owner) == (somebody.info.backend_pid, somebody.info.user)
            assert age > 0
            assert bool(facts.error) == (table == "outbox")
        await somebody.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        assert (await ask_database("chats", url)).holders == ()


async def test_a_database_that_hangs_is_not_waited_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has let the doctor in, too."""
    monkeypatch.setattr(queries, "ANSWERS_SECONDS", 0.5)
    parts = urlsplit(database_url)
    assert parts.hostname
    assert parts.port
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        Proxy(parts.hostname, parts.port, pass_log_in) as proxy,
    ):
        url = database_url.replace(f"{parts.hostname}:{parts.port}", proxy.address)
        assert (await ask_database("users", url)).error == "it does not answer"


async def test_a_database_that_takes_no_writes_is_named(system: Hubbub) -> None:
    """The printed command makes it writable, although its own session is read-only as well."""
    await until_sound(system)
    alter = "ALTER DATABASE hubbub_chats SET default_transaction_read_only = on"
    await run_fleet(system, "sql", "chats", alter)
    code, said = await run_ops(system, "doctor", "--json")
    (check,) = (c for c in json.loads(said)["checks"] if c["number"] == 8)
    assert code == 1
    assert "PostgreSQL runs and takes no writes" in check["findings"][0]["cause"]
    words = shlex.split(check["findings"][0]["command"])
    await run_fleet(system, *words[words.index("fleet") + 1 :])
    await until_sound(system)


async def test_events_that_wait_have_an_age(database_url: str) -> None:
    """That of the oldest one."""
    await migrate(database_url, ROOT / "chats" / "migrations")
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO outbox (chat, first, last, since)"
            " VALUES (gen_random_uuid(), 1, 1, now() - interval '1 minute')"
        )
    facts = await ask_database("chats", database_url)
    assert facts.unpublished == 1
    assert facts.unpublished_age == pytest.approx(60, abs=5)


async def test_what_valkey_says_of_itself(make_valkey: Callable[[], ValkeyServer]) -> None:
    """When it disconnects subscribers, why it accepts no writes, and why nothing is known about one
    that is gone."""
    valkey = make_valkey()
    facts = await ask_bus(valkey.url)
    assert facts.pubsub_limit == (64 * 2**20, 32 * 2**20, 10)
    assert not facts.follows
    assert not facts.is_full
    async with connect_valkey(valkey.url) as client:
        await client.config_set("maxmemory", "1024")
        assert (await ask_bus(valkey.url)).is_full
        await client.replicaof("127.0.0.1", "9")
        assert (await ask_bus(valkey.url)).follows == "127.0.0.1:9"
    valkey.kill()
    assert (await ask_bus(valkey.url)).error
