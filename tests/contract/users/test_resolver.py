"""The resolver: what stays prepared is finished as chats decides, whoever died meanwhile."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.database.pool import Pool
from common.protocol.errors import Refusal
from common.protocol.users import Empty, PrepareMemberships
from fleet.processes.ports import ReservedPort
from tests.fixtures.callers import AnyCaller
from users.resolver import resolve_in_doubt
from users.store.memberships import list_in_doubt

Change = Callable[..., PrepareMemberships]
StartProcess = Callable[[], Awaitable[tuple[asyncio.subprocess.Process, str]]]

WAIT_SECONDS = 30  # for what takes four on an idle machine
PROJECT = Path(__file__).parents[3]
_BEFORE_FIELD_RULES = """
ALTER TABLE users DROP CONSTRAINT users_username_fits, DROP CONSTRAINT users_email_fits,
    DROP CONSTRAINT users_password_is_hashed;
DELETE FROM migrations WHERE name = '0004_field_rules.sql'
"""


class Coordinator:
    """Answers a resolver as chats does, and records the calls."""

    def __init__(self) -> None:
        self.committed: set[str] = set()
        self.forgotten: list[str] = []
        self.address = ""

    async def decide(self, request: web.Request) -> web.Response:
        transaction = (await request.json())["transaction"]
        decision = "commit" if transaction in self.committed else "abort"
        return web.json_response({"decision": decision})

    async def forget(self, request: web.Request) -> web.Response:
        self.forgotten += (await request.json())["transactions"]
        return web.json_response({"changed": True})


@pytest.fixture
async def coordinator() -> AsyncIterator[Coordinator]:
    coordinator = Coordinator()
    app = web.Application()
    app.router.add_post("/calls/decide", coordinator.decide)
    app.router.add_post("/calls/forget", coordinator.forget)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    coordinator.address = "{}:{}".format(*runner.addresses[0])
    yield coordinator
    await runner.cleanup()


@pytest.fixture
async def chats(coordinator: Coordinator) -> AsyncIterator[Calls]:
    with closing(HttpClient(AnyCaller("a secret for tests"))) as http:
        yield Calls(http, Replicas("chats", (coordinator.address,)))


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - polls another process
            await asyncio.sleep(0.05)


async def test_decisions_are_carried_out(
    users: Any, pool: Pool, change_of: Change, coordinator: Coordinator, chats: Calls
) -> None:
    """A commit is committed and dropped by chats, everything else is rolled back."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    made, lost = change_of(ann, add=[ann.id, bob.id]), change_of(ann, add=[ann.id])
    coordinator.committed.add(made.transaction)
    for change in (made, lost):
        await users.call("prepare", change)
    assert await resolve_in_doubt(pool, chats, after_seconds=0) == 2
    assert await list_in_doubt(pool) == []
    assert await users.chats_of(ann) == await users.chats_of(bob) == [made.chat]
    assert coordinator.forgotten == [made.transaction]


async def test_young_transactions_are_left_to_their_coordinator(
    users: Any, pool: Pool, change_of: Change, chats: Calls
) -> None:
    """Nobody asks before three seconds: asking would abort a commit in progress."""
    ann = await users.sign_up("Ann")
    await users.call("prepare", change_of(ann, add=[ann.id]))
    assert await resolve_in_doubt(pool, chats) == 0
    assert len(await list_in_doubt(pool)) == 1


async def test_what_is_only_named_like_ours_is_left_alone(
    users: Any, pool: Pool, change_of: Change, chats: Calls
) -> None:
    """chats could not decide on it, and what was prepared after it would wait for ever."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute("PREPARE TRANSACTION 'hubbub-by-hand'")
    try:
        await users.call("prepare", change_of(ann, add=[ann.id]))
        assert await resolve_in_doubt(pool, chats, after_seconds=0) == 1
        assert await list_in_doubt(pool) == []
    finally:
        async with pool.connection() as connection:
            await connection.execute("ROLLBACK PREPARED 'hubbub-by-hand'")


async def test_nothing_is_decided_while_chats_is_gone(
    users: Any, pool: Pool, change_of: Change
) -> None:
    """Without an answer the transaction stays in doubt, and the metrics show it."""
    ann = await users.sign_up("Ann")
    await users.call("prepare", change_of(ann, add=[ann.id]))
    http = HttpClient(AnyCaller("a secret for tests"))
    with closing(http), closing(ReservedPort()) as port:  # nobody listens there
        nobody = Calls(http, Replicas("chats", (port.address,)))
        with pytest.raises(Refusal):
            await resolve_in_doubt(pool, nobody, after_seconds=0)
    assert len(await list_in_doubt(pool)) == 1
    # The replica's own resolver counts it once it is old enough.
    await wait_until(lambda: _gauge_is("hubbub_users_in_doubt_transactions", at_least=1))
    assert await _gauge_is("hubbub_users_oldest_prepared_seconds", at_least=3)


async def test_resolvers_in_parallel_do_no_harm(
    users: Any, pool: Pool, change_of: Change, coordinator: Coordinator, chats: Calls
) -> None:
    """Every replica resolves; each transaction ends once and as decided."""
    ann = await users.sign_up("Ann")
    changes = [change_of(ann, add=[ann.id]) for _ in range(6)]
    coordinator.committed = {change.transaction for change in changes[::2]}
    for change in changes:
        await users.call("prepare", change)
    while await list_in_doubt(pool):
        await asyncio.gather(
            *(resolve_in_doubt(pool, chats, after_seconds=0) for _ in range(3)),
            return_exceptions=True,
        )
    assert sorted(await users.chats_of(ann)) == sorted(change.chat for change in changes[::2])


async def test_killed_process_leaves_what_another_one_resolves(
    users: Any,
    pool: Pool,
    change_of: Change,
    coordinator: Coordinator,
    start_process: StartProcess,
) -> None:
    """`python -m users` is killed with kill -9 between prepare and finish; the next process
    finishes."""
    ann = await users.sign_up("Ann")
    made, lost = change_of(ann, add=[ann.id]), change_of(ann, add=[ann.id])
    coordinator.committed.add(made.transaction)
    first, address = await start_process()
    await wait_until(lambda: _is_ready(users.http, address))  # calls wait for 5 s at most
    calls = Calls(users.http, Replicas("users", (address,)))
    for change in (made, lost):
        await calls.call("prepare", change, Empty, timeout=WAIT_SECONDS)
    first.kill()
    await first.wait()
    assert len(await list_in_doubt(pool)) == 2
    second, _ = await start_process()
    await wait_until(lambda: _nothing_is_prepared(pool))
    assert await users.chats_of(ann) == [made.chat]
    await wait_until(lambda: _is_forgotten(coordinator, made.transaction))
    second.send_signal(signal.SIGTERM)
    assert await second.wait() == 0


async def test_a_migration_does_not_wait_for_ever_for_what_is_prepared(
    users: Any,
    pool: Pool,
    change_of: Change,
    coordinator: Coordinator,
    start_process: StartProcess,
) -> None:
    """All processes of the previous release died at once: a new process that has tables to alter
    finishes their prepared transactions, whose locks it waits for."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        await connection.execute(_BEFORE_FIELD_RULES)
    await users.call("prepare", change_of(ann, add=[ann.id]))
    await start_process()
    await wait_until(lambda: _nothing_is_prepared(pool))
    await wait_until(lambda: _is_applied(pool, "0004_field_rules.sql"))


@pytest.fixture
async def start_process(
    environment: dict[str, str], coordinator: Coordinator
) -> AsyncIterator[StartProcess]:
    """Starts the service like the fleet, and returns its address too."""
    processes: list[asyncio.subprocess.Process] = []
    ports: list[ReservedPort] = []

    async def start() -> tuple[asyncio.subprocess.Process, str]:
        ports.append(ReservedPort())
        env = {
            **os.environ,
            **environment,
            "HUBBUB_LISTEN": ports[-1].address,
            "HUBBUB_CHATS_SEEDS": coordinator.address,
        }
        processes.append(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "users", env=env, cwd=PROJECT
            )
        )
        return processes[-1], ports[-1].address

    yield start
    for port in ports:
        port.close()
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _is_ready(http: HttpClient, address: str) -> bool:
    try:
        return (await http.get(address, "/health/ready")).status == 200
    except OSError:
        return False


async def _nothing_is_prepared(pool: Pool) -> bool:
    return not await list_in_doubt(pool)


async def _is_applied(pool: Pool, migration: str) -> bool:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT FROM migrations WHERE name = %s", (migration,))
        return await cursor.fetchone() is not None


async def _is_forgotten(coordinator: Coordinator, transaction: str) -> bool:
    return coordinator.forgotten == [transaction]


async def _gauge_is(name: str, *, at_least: float) -> bool:
    return (REGISTRY.get_sample_value(name) or 0) >= at_least
