"""Which addresses may be asked on behalf of people. Pure.

Whoever names an address must not reach by it what only this machine or its network can reach. A
name is judged by what it leads to, at the moment of the request, and the request goes to the
address that was judged (no second look-up could give another one).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

IPAddress = IPv4Address | IPv6Address

# Those that `is_global` of some versions of Python takes for public, or that lead to IPv4 addresses
# through somebody's gateway.
_NOT_PUBLIC: Final = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24", "192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
    )
)  # fmt: skip


def is_public(address: IPAddress) -> bool:
    """Whether it is one of the open Internet."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in net for net in _NOT_PUBLIC if net.version == address.version)
    )


def choose_address(found: Iterable[str], *, loopback: bool = False) -> str | None:
    """The first of what a name leads to; None where there is none, or any of it may not be asked:
    a name that leads inside too is no accident. `loopback`: this machine itself is meant."""
    chosen: str | None = None
    for text in found:
        address = ip_address(text.partition("%")[0])
        if not (address.is_loopback if loopback else is_public(address)):
            return None
        chosen = chosen or text
    return chosen
