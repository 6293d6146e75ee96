"""TLS between hosts: for calls, Valkey and PostgreSQL, with a CA created by the test. Certificate
errors are reported, and nothing is sent to a server with an invalid one.
"""

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from common.calls.callers import Caller
from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.http_server import Handle, Request, Response, serving_http
from common.calls.replicas import Replicas
from common.database.failures import DatabaseUnreachable
from common.database.migrations import migrate
from common.database.pool import create_pool
from common.process import certificates
from common.process.certificates import EXPIRES, ServerTls, client_context, join_calls_tls
from common.process.settings import Listener
from common.protocol.chats import Chat, CreateChat
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import Grant, SignUp
from common.valkey.valkey import Valkey
from edge.figures import ask_figures
from fleet.processes.ports import LOOPBACK, ReservedPort
from fleet.processes.probe import Address, http_status
from tests.fixtures.authority import Authority, Files, tls_front
from tests.fixtures.callers import Credentials
from tests.fixtures.servers import PostgresServer, ValkeyServer

PROJECT = Path(__file__).parents[3]
DAY_SECONDS = 24 * 3600
WRONG = {
    "another CA": "unable to get local issuer certificate",
    "another name": "not valid for 'users'",
    "expired": "certificate has expired",
}


class Told(msgspec.Struct):
    text: str


async def answer(_: Request) -> Response:
    return Response(200, msgspec.json.encode(Told("hello")))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def issue_wrong(authority: Authority, folder: Path, wrong: str, name: str) -> Files:
    match wrong:
        case "another CA":
            return Authority(folder, "another CA").issue(name)
        case "another name":
            return authority.issue("elsewhere.example.org")
        case _:
            return authority.issue(name, days_left=-1)


def shown(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext | None, handle: Handle = answer) -> AsyncIterator[str]:
    """The address of a server."""
    listener = Listener("127.0.0.1", 0, None).open()
    async with serving_http(handle, listener, tls):
        yield "{}:{}".format(*listener.getsockname())


@contextlib.contextmanager
def calling(address: str, ca: Path | None) -> Iterator[Calls]:
    tls = client_context(ca) if ca else None
    with contextlib.closing(HttpClient(Caller("edge", "a secret"), tls)) as http:
        yield Calls(http, Replicas("users", (address,)))


async def call(calls: Calls, address: str) -> str:
    """Tried once."""
    return (await calls.call_replica(address, "x", Told(""), Told, timeout=30)).text


def complaints(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [one.__dict__["fields"] for one in caplog.records if one.getMessage() == event]


async def test_calls_go_over_tls_by_the_name_of_the_service(authority: Authority) -> None:
    """The certificate is for `users`, whatever address the replica has."""
    tls = ServerTls(join_calls_tls(*authority.issue("users"), None), "users")
    async with serving(tls.context) as address:
        with calling(address, authority.ca) as calls:
            assert await call(calls, address) == "hello"
            assert await calls.any_is_ready()


async def test_figures_are_read_over_tls(authority: Authority) -> None:
    """As the overview reads them, on the port for calls."""

    async def show(_: Request) -> Response:
        return Response(200, b"hubbub_open_circuit 1.0\n", "text/plain")

    tls = ServerTls(join_calls_tls(*authority.issue("users"), None), "users")
    async with serving(tls.context, show) as address:
        with contextlib.closing(HttpClient(tls=client_context(authority.ca))) as http:
            found = await ask_figures(http, Replicas("users", (address,)), ["hubbub_open_circuit"])
    assert found.total("hubbub_open_circuit") == 1


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_certificate_is_refused_and_named(
    authority: Authority, tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The call is unavailable; the log reports once whose certificate is wrong, and why."""
    files = issue_wrong(authority, tmp_path, wrong, "users")
    async with serving(shown(files)) as address:
        with calling(address, authority.ca) as calls, pytest.raises(Refusal) as refused:
            await call(calls, address)
    assert refused.value.code == "unavailable"
    (said,) = complaints(caplog, "call not made")
    assert WRONG[wrong] in said["error"]
    assert said["replica"] == address


async def test_both_sides_must_speak_tls(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """A caller with a CA sends nothing to a plain-text server, and a server with a certificate does
    not answer in plain text."""
    async with serving(None) as address:
        with calling(address, authority.ca) as calls, pytest.raises(Refusal):
            await call(calls, address)
    (said,) = complaints(caplog, "call not made")
    assert said["error"] == "it does not speak TLS"
    async with serving(shown(authority.issue("users"))) as address:
        with calling(address, None) as calls, pytest.raises(Refusal):
            await call(calls, address)


def test_the_certificates_of_the_command_are_good(tmp_path: Path) -> None:
    """deploy/make-certificates: a CA, one for each called service, and one for each named host; a
    second run keeps what is there."""
    said = [
        subprocess.run(
            [PROJECT / "deploy/make-certificates", tmp_path, "127.0.0.1", "db.example.org"],
            check=True, capture_output=True, text=True,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert (len(said[0].splitlines()), said[1]) == (8, "")
    for name in ("users", "chats", "realtime", "edge", "files"):
        files = Files(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        ServerTls(join_calls_tls(*files, tmp_path / "ca.pem"), name)
    strict: list[str | Path] = ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca.pem"]
    for name in ("users", "chats", "127.0.0.1", "db.example.org"):
        subprocess.run([*strict, tmp_path / f"{name}.pem"], check=True, capture_output=True)


def test_ones_own_certificate_is_judged_at_the_start(authority: Authority, tmp_path: Path) -> None:
    """Expired, not yet valid, for another name, with another's key, not PEM: with a clear
    message."""
    good = authority.issue("users")
    for files, said in (
        (authority.issue("users", days_left=-1), "expired on"),
        (authority.issue("users", begins_in=1), "is not valid before"),
        (authority.issue("chats"), "is for chats, not for users"),
        (good._replace(key=authority.issue("users").key), "is not the key of"),
        (good._replace(key=tmp_path / "none"), "No such file"),
        (good._replace(certificate=good.key), "no start line|pem lib|no certificate"),
    ):
        with pytest.raises(ValueError, match=said):
            ServerTls(join_calls_tls(*files, None), "users")
    with pytest.raises(ValueError, match="cannot use"):
        client_context(good.key)


async def test_a_renewed_certificate_is_taken_up(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the running process; if the new one is unusable, the old one stays in use."""
    monkeypatch.setattr(certificates, "RELOAD_SECONDS", 0.02)
    old = authority.issue("users")
    tls = ServerTls(join_calls_tls(*old, None), "users")
    reading = asyncio.create_task(tls.keep_current())

    async def shown_number() -> int:
        context = client_context(authority.ca)
        host, _, port = address.rpartition(":")
        _, writer = await asyncio.open_connection(
            host, int(port), ssl=context, server_hostname="users"
        )
        found = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        writer.close()
        return int(found, 16)

    async with serving(tls.context) as address:
        first = await shown_number()
        await asyncio.sleep(0.1)  # the task has seen the old files
        for bad in (
            authority.issue("chats"),
            authority.issue("users", days_left=-1),
            authority.issue("users")._replace(key=authority.issue("users").key),
            None,
        ):
            if bad is None:
                old.certificate.write_text("nothing")
            else:
                shutil.copy(bad.key, old.key)
                shutil.copy(bad.certificate, old.certificate)
            with pytest.raises(ValueError, match=str(old.certificate)):
                tls._read()
            assert await shown_number() == first
        new = authority.issue("users", days_left=3)
        shutil.copy(new.key, old.key)
        shutil.copy(new.certificate, old.certificate)
        async with asyncio.timeout(60):
            while await shown_number() == first:  # noqa: ASYNC110 - polls over the network
                await asyncio.sleep(0.02)
    reading.cancel()
    assert 2 * DAY_SECONDS < EXPIRES._value.get() - time.time() < 3 * DAY_SECONDS


async def test_a_certificate_that_is_missing_while_it_is_read_is_read_again(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal may remove the old file first; the new one may have a modification time already
    seen."""
    old, read = authority.issue("users"), certificates._read_own
    tls = ServerTls(join_calls_tls(*old, None), "users")
    tries: list[Path] = []

    def read_later(path: Path) -> Any:
        tries.append(path)
        if len(tries) == 1:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return read(path)

    monkeypatch.setattr(certificates, "RELOAD_SECONDS", 0.02)
    monkeypatch.setattr(certificates, "_read_own", read_later)
    reading = asyncio.create_task(tls.keep_current())
    await asyncio.sleep(0.1)  # the task has seen the old files
    new = authority.issue("users", days_left=3)
    shutil.copy(new.key, old.key)
    shutil.copy(new.certificate, old.certificate)
    async with asyncio.timeout(30):
        while EXPIRES._value.get() - time.time() > 3 * DAY_SECONDS:
            assert not reading.done()
            await asyncio.sleep(0.02)
    reading.cancel()


async def test_services_call_each_other_over_tls(
    authority: Authority, tmp_path: Path, valkey: ValkeyServer, topic_prefix: str,
    make_database: Callable[[], str],
) -> None:  # fmt: skip
    """users and chats as processes: a chat needs a call each way. Health is served in plain text on
    a separate port, and callers find the TLS port."""
    credentials = Credentials(tmp_path)
    ports: dict[str, list[ReservedPort]] = {}
    (tmp_path / "signing.key").write_text("what wraps the keys of tests")
    urls = {f"HUBBUB_{role.upper()}_DATABASE_URL": make_database() for role in ("users", "chats")}
    async with contextlib.AsyncExitStack() as stack:
        for role in ("users", "chats"):
            ports[role] = [stack.enter_context(contextlib.closing(ReservedPort())) for _ in "ab"]
        for role, (calls, health) in ports.items():
            certificate, key = authority.issue(role)
            environment = {
                "PATH": os.environ["PATH"],
                "HUBBUB_LISTEN": calls.address,
                "HUBBUB_METRICS_LISTEN": health.address,
                "HUBBUB_VALKEY_URL": valkey.url,
                "HUBBUB_TOPIC_PREFIX": topic_prefix,
                "HUBBUB_USERS_SEEDS": ports["users"][0].address,
                "HUBBUB_SIGNING_SECRET_FILE": str(tmp_path / "signing.key"),
                "HUBBUB_CALLS_CERTIFICATE": str(certificate),
                "HUBBUB_CALLS_KEY": str(key),
                "HUBBUB_CALLS_CA": str(authority.ca),
                **credentials.environment(role),
                **urls,
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", role, env=environment, cwd=PROJECT
            )
            stack.push_async_callback(process.wait)
            stack.callback(process.kill)
        async with asyncio.timeout(120):
            for _, health in ports.values():
                address = Address(LOOPBACK, health.number)
                while await http_status(address, "/health/ready") != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            client = Valkey(valkey.url, topic_prefix)
            for role, (calls, _) in ports.items():
                while await client.list_leases(role) != [calls.address]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            client.close()
        edge = Caller("edge", credentials.secrets["edge"])
        http = stack.enter_context(
            contextlib.closing(HttpClient(edge, client_context(authority.ca)))
        )
        users, chats = (
            Calls(http, Replicas(role, (calls.address,))) for role, (calls, _) in ports.items()
        )
        asked = SignUp(username="ann", email="ann@example.org", password=None, key=new_id())
        ann = await users.call("sign_up", asked, Grant, timeout=60)
        session = jwt.decode(ann.token, options={"verify_signature": False})["sid"]
        wanted = CreateChat(
            user=ann.user.id, session=session, key=new_id(), chat_name="A", participants=[]
        )
        assert (await chats.call("create_chat", wanted, Chat, timeout=60)).seq == 1


@pytest.mark.parametrize("wrong", [None, *WRONG])
async def test_valkey_over_tls(
    authority: Authority, tmp_path: Path, valkey: ValkeyServer, topic_prefix: str,
    wrong: str | None, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Commands and the bus, one server or a cluster of URLs, with the CA of the URL; a wrong
    certificate is refused and reported."""
    name = "127.0.0.1"
    files = issue_wrong(authority, tmp_path, wrong, name) if wrong else authority.issue(name)
    async with tls_front(files, int(valkey.url.rpartition(":")[2])) as port:
        url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority.ca}"
        with contextlib.closing(Valkey(url, topic_prefix)) as client:
            kept = await client.keep(f"{topic_prefix}a", b"1", seconds=60)
            assert kept is (wrong is None)
            if wrong is None:
                up = asyncio.Event()
                running = asyncio.create_task(
                    client.bus.run(lambda _: None, lambda is_up, _: up.set() if is_up else None)
                )
                async with asyncio.timeout(60):
                    await up.wait()
                running.cancel()
                return
    said = complaints(caplog, "Valkey not used")
    expected = WRONG[wrong].replace("'users'", f"'{name}'")
    assert said[0]["address"] == f"127.0.0.1:{port}"
    assert expected in said[0]["error"] or "IP address mismatch" in said[0]["error"]


@pytest.mark.parametrize("wrong", [None, *WRONG])
async def test_postgresql_over_tls(
    authority: Authority, tmp_path: Path, postgres: PostgresServer, database_url: str,
    wrong: str | None,
) -> None:  # fmt: skip
    """`sslmode=verify-full` and `sslrootcert` of the URL; a wrong certificate is refused and
    reported in the start-up message of the service."""
    name = "127.0.0.1"
    files = issue_wrong(authority, tmp_path, wrong, name) if wrong else authority.issue(name)
    async with tls_front(files, postgres.port, postgres=True) as port:
        url = database_url.replace(f":{postgres.port}/", f":{port}/")
        url += f"?sslmode=verify-full&sslrootcert={authority.ca}"
        if wrong is None:
            async with create_pool(url, size=1, min_size=1) as pool, pool.connection() as found:
                cursor = await found.execute("SELECT 1")
                assert await cursor.fetchone() == (1,)
                return
        with pytest.raises(DatabaseUnreachable) as refused:
            await migrate(url, PROJECT / "users" / "migrations")
    expected = {
        "another CA": "certificate verify failed",
        "another name": "does not match host name",
        "expired": "certificate has expired|certificate verify failed",
    }[wrong]
    assert any(part in str(refused.value) for part in expected.split("|")), str(refused.value)
