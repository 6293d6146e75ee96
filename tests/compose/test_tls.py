"""HAProxy's TLS: with a certificate that it obtains itself from Debian's pebble, and with mounted
certificates."""

import asyncio
import datetime
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.compose.stack import NoEngine, Stack, demand_engine
from tests.flow.conftest import eventually

PLAIN_PORT, TLS_PORT = 8850, 8853
DOMAIN = "chat.example.test"
SERVER_PARTS = ("certificates", "haproxy")  # TLS needs no service behind it


def _make_certificate(name: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem


def _write_readable(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)  # this machine does not know the containers' users


async def _served() -> x509.Certificate:
    pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", TLS_PORT))
    return x509.load_pem_x509_certificate(pem.encode())


async def _redirect() -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(
            f"http://127.0.0.1:{PLAIN_PORT}/api/chat?limit=1",
            headers={"Host": DOMAIN},
            allow_redirects=False,
        ) as answer,
    ):
        return answer.status, answer.headers["Location"]


def _stack(folder: Path, **variables: str) -> Stack:
    try:
        demand_engine()
    except NoEngine as missing:
        pytest.exit(f"make compose-test: {missing}", returncode=1)
    return Stack(
        folder,
        COMPOSE_PROJECT_NAME="hubbub-tls",
        HUBBUB_IMAGE="hubbub-tls:0.1.0",  # compose labels its images with the project
        HUBBUB_PORT=str(PLAIN_PORT),
        HUBBUB_TLS_PORT=str(TLS_PORT),
        HUBBUB_GRAFANA_PORT=str(PLAIN_PORT + 1),
        **variables,
    )


@pytest.fixture(params=["admin@example.test", ""])
def with_domain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """HAProxy configured only with a domain and an authority; with a contact address for the
    authority, and without."""
    pebble = tmp_path / "pebble"
    pebble.mkdir(mode=0o755)
    certificate, key = _make_certificate("pebble")
    _write_readable(pebble / "authority.pem", certificate)
    _write_readable(pebble / "authority.key", key)
    settings = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/pebble/authority.pem",
        "privateKey": "/pebble/authority.key",
        "httpPort": 8080,
        "tlsPort": 8443,
        "certificateValidityPeriod": 7_776_000,
    }
    _write_readable(pebble / "pebble.json", json.dumps({"pebble": settings}).encode())
    tmp_path.chmod(0o755)
    stack = _stack(
        tmp_path,
        COMPOSE_FILE="docker-compose.yml:tests/compose/pebble/compose.yml",
        PEBBLE=str(pebble),
        HUBBUB_DOMAIN=DOMAIN,
        HUBBUB_ACME_EMAIL=request.param,
        HUBBUB_ACME_DIRECTORY="https://pebble:14000/dir",
        HUBBUB_ACME_CA="/etc/hubbub/authority.pem",
    )
    stack.down()
    try:
        stack.compose("build", "edge")
        stack.compose("up", "--detach", "--build", "--no-deps", "--wait", "pebble", "certificates")
        stack.compose("up", "--detach", "--no-deps", "--wait", "haproxy")
        yield stack
    finally:
        stack.down()


async def test_domain_gets_its_certificate_by_itself(with_domain: Stack) -> None:
    """HAProxy answers the authority's challenge, serves the certificate, still has it after a
    restart, and redirects plain HTTP to https."""

    async def is_certified() -> bool:
        return "Pebble" in (await _served()).issuer.rfc4514_string()

    await eventually(is_certified, 90)
    certificate = await _served()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [DOMAIN]
    assert await _redirect() == (308, f"https://{DOMAIN}/api/chat?limit=1")

    def stored() -> str:
        return with_domain.compose("exec", "-T", "certificates", "cat", "/acme/site.pem")

    async def is_stored() -> bool:
        pem = certificate.public_bytes(Encoding.PEM).decode()
        return pem in await asyncio.to_thread(stored)

    await eventually(is_stored, 30)
    await asyncio.to_thread(with_domain.compose, "stop", "pebble")
    await asyncio.to_thread(with_domain.compose, "restart", "--no-deps", "haproxy")
    await asyncio.to_thread(with_domain.compose, "up", "--detach", "--no-deps", "--wait", "haproxy")
    assert await _served() == certificate


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder that HAProxy may read."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "certificates"
    folder.mkdir(mode=0o755)
    return folder


async def test_mounted_certificate_is_served_and_replaced_without_a_restart(
    certificates: Path, tmp_path: Path
) -> None:
    """The certificate in the folder is served; a signal loads its replacement. The doctor sees that
    it is for another name than the public URL's."""
    first, second = _make_certificate(DOMAIN), _make_certificate(DOMAIN)
    _write_readable(certificates / "site.pem", b"".join(first))
    public = {"HUBBUB_PUBLIC_URL": "https://other.example.test"}
    stack = _stack(tmp_path, HUBBUB_CERTIFICATES=str(certificates), **public)
    try:
        stack.compose("build", "edge")
        stack.compose("up", "--detach", "--no-deps", "--wait", *SERVER_PARTS)
        assert (await _served()).public_bytes(Encoding.PEM) == first[0]
        assert (await _redirect())[0] == 308
        _write_readable(certificates / "site.pem", b"".join(second))
        stack.compose("exec", "-T", "haproxy", "sh", "-c", "kill -USR2 1")

        async def is_replaced() -> bool:
            return (await _served()).public_bytes(Encoding.PEM) == second[0]

        await eventually(is_replaced, 30)
        (found,) = (await asyncio.to_thread(stack.diagnose))["public certificate"]
        assert f"is for {DOMAIN}, not for other.example.test." in found["wrong"]
    finally:
        stack.down()
