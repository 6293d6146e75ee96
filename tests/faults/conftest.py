"""Shared by the storms: a seed, a fresh Hubbub, and engines behind proxies."""

import os
import random
import resource
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.lossy_bus import LossyBus
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import PostgresServer, ValkeyServer

SEED_VARIABLE = "FAULTS_SEED"


@pytest.fixture
def seed() -> int:
    """FAULTS_SEED, or a new one; every report of a breach states it."""
    chosen = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(1_000_000))
    print(f"{SEED_VARIABLE}={chosen}")
    return chosen


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[Hubbub]:
    """A whole Hubbub for one test, with two processes of each role."""
    async with Hubbub(tmp_path / "data", replicas="edge=2,realtime=2,users=2,chats=2") as hubbub:
        yield hubbub


class Engines(NamedTuple):
    """Servers for one test, each behind a proxy."""

    valkey: ValkeyServer
    postgres: PostgresServer
    valkey_proxy: Proxy
    users_proxy: Proxy
    chats_proxy: Proxy
    databases: dict[str, str]  # URLs that bypass the proxies


@pytest.fixture
def lossy_bus() -> LossyBus | None:
    """None: the bus loses nothing. Tests that need a lossy one override this by parametrization."""
    return None


@pytest.fixture
async def engines(
    make_postgres: Callable[..., PostgresServer],
    make_valkey: Callable[[], ValkeyServer],
    lossy_bus: LossyBus | None,
) -> AsyncIterator[Engines]:
    """Engines that the test may disturb directly or through their proxies."""
    valkey, postgres = make_valkey(), make_postgres(fsync="on")  # as in a fleet
    databases = {name: postgres.make_database() for name in ("users", "chats")}
    make_filter = lossy_bus.make_filter if lossy_bus else None
    async with (
        Proxy(*host_and_port(valkey.url), make_filter) as valkey_proxy,
        Proxy(*host_and_port(databases["users"])) as users_proxy,
        Proxy(*host_and_port(databases["chats"])) as chats_proxy,
    ):
        yield Engines(valkey, postgres, valkey_proxy, users_proxy, chats_proxy, databases)


@pytest.fixture
async def proxied_system(tmp_path: Path, engines: Engines) -> AsyncIterator[Hubbub]:
    """A whole Hubbub whose services reach Valkey and PostgreSQL through the proxies."""
    async with Hubbub(
        tmp_path / "data",
        replicas="edge=2,realtime=2,users=2,chats=2",
        valkey_url=f"redis://{engines.valkey_proxy.address}",
        users_database_url=_through(engines.users_proxy, engines.databases["users"]),
        chats_database_url=_through(engines.chats_proxy, engines.databases["chats"]),
    ) as hubbub:
        yield hubbub


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """A thousand sockets need descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def host_and_port(url: str) -> tuple[str, int]:
    """The host and port of a server's URL."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def _through(proxy: Proxy, url: str) -> str:
    host, port = host_and_port(url)
    return url.replace(f"{host}:{port}", proxy.address)
