"""HAProxy as deploy/haproxy/balancer.sh starts it in a container, with this machine's program."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Final

import pytest

from common.calls.balancer import network_of
from fleet.engines.balancer import PoolServer, pools_text
from fleet.engines.binaries import haproxy_program
from fleet.processes.ports import LOOPBACK, ReservedPort
from fleet.settings import PROJECT_FOLDER
from tests.contract.fleet.conftest import client_in, echoing, write_certificate

FOLDER: Final = PROJECT_FOLDER / "deploy" / "haproxy"
LOOPBACK_6: Final = "::1"
INTERFACES: Final = Path("/proc/net/if_inet6")
PORTS: Final = ("8443", "8080", "9101")
START_SECONDS: Final = 60.0
FORWARDED: Final = "203.0.113.7"


class Container:
    """`tls` says whether it has a certificate."""

    def __init__(self, ports: dict[str, int], *, tls: bool) -> None:
        self._ports, self._tls = ports, tls

    async def ask(self, address: str, *headers: str, port: str = "") -> str:
        """The answer of the public port, or of the one that is `port` in a container."""
        context = None
        if self._tls and not port:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        public = "8443" if self._tls else "8080"
        reader, writer = await asyncio.open_connection(
            address, self._ports[port or public], ssl=context
        )
        with closing(writer):
            lines = ["GET / HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
            writer.write("\r\n".join(lines).encode())
            async with asyncio.timeout(START_SECONDS):
                return (await reader.read()).decode()

    async def until_up(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    if "200 OK" in await self.ask(LOOPBACK):
                        return
                except OSError:
                    pass
                await asyncio.sleep(0.05)


@asynccontextmanager
async def _started(folder: Path, *, tls: bool, interfaces: Path) -> AsyncIterator[Container]:
    settings, secrets = folder / "settings", folder / "secrets"
    (settings / "certificates").mkdir(parents=True)
    secrets.mkdir()
    shutil.copy(FOLDER / "haproxy.cfg", settings)
    redirecting = (FOLDER / "tls.cfg").read_text()
    # The map without a file is of a later release than the one here.
    (settings / "tls.cfg").write_text(redirecting.replace(",map(virt@acme)", ""))
    (secrets / "balancer.key").write_text("the secret of the balancer")
    edge = PoolServer("edge", "edge-1", "edge-1.sock")
    (settings / "containers.cfg").write_text(pools_text([edge]))
    if tls:
        chain, key = folder / "chain.pem", folder / "key.pem"
        write_certificate("chat.example.org", chain, key)
        both = chain.read_bytes() + key.read_bytes()
        (settings / "certificates" / "site.pem").write_bytes(both)
    (programs := folder / "programs").mkdir()
    (programs / "haproxy").symlink_to(haproxy_program())
    reserved = {port: ReservedPort() for port in PORTS}
    script = (FOLDER / "balancer.sh").read_text()
    for here, there in {
        "/etc/hubbub": str(settings),
        "/run/secrets": str(secrets),
        "/run/balancer/": "unix@",
        str(INTERFACES): str(interfaces),
        **{f":{port}": f":{own.number}" for port, own in reserved.items()},
    }.items():
        script = script.replace(here, there)
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", script,
        cwd=folder,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HUBBUB_DOMAIN": "",
            "HUBBUB_TRUSTED_PROXIES": f"{LOOPBACK}/32",
        },
    )  # fmt: skip
    try:
        with echoing(folder, edge.socket):
            container = Container({port: own.number for port, own in reserved.items()}, tls=tls)
            await container.until_up()
            yield container
    finally:
        with suppress(ProcessLookupError):  # it does not start
            process.kill()
        await process.wait()
        for own in reserved.values():
            own.close()


Start = Callable[..., Awaitable[Container]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts one; `interfaces` replaces the kernel's list of IPv6 addresses."""
    async with AsyncExitStack() as stack:

        async def start(*, tls: bool, interfaces: Path) -> Container:
            return await stack.enter_async_context(
                _started(tmp_path, tls=tls, interfaces=interfaces)
            )

        yield start


@pytest.mark.parametrize("tls", [False, True])
async def test_clients_connect_over_ipv6_and_ipv4(start: Start, tls: bool) -> None:
    """Over IPv6 if this machine has it. Each counts by its own address; a trusted IPv4 proxy is
    recognized, and plain HTTP is redirected."""
    container = await start(tls=tls, interfaces=INTERFACES)
    forwarded = f"X-Forwarded-For: {FORWARDED}"
    assert network_of(client_in(await container.ask(LOOPBACK))) == LOOPBACK
    assert client_in(await container.ask(LOOPBACK, forwarded)) == FORWARDED
    addresses = [LOOPBACK]
    if INTERFACES.exists() and INTERFACES.read_text():
        assert client_in(await container.ask(LOOPBACK_6, forwarded)) == LOOPBACK_6
        addresses.append(LOOPBACK_6)
    if tls:
        for address in addresses:
            assert " 308 " in await container.ask(address, port="8080")


@pytest.mark.parametrize("tls", [False, True])
async def test_a_kernel_without_ipv6_serves_ipv4(start: Start, tmp_path: Path, tls: bool) -> None:
    """HAProxy would not start with an address that it cannot use."""
    (none := tmp_path / "interfaces").touch()
    container = await start(tls=tls, interfaces=none)
    assert client_in(await container.ask(LOOPBACK)) == LOOPBACK
    with pytest.raises(OSError, match=LOOPBACK_6):
        await container.ask(LOOPBACK_6)
