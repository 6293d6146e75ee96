"""Which addresses may be contacted on behalf of users. Pure.

A user must not reach through it what only this machine or its network can reach (SSRF). A name is
checked by what it resolves to at the time of the request, and the request goes to the checked
address (a second look-up could return another).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

IPAddress = IPv4Address | IPv6Address

# Ranges that `is_global` counts as public in some versions of Python, or that reach IPv4 addresses
# through a gateway.
_NOT_PUBLIC: Final = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24", "192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
    )
)  # fmt: skip


def is_public(address: IPAddress) -> bool:
    """Whether it is an address on the public Internet."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in net for net in _NOT_PUBLIC if net.version == address.version)
    )


def choose_address(found: Iterable[str], *, loopback: bool = False) -> str | None:
    """The first address of a name; None if there is none, or if any of them is forbidden: a name
    that also leads inside is no accident. `loopback`: allows this machine itself."""
    chosen: str | None = None
    for text in found:
        address = ip_address(text.partition("%")[0])
        if not (address.is_loopback if loopback else is_public(address)):
            return None
        chosen = chosen or text
    return chosen
