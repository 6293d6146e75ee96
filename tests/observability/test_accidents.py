"""Each alert is triggered on one machine, whose engines are the operator's own."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from fleet.data.state import read_state
from tests.fixtures.accidents import (
    CASES,
    CONNECTIONS,
    NO_ACCIDENTS,
    Case,
    Part,
    Secrets,
    watch_alerts,
)
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.prometheus import Prometheus, hurried_rules, running_prometheus
from tests.fixtures.servers import PostgresServer, Server, ValkeyServer
from tests.observability.test_queries import rule_queries

PATIENCE_SECONDS = 180.0  # search counts as behind after a minute
DESCRIPTORS = str(CONNECTIONS * 2 + 500)  # as the balancer counts them
REPLICAS = "edge=1,realtime=1,users=1,chats=1"


class OneMachine:
    """The place for accidents. Each of them gets a new Prometheus."""

    prometheus: Prometheus

    def __init__(self, system: Hubbub, engines: dict[Part, Server], urls: dict[str, str]) -> None:
        self.system, self.origin = system, system.origin
        self._engines, self._urls = engines, urls
        self._store, self._away = system.data / "files", system.data / "away"
        self._secrets = Secrets(system.data / "keys")

    async def pause(self, part: Part) -> None:
        self._signal(part, signal.SIGSTOP)

    async def go_on(self, part: Part) -> None:
        self._signal(part, signal.SIGCONT)

    def _signal(self, part: Part, number: signal.Signals) -> None:
        if part == "watcher":
            state = read_state(self.system.data)
            assert state is not None
            self.system.signal_one(state.parent, number)
        elif part in self._engines:
            for pid in _with_children(self._engines[part].process.pid):
                self.system.signal_one(pid, number)
        else:
            self.system.signal_all(part, number)

    async def kill(self, role: str) -> None:
        if role == "valkey":
            self._engines["valkey"].kill()
            await asyncio.to_thread(self._engines["valkey"].start)
            await asyncio.sleep(1.5)  # a node reconnects
        else:
            await self.system.until_replaced(self.system.kill(role), seconds=60)

    async def crash(self, role: str) -> None:
        self.system.kill(role)

    async def run_sql(self, role: str, *statements: str) -> None:
        async with await psycopg.AsyncConnection.connect(
            self._urls[role], autocommit=True
        ) as connection:
            for statement in statements:
                await connection.execute(statement.encode())

    async def take_store_away(self) -> None:
        self._store.rename(self._away)

    async def bring_store_back(self) -> None:
        self._away.rename(self._store)

    async def spoil_secret(self, role: str) -> None:
        self._secrets.spoil(role)

    async def restore_secret(self, role: str) -> None:
        self._secrets.restore(role)

    async def is_watched(self) -> bool:
        """Whether Prometheus has scraped the fleet already."""
        wanted = "hubbub_fleet_wanted_replicas"
        return bool(await asyncio.to_thread(self.prometheus.query, wanted))

    async def list_firing(self) -> set[str]:
        found = await asyncio.to_thread(self.prometheus.query, 'ALERTS{alertstate="firing"}')
        return {series["metric"]["alertname"] for series in found}


def _with_children(pid: int) -> list[int]:
    """PostgreSQL has a process for each connection, each in its own session."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _with_children(int(child)))]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    folder = tmp_path_factory.mktemp("accidents")
    for name in ("users", "chats", "valkey", "cache"):
        (folder / name).mkdir()
    prepared = {"max_prepared_transactions": "50"}
    with (
        closing(PostgresServer(folder / "users", **prepared)) as users,
        closing(PostgresServer(folder / "chats", **prepared)) as chats,
        closing(ValkeyServer(folder / "valkey")) as valkey,
        closing(ValkeyServer(folder / "cache")) as cache,
    ):
        urls = {"users": users.make_database(), "chats": chats.make_database()}
        system = Hubbub(
            folder / "data",
            replicas=REPLICAS,
            users_database_url=urls["users"],
            chats_database_url=urls["chats"],
            valkey_url=valkey.url,
            cache_urls=cache.url,
        )
        system.command = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *system.command]
        engines: dict[Part, Server] = {
            "users-database": users, "chats-database": chats, "valkey": valkey, "cache": cache,
        }  # fmt: skip
        asyncio.run(system.start())
        try:
            yield OneMachine(system, engines, urls)
        finally:
            asyncio.run(system.stop())
            system.close()


def test_every_alert_is_made_to_happen() -> None:
    """By one of the accidents, if it can happen there."""
    told = [alert for case in CASES for alert in case.alerts]
    assert sorted([*told, *NO_ACCIDENTS]) == sorted(rule_queries())


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.accident.__name__)
async def test_an_accident_is_told_of(machine: OneMachine, case: Case, tmp_path: Path) -> None:
    """By its alerts, none of which fired before."""
    await machine.system.until_whole(60)
    rules = tmp_path / "alerts.yml"
    rules.write_text(hurried_rules())
    targets = machine.system.data / "run" / "targets.json"
    with running_prometheus(tmp_path / "prometheus", targets, rules) as machine.prometheus:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await machine.is_watched() or case.alerts & await machine.list_firing():  # noqa: ASYNC110 - polls another process
                await asyncio.sleep(0.5)
        await watch_alerts(machine, case, PATIENCE_SECONDS)
