"""The snippets of deploy/proxies, in front of HAProxy as docs/operations.md says."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.children import spawn
from fleet.engines.balancer import Front
from fleet.ports import LOOPBACK, ReservedPort, is_taken
from fleet.settings import PROJECT_FOLDER
from tests.contract.fleet.conftest import MakeEntrance, client_in, write_certificate

SNIPPETS = PROJECT_FOLDER / "deploy" / "proxies"
CLIENT = "127.0.0.2"  # is no proxy, as 127.0.0.1 is
NAME = "chat.example.org"
START_SECONDS = 20.0


def start_nginx(folder: Path, hubbub: int, port: int) -> subprocess.Popen[bytes]:
    text = (SNIPPETS / "nginx.conf").read_text()
    for ours, tested in (
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{hubbub};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (f"/etc/ssl/certs/{NAME}.pem", str(folder / "chain.pem")),
        (f"/etc/ssl/private/{NAME}.key", str(folder / "key.pem")),
    ):
        assert ours in text
        text = text.replace(ours, tested)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/nginx.pid; daemon off; events {{}} http {{ access_log off; {paths}\n{text}}}"
    )
    command = [_program("nginx"), "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"]
    return spawn(command, env={}, cwd=folder)


def start_caddy(folder: Path, hubbub: int, port: int) -> subprocess.Popen[bytes]:
    text = (SNIPPETS / "Caddyfile").read_text()
    for ours, tested in (
        (f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls {folder}/chain.pem {folder}/key.pem"),
        ("127.0.0.1:8000", f"127.0.0.1:{hubbub}"),
    ):
        assert ours in text
        text = text.replace(ours, tested)
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}")
    command = [_program("caddy"), "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]
    return spawn(command, env={"HOME": str(folder)}, cwd=folder)


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
    assert found, f"there is no {name}: .ci/neighbours installs it"
    return found


@pytest.mark.long
@pytest.mark.parametrize("start", [start_nginx, start_caddy])
async def test_hubbub_sees_clients_through_the_proxy(
    make_entrance: MakeEntrance,
    tmp_path: Path,
    start: Callable[[Path, int, int], subprocess.Popen[bytes]],
) -> None:
    """Their own address, whatever header they forge; the upgrade to a WebSocket is passed on."""
    write_certificate(NAME, tmp_path / "chain.pem", tmp_path / "key.pem")
    entrance = await make_entrance(Front(trusted_proxies=(LOOPBACK,)))
    reserved = ReservedPort()
    reserved.close()  # it binds without address reuse
    process = start(tmp_path, entrance.port, reserved.number)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not is_taken(reserved.number):
                assert process.poll() is None
                await asyncio.sleep(0.05)
        context = ssl.create_default_context(cafile=str(tmp_path / "chain.pem"))
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(
            LOOPBACK, reserved.number, ssl=context, server_hostname=NAME, local_addr=(CLIENT, 0)
        )
        lines = (
            "GET / HTTP/1.1", f"Host: {NAME}", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            "X-Forwarded-For: 203.0.113.7", "", "",
        )  # fmt: skip
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(START_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            said = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
        assert b" 200 " in head
        assert client_in(said) == CLIENT
        assert "upgrade: websocket" in said.lower()
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)
