"""Which addresses are fetched on behalf of users."""

from ipaddress import ip_address

import pytest

from files.outside.addresses import choose_address, is_public
from files.outside.connection import AddressRefused, connect, place_of
from files.outside.lookups import Lookups

INSIDE = (
    "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "192.88.99.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::", "3fff::1", "5f00::1",
)  # fmt: skip
OUTSIDE = ("1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::1")


@pytest.mark.parametrize("address", INSIDE)
def test_what_only_a_network_of_its_own_reaches_is_not_asked(address: str) -> None:
    """Whatever its spelling, and through any gateway that would lead there."""
    assert not is_public(ip_address(address))
    assert choose_address([address]) is None
    assert choose_address(["1.1.1.1", address]) is None


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_open_internet_is_asked(address: str) -> None:
    """The request goes to the address that was checked."""
    assert choose_address([address, "1.1.1.1"]) == address


def test_a_name_that_leads_nowhere_is_not_asked() -> None:
    """A name without an address must not be fetched."""
    assert choose_address([]) is None
    assert choose_address(["127.0.0.1"], loopback=True) == "127.0.0.1"
    assert choose_address(["1.1.1.1"], loopback=True) is None


@pytest.mark.parametrize(
    "url", ["https://localhost/x", "https://127.0.0.1/", "http://[::1]:80/", "https://2130706433/"]
)
async def test_a_name_of_this_machine_is_not_asked(url: str) -> None:
    """Whatever its spelling: what counts is the address to which the request would go."""
    with pytest.raises(AddressRefused):
        await connect(url, Lookups())


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "https:///x", "x"])
def test_only_http_is_spoken(url: str) -> None:
    """Other schemes are refused."""
    with pytest.raises(ValueError, match="is not asked for anything"):
        place_of(url)
