"""Whose headers about a request are trusted."""

import pytest

from common.calls.balancer import Forwarded, network_of, read_balancer_header


@pytest.mark.parametrize("secret", ["a-secret-of-16-chars", "one of several words"])
@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
def test_the_balancers_word_is_taken(secret: str, address: str) -> None:
    """Its secret may contain spaces; an address and a key may not."""
    assert read_balancer_header(f"{secret} {address} key", secret) == Forwarded(address, "key")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "secret",
        "secret 203.0.113.7",
        "203.0.113.7 key",
        "other 203.0.113.7 key",
        "secret 203.0.113.7 key,secret 203.0.113.8 key",
        "sécret 203.0.113.7 key",
    ],
)
def test_nobody_elses_is(header: str) -> None:
    """An incomplete header, a repeated one, or one with another secret is ignored."""
    assert read_balancer_header(header, "secret") is None


def test_without_a_balancer_there_is_nobody_to_believe() -> None:
    """Not even one with an empty secret."""
    assert read_balancer_header(" 203.0.113.7 key", None) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::1", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
    ],
)
def test_a_client_is_what_it_could_have_all_of(address: str, network: str) -> None:
    """An IPv4 address, in either form; a /64 of IPv6; anything else is left unchanged."""
    assert network_of(address) == network
