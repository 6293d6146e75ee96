"""The public port, as clients reach it: over TLS, and with a PROXY protocol header if this machine
counts as a proxy. Says whether it answers, and which certificate it shows."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from common.process.logs import log
from fleet.processes.probe import Address
from fleet.settings import FleetSettings

TIMEOUT_SECONDS: Final = 5.0
WATCH_SECONDS: Final = 60.0
# HAProxy renews what it obtains when a twelfth of the validity is left (acme_will_expire in its
# src/acme.c); others renew earlier.
LEAST_VALIDITY: Final = 1 / 20
LEAST_VALIDITY_SECONDS: Final = 14 * 86_400.0
_UNKNOWN: Final = b"PROXY UNKNOWN\r\n"  # keeps the address of the connection


class ShownCertificate(NamedTuple):
    """Times in Unix seconds; `names` are the hosts that it is for."""

    begins: float
    ends: float
    names: tuple[str, ...]

    @property
    def due(self) -> float:
        """When it should have been renewed at the latest."""
        left = (self.ends - self.begins) * LEAST_VALIDITY
        return self.ends - min(left, LEAST_VALIDITY_SECONDS)

    def is_for(self, host: str) -> bool:
        """By RFC 9525, section 6.3: a wildcard stands for one whole label."""
        _, _, parent = host.lower().partition(".")
        return any(name.lower() in (host.lower(), f"*.{parent}") for name in self.names)


class Entrance(NamedTuple):
    """`status` is that of `/health/ready`, None if nothing answers in time; `certificate` is what
    is shown over TLS."""

    status: int | None = None
    certificate: ShownCertificate | None = None


def public_host(settings: FleetSettings) -> str:
    """The host in the address that people use."""
    return urlsplit(settings.public_url).hostname or ""


async def ask_entrance(address: Address, settings: FleetSettings, *, tls: bool) -> Entrance:
    """Accepts any certificate: whether it is good is the doctor's question."""
    request = f"GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    shown = None
    try:
        async with _connected(address, settings, tls=tls) as (reader, writer):
            shown = _shown_to(writer)
            writer.write(request.encode())
            words = (await reader.readline()).split()
    except (OSError, TimeoutError):
        return Entrance(None, shown)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
    return Entrance(status, shown)


async def read_certificate(address: Address, settings: FleetSettings) -> ShownCertificate | None:
    """What the port shows; None if it does not answer, or not with TLS."""
    try:
        async with _connected(address, settings, tls=True) as (_, writer):
            return _shown_to(writer)
    except (OSError, TimeoutError):
        return None


async def watch_certificate(
    address: Address, settings: FleetSettings, note: Callable[[ShownCertificate], None]
) -> None:
    """Notes every minute what the port shows, until cancelled."""
    while True:
        if (shown := await read_certificate(address, settings)) is not None:
            note(shown)
        await asyncio.sleep(WATCH_SECONDS)


@asynccontextmanager
async def _connected(
    address: Address, settings: FleetSettings, *, tls: bool
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Raises OSError, TimeoutError."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection(*address)
        try:
            own = writer.get_extra_info("sockname")[0]
            if settings.proxy_protocol and _is_among(own, settings.trusted_proxies):
                writer.write(_UNKNOWN)
            if tls:
                await writer.drain()
                # The name selects one of several certificates.
                host = public_host(settings) or address.host
                await writer.start_tls(_any_certificate(), server_hostname=host)
            yield reader, writer
        finally:
            writer.close()


def _is_among(own: str, networks: Sequence[str]) -> bool:
    return any(ip_address(own) in ip_network(network) for network in networks)


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _shown_to(writer: asyncio.StreamWriter) -> ShownCertificate | None:
    """None without TLS."""
    connection = writer.get_extra_info("ssl_object")
    if connection is None:
        return None
    from cryptography import x509  # 4 MB, which a system without a certificate does not need

    try:
        shown = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
    except ValueError as error:  # it is stricter than OpenSSL
        log("certificate not understood", level=logging.WARNING, error=str(error))
        return None
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = names.get_values_for_type(x509.DNSName)
        hosts += map(str, names.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        hosts = []
    begins, ends = shown.not_valid_before_utc, shown.not_valid_after_utc
    return ShownCertificate(begins.timestamp(), ends.timestamp(), tuple(hosts))
