"""HAProxy as started by the fleet, in front of servers that return the client address they are
told.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from common.calls.balancer import BALANCER_HEADER
from fleet.data.folder import short_path
from fleet.engines.balancer import Balancer, Front, PoolServer
from fleet.processes.ports import LOOPBACK, listen_publicly
from fleet.processes.supervised import Program

SERVERS = [
    PoolServer(pool, f"{pool}-1", f"{pool}-1.sock") for pool in ("edge", "realtime", "files")
]
START_SECONDS = 60.0
VALID_SECONDS = 86_400
POLL_SECONDS = 0.02  # how often a server checks whether it is to end
PIECE_BYTES = 65536
KEY = "the secret of the balancer"


class Entrance:
    """`port` is the public one."""

    def __init__(self, port: int, balancer: Balancer, program: Program, *, tls: bool) -> None:
        self.port, self.balancer = port, balancer
        self._program, self._tls = program, tls

    async def start(self) -> None:
        """Returns when HAProxy answers."""
        self._process = self._program.start()
        # HAProxy stops in a write to a full pipe.
        assert self._process.stdout is not None
        self._reading = Thread(target=self._process.stdout.read)
        self._reading.start()
        async with asyncio.timeout(START_SECONDS):
            while not await self._program.is_ready():  # noqa: ASYNC110 - polls another process
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """Returns when it has ended."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        await asyncio.to_thread(self._reading.join)
        assert self._process.stdout is not None
        self._process.stdout.close()

    async def seen_address(self, *headers: str, first: bytes = b"") -> str:
        """The client address that edge is told; `first` is sent before the request."""
        said = await self.ask(*headers, first=first)
        return client_in(said)

    async def ask(self, *headers: str, first: bytes = b"") -> str:
        """The whole answer."""
        reader, writer = await self.connect()
        lines = ["GET / HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
        writer.write(first + "\r\n".join(lines).encode())
        async with asyncio.timeout(START_SECONDS):
            said = (await reader.read()).decode()
        writer.close()
        return said

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return await asyncio.open_connection(
            LOOPBACK, self.port, ssl=context if self._tls else None
        )

    async def certificate(self) -> str:
        """The name in the certificate that is served."""
        pem = await asyncio.to_thread(ssl.get_server_certificate, (LOOPBACK, self.port))
        return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()


def client_in(said: str) -> str:
    """The client address that HAProxy sent to edge, which edge has returned."""
    (line,) = [line for line in said.splitlines() if line.lower().startswith(BALANCER_HEADER)]
    return line.split(" ")[-2]


MakeEntrance = Callable[[Front], Awaitable[Entrance]]


@pytest.fixture
async def make_entrance(tmp_path: Path) -> AsyncIterator[MakeEntrance]:
    """Starts one with the given proxy in front."""
    async with AsyncExitStack() as stack:

        async def make(front: Front) -> Entrance:
            return await stack.enter_async_context(_running(tmp_path, front))

        yield make


@asynccontextmanager
async def _running(folder: Path, front: Front) -> AsyncIterator[Entrance]:
    balancer = Balancer(folder)
    await balancer.set_servers(dict.fromkeys(SERVERS, "ready"))
    with ExitStack() as stack:
        for each in SERVERS:
            stack.enter_context(echoing(folder, each.socket))
        listener = stack.enter_context(listen_publicly(LOOPBACK, 0))
        lock = stack.enter_context((folder / "lock").open("w"))
        program = balancer.program(
            listener=listener.fileno(), port=0, key=KEY, lock=lock.fileno(), front=front
        )
        entrance = Entrance(
            listener.getsockname()[1], balancer, program, tls=front.certificate is not None
        )
        try:
            await entrance.start()
            yield entrance
        finally:
            await entrance.kill()
            balancer.close()


@contextmanager
def echoing(folder: Path, name: str) -> Iterator[None]:
    """A server on threads, which are joined at the end. asyncio's, in Python 3.11, may leave open a
    connection that it has only just accepted."""
    (folder / name).unlink(missing_ok=True)  # of a previous entrance
    with short_path(folder, name) as path:
        server = ThreadingUnixStreamServer(path, _Echo)
    with server:
        serving = Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


class _Echo(StreamRequestHandler):
    """Answers with the head of the request, once it is complete."""

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (line := self.rfile.readline()):
                return
            head += line
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        for left in range(int(length[1]) if length else 0, 0, -PIECE_BYTES):
            self.rfile.read(min(left, PIECE_BYTES))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))


def write_certificate(name: str, chain: Path, key: Path) -> None:
    """A self-signed certificate."""
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(seconds=VALID_SECONDS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(own, hashes.SHA256())
    )
    pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    key.write_bytes(pem)
