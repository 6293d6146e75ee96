"""What the balancer says about a request, in a header that it sets: its secret, the client's
address, and a key for this request.

On one machine every peer is on loopback, so an address proves nothing: only the secret shows that
the header comes from the balancer. One header rather than three, because each costs time in HAProxy
and here.
"""

import hmac
from ipaddress import IPv6Address, IPv6Network, ip_address
from socket import AF_INET, inet_pton
from typing import Final, NamedTuple

from common.protocol.ids import is_id, new_id

BALANCER_HEADER: Final = "x-hubbub-balancer"


class Forwarded(NamedTuple):
    """`request_key` is the same in every replay of a request."""

    client_address: str
    request_key: str


def read_balancer_header(header: str, secret: str | None) -> Forwarded | None:
    """None unless the header shows the balancer's secret; `secret` is None without a balancer."""
    match header.rsplit(" ", 2):
        case [given, client_address, request_key] if secret is not None:
            if hmac.compare_digest(given.encode(), secret.encode()):
                return Forwarded(client_address, request_key)
    return None


def request_key_of(forwarded: Forwarded | None) -> str:
    """The key that makes the balancer's own replay of a request harmless; a new one if the balancer
    sent none."""
    return forwarded.request_key if forwarded and is_id(forwarded.request_key) else new_id()


def network_of(address: str) -> str:
    """The network that limits count as one client. An IPv6 host has a whole /64 to itself (RFC 4291
    section 2.5.4); an IPv4 address has one spelling, even if it arrived over IPv6."""
    try:
        inet_pton(AF_INET, address)  # a shortcut for IPv4: one spelling, in a tenth of the time
    except (OSError, ValueError):
        return _network_of_other(address)
    return address


def _network_of_other(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:  # a Unix socket has no address
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(IPv6Network((int(parsed), 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
