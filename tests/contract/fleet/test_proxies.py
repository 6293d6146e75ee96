"""The snippets of deploy/proxies, in front of HAProxy as described in docs/operations.md."""

import asyncio
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from common.protocol.limits import MAX_FILE_BYTES
from fleet.engines.balancer import Front
from fleet.processes.children import spawn
from fleet.processes.ports import LOOPBACK, ReservedPort
from fleet.settings import PROJECT_FOLDER
from tests.contract.fleet.conftest import PIECE_BYTES, MakeEntrance, client_in, write_certificate

SNIPPETS = PROJECT_FOLDER / "deploy" / "proxies"
CLIENT = "127.0.0.2"  # not a proxy, unlike 127.0.0.1
NAME = "chat.example.org"
START_SECONDS = 60.0


def start_nginx(folder: Path, hubbub: int, port: int) -> subprocess.Popen[bytes]:
    text = _changed(
        "nginx.conf",
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{hubbub};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (f"/etc/ssl/certs/{NAME}.pem", str(folder / "chain.pem")),
        (f"/etc/ssl/private/{NAME}.key", str(folder / "key.pem")),
    )
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""  # who can read the test's folder
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/nginx.pid; daemon off; events {{}}"
        f" http {{ access_log off; {paths}\n{text}}}"
    )
    return spawn(
        [_program("nginx"), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"],
        env={},
        cwd=folder,
    )


def start_caddy(folder: Path, hubbub: int, port: int) -> subprocess.Popen[bytes]:
    text = _changed(
        "Caddyfile",
        (f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls {folder}/chain.pem {folder}/key.pem"),
        ("127.0.0.1:8000", f"127.0.0.1:{hubbub}"),
    )
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}")
    return spawn(
        [_program("caddy"), "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"],
        env={"HOME": str(folder)},
        cwd=folder,
    )


def start_traefik(folder: Path, hubbub: int, port: int) -> subprocess.Popen[bytes]:
    routes = folder / "dynamic"
    routes.mkdir()
    certificates = (
        f"tls: {{certificates: [{{certFile: {folder}/chain.pem, keyFile: {folder}/key.pem}}]}}"
    )
    for name, target, changes in (
        (
            "traefik.yml",
            folder,
            (
                ('  web:\n    address: ":80"\n', f'  web:\n    address: "{LOOPBACK}:0"\n'),
                (":443", f"{LOOPBACK}:{port}"),
                ("/etc/traefik/dynamic", str(routes)),
                ("/var/lib/traefik", str(folder)),
            ),
        ),
        (
            "traefik-hubbub.yml",
            routes,
            (
                ("{certResolver: letsencrypt}", "{}"),  # no certificate authority is used here
                ("127.0.0.1:8000", f"127.0.0.1:{hubbub}"),
                ("http:\n  routers", f"{certificates}\nhttp:\n  routers"),
            ),
        ),
    ):
        (target / name).write_text(_changed(name, *changes))
    command = [_program("traefik"), f"--configFile={folder}/traefik.yml"]
    return spawn(command, env={}, cwd=folder)


def _changed(snippet: str, *changes: tuple[str, str]) -> str:
    """A snippet with ports and folders of the test. Raises AssertionError if the text to replace is
    missing."""
    text = (SNIPPETS / snippet).read_text()
    for ours, tested in changes:
        assert ours in text, ours
        text = text.replace(ours, tested)
    return text


def _program(name: str) -> str:
    places = f"{PROJECT_FOLDER}/.build/proxies/bin:/usr/local/sbin:/usr/sbin:/sbin"
    found = shutil.which(name, path=f"{places}:/usr/local/bin:/usr/bin:/bin")
    assert found, f"there is no {name}: .ci/neighbours installs it"
    return found


StartProxy = Callable[[Path, int, int], subprocess.Popen[bytes]]
Speak = Callable[..., Awaitable[str]]


@pytest.fixture
async def through_proxy(
    request: pytest.FixtureRequest, make_entrance: MakeEntrance, tmp_path: Path
) -> AsyncIterator[Speak]:
    """Sends lines of a request through the proxy that the test's parameter starts; returns the
    whole answer."""
    write_certificate(NAME, tmp_path / "chain.pem", tmp_path / "key.pem")
    entrance = await make_entrance(Front(trusted_proxies=(LOOPBACK,)))
    reserved = ReservedPort()
    reserved.close()  # it binds without address reuse
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def speak(*lines: str, body_bytes: int = 0) -> str:
        reader, writer = await asyncio.open_connection(
            LOOPBACK, reserved.number, ssl=context, server_hostname=NAME, local_addr=(CLIENT, 0)
        )
        writer.write("\r\n".join((*lines, f"Host: {NAME}", "", "")).encode())
        sending = asyncio.create_task(_send_zeros(writer, body_bytes))
        async with asyncio.timeout(START_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            assert length, head
            body = (await reader.readexactly(int(length[1]))).decode()
        sending.cancel()
        writer.close()
        return head + body

    process = request.param(tmp_path, entrance.port, reserved.number)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _passes_on(speak):
                assert process.poll() is None
                await asyncio.sleep(0.05)
        yield speak
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)


async def _send_zeros(writer: asyncio.StreamWriter, count: int) -> None:
    """As many as are accepted."""
    with suppress(OSError):
        for _ in range(0, count, PIECE_BYTES):
            writer.write(bytes(PIECE_BYTES))
            await writer.drain()


async def _passes_on(speak: Speak) -> bool:
    """A proxy's port may be open before it has read its routes."""
    try:
        return " 200 " in await speak("GET / HTTP/1.1")
    except (OSError, asyncio.IncompleteReadError):
        return False


in_front = pytest.mark.parametrize(
    "through_proxy", [start_nginx, start_caddy, start_traefik], indirect=True
)


@pytest.mark.long
@in_front
async def test_hubbub_sees_clients_through_the_proxy(through_proxy: Speak) -> None:
    """Their own address, whatever header they forge; the WebSocket upgrade is forwarded."""
    said = await through_proxy(
        "GET /ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        "X-Forwarded-For: 203.0.113.7",
    )  # fmt: skip
    assert " 200 " in said
    assert client_in(said) == CLIENT
    assert "upgrade: websocket" in said.lower()


@pytest.mark.long
@in_front
async def test_a_large_file_is_passed_on(through_proxy: Speak) -> None:
    """One of the maximum size, complete."""
    said = await through_proxy(
        "POST /api/chat/0197f3a0-0000-7000-8000-000000000000/file HTTP/1.1",
        "Content-Type: image/png",
        f"Content-Length: {MAX_FILE_BYTES}",
        body_bytes=MAX_FILE_BYTES,
    )
    assert " 200 " in said.splitlines()[0]
    assert client_in(said) == CLIENT
