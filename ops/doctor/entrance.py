"""One request to the public port, as a client has to make it: over TLS, and starting with a PROXY
protocol header if this machine counts as a proxy."""

import asyncio
import ssl
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Final

from fleet.processes.probe import Address
from fleet.settings import FleetSettings

TIMEOUT_SECONDS: Final = 5.0
_UNKNOWN: Final = b"PROXY UNKNOWN\r\n"  # keeps the address of the connection


async def ask_entrance(address: Address, settings: FleetSettings) -> int | None:
    """The status of `/health/ready`, None if nothing answers in time. Accepts any certificate: the
    question is only whether something answers."""
    request = f"GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(*address)
            try:
                own = writer.get_extra_info("sockname")[0]
                if settings.proxy_protocol and _is_among(own, settings.trusted_proxies):
                    writer.write(_UNKNOWN)
                if settings.tls_certificate:
                    await writer.drain()
                    await writer.start_tls(_any_certificate())
                writer.write(request.encode())
                words = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def _is_among(own: str, networks: Sequence[str]) -> bool:
    return any(ip_address(own) in ip_network(network) for network in networks)


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
