"""HAProxy of deploy/hosts speaks TLS to the services, and only to servers with a certificate for
the service's name. Hosts are loopback addresses.
"""

import asyncio
import contextlib
import os
import secrets as ids
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from hubbub_client import Client, MessageSent

from common.calls.callers import Caller
from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.http_server import Request, Response, serving_http
from common.calls.replicas import Replicas
from common.process.certificates import client_context
from common.process.settings import Listener
from common.protocol.push import ActiveUsers, ListActive
from fleet.data.folder import short_path
from fleet.engines.binaries import haproxy_program
from fleet.processes.children import spawn
from fleet.processes.probe import Address, http_status
from tests.fixtures.authority import Authority, Files
from tests.fixtures.servers import ValkeyServer

PROJECT: Final = Path(__file__).parents[3]
REALTIME, EDGE, FILES, HEALTH, PUBLIC = 8003, 8004, 8005, 100, 8000
BYTES: Final = 1_000_000  # of a file: more than any buffer on the way
PATIENCE_SECONDS: Final = 120.0
ASKED: Final = 30


def make_hosts(count: int) -> list[str]:
    """Addresses on which no other test listens."""
    network = f"127.{16 + ids.randbelow(230)}.{ids.randbelow(250)}"
    return [f"{network}.{number}" for number in range(1, count + 1)]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    subprocess.run([PROJECT / "deploy/make-secrets", folder], check=True, capture_output=True)
    return folder


def make_certificates(folder: Path, *names: str) -> Path:
    subprocess.run(
        [PROJECT / "deploy/make-certificates", folder, *names], check=True, capture_output=True
    )
    return folder


class Balancer:
    """HAProxy as started by deploy/hosts/balancer, at `origin`."""

    def __init__(self, folder: Path, hosts: Sequence[str], **environment: str) -> None:
        address = f"{make_hosts(1)[0]}:{PUBLIC}"
        self.origin = f"http://{address}"
        self.host = address.partition(":")[0]
        self._folder = folder / "balancer"
        env = {
            "PATH": os.environ["PATH"],
            "HOSTS": " ".join(hosts),
            "RUN": str(self._folder),
            "HAPROXY": str(haproxy_program()),
            **environment,
        }
        with (folder / "haproxy.log").open("wb") as output:
            self._process = spawn(
                [PROJECT / "deploy/hosts/balancer", address], env=env, cwd=folder, output=output
            )

    async def states(self, pool: str) -> dict[str, str]:
        """The state of the servers as it sees them, by host: `UP`, or `DOWN` and why."""
        with short_path(self._folder, "admin.sock") as path:
            reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"show stat\n")
        lines = (await reader.read()).decode().removeprefix("# ").splitlines()
        writer.close()
        names = lines[0].split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
        return {
            row["svname"].partition("-")[2]: f"{row['status']} {row['check_status']}"
            for row in rows
            if row["pxname"] == pool and row["svname"].startswith(pool)
        }

    async def until(self, pool: str, wanted: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        found: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with contextlib.suppress(OSError):
                    found = await self.states(pool)
                    if wanted(found):
                        return found
                await asyncio.sleep(0.1)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Answering:
    """Replaces the edge of a host."""

    def __init__(self) -> None:
        self.asked = 0

    async def serve(self, request: Request) -> Response:
        self.asked += request.path != "/health/live"
        return Response(200, b"{}")


@contextlib.asynccontextmanager
async def answering(
    host: str, shown: ssl.SSLContext | None, health: ssl.SSLContext | None
) -> AsyncIterator[Answering]:
    one = Answering()
    async with (
        serving_http(one.serve, Listener(host, EDGE, None).open(), shown),
        serving_http(one.serve, Listener(host, EDGE + HEALTH, None).open(), health),
    ):
        yield one


def showing(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@pytest.mark.parametrize("metrics_tls", ["off", "on"])
async def test_only_servers_with_a_good_certificate_are_used(
    tmp_path: Path, secrets: Path, metrics_tls: str
) -> None:
    """One of another CA, one for another service, an expired one and one without TLS are down, even
    if they serve health in plain text; no request reaches them."""
    authority = Authority(tmp_path)
    shown = {
        "good": showing(authority.issue("edge")),
        "another CA": showing(Authority(tmp_path, "another CA").issue("edge")),
        "another name": showing(authority.issue("realtime")),
        "expired": showing(authority.issue("edge", days_left=-1)),
        "in the clear": None,
    }
    hosts = dict(zip(shown, make_hosts(len(shown)), strict=True))
    (tmp_path / "ca.pem").write_bytes(authority.ca.read_bytes())
    async with contextlib.AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(
                answering(hosts[name], tls, tls if metrics_tls == "on" else None)
            )
            for name, tls in shown.items()
        }
        balancer = stack.enter_context(
            contextlib.closing(
                Balancer(
                    tmp_path, list(hosts.values()), TLS=str(tmp_path), SECRETS=str(secrets),
                    HUBBUB_METRICS_TLS=metrics_tls,
                )
            )
        )  # fmt: skip

        async def ask() -> int | None:
            return await http_status(Address(balancer.host, PUBLIC), "/api/x", PATIENCE_SECONDS)

        def is_judged(states: dict[str, str]) -> bool:
            return [name for name in hosts if states[hosts[name]].startswith("UP ")] == ["good"]

        await balancer.until("edge", is_judged)
        assert [await ask() for _ in range(ASKED)] == [200] * ASKED
        assert {name: one.asked for name, one in servers.items()} == {
            name: ASKED if name == "good" else 0 for name in shown
        }
        states = await balancer.states("edge")
        assert is_judged(states), states
        assert states[hosts["another CA"]] == "DOWN L6RSP"


@contextlib.contextmanager
def running_services(
    host: str, folder: Path, environment: dict[str, str]
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    processes = {}
    try:
        for role in ("users", "chats", "realtime", "edge", "files"):
            with (folder / f"{role}.log").open("wb") as output:
                processes[role] = spawn(
                    [PROJECT / "deploy/hosts/service", role],
                    env=environment, cwd=PROJECT, output=output,
                )  # fmt: skip
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


async def test_people_talk_with_tls_on_every_way(
    tmp_path: Path, secrets: Path, valkey: ValkeyServer, topic_prefix: str,
    make_database: Callable[[], str],
) -> None:  # fmt: skip
    """From HAProxy to edge, realtime and files, between the services, and to clients of health and
    metrics; none of their ports answers in plain text."""
    (host,) = make_hosts(1)
    tls = make_certificates(tmp_path / "tls")
    told = {"SECRETS": str(secrets), "TLS": str(tls), "HUBBUB_METRICS_TLS": "on"}
    balancer = Balancer(tmp_path, [host], **told)
    environment = {
        "PATH": os.environ["PATH"],
        "HERE": host,
        "HOSTS": host,
        "PYTHON": sys.executable,
        "HUBBUB_VALKEY_URL": valkey.url,
        "HUBBUB_TOPIC_PREFIX": topic_prefix,
        "HUBBUB_USERS_DATABASE_URL": make_database(),
        "HUBBUB_CHATS_DATABASE_URL": make_database(),
        "HUBBUB_PUBLIC_URL": balancer.origin,
        "HUBBUB_FILES_URL": (tmp_path / "files").as_uri(),
        **told,
    }
    with contextlib.closing(balancer), running_services(host, tmp_path, environment):
        for pool in ("edge", "realtime", "files"):
            await balancer.until(pool, lambda states: states[host].startswith("UP L7"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            public = Address(balancer.host, PUBLIC)
            while await http_status(public, "/health/ready", 20) != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        async with Client(balancer.origin) as ann:
            name = f"ann-{uuid.uuid4().hex[:12]}"
            await ann.sign_up(name, f"{name}@example.org", "correct horse")
            await ann.until_ready()
            chat = await ann.create_chat("TLS")
            await chat.send("hello")
            sent = os.urandom(BYTES)
            file = await chat.upload("noise", sent)
            assert b"".join([piece async for piece in chat.download(file.id)]) == sent
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for event in ann.events():
                    if isinstance(event, MessageSent):
                        assert event.message == "hello"
                        break
            # Like files before it sends a push.
            files = Caller("files", (secrets / "files.key").read_text())
            with contextlib.closing(
                HttpClient(files, client_context(tls / "ca.pem"), ("realtime",))
            ) as http:
                address = f"{host}:{REALTIME + HEALTH}"
                nodes = Calls(http, Replicas("realtime", (address,)))
                asked = ListActive(users=[ann.user])
                listed = await nodes.call("list_active", asked, ActiveUsers, timeout=60)
            assert listed.users == [ann.user]
        for port in (8001, 8002, REALTIME, EDGE, FILES):
            assert await http_status(Address(host, port), "/health/live", 20) is None
            assert await http_status(Address(host, port + HEALTH), "/metrics", 20) is None
