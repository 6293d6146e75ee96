"""Whose word about a request counts."""

import pytest

from common.calls.balancer import Word, network_of, read_word


@pytest.mark.parametrize("secret", ["a-secret-of-16-chars", "one of several words"])
@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
def test_the_balancers_word_is_taken(secret: str, address: str) -> None:
    """Its secret may have spaces; an address and a key have none."""
    assert read_word(f"{secret} {address} key", secret) == Word(address, "key")


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
    """Less than all of it, more than one of it, or another secret in it is only text."""
    assert read_word(header, "secret") is None


def test_without_a_balancer_there_is_nobody_to_believe() -> None:
    """Not even with an empty secret."""
    assert read_word(" 203.0.113.7 key", None) is None


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
    """An address of IPv4, however it came in; a /64 of IPv6; whatever else is not an address."""
    assert network_of(address) == network
