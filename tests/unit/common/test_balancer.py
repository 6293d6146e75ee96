"""Whose word about a request counts."""

import pytest

from common.calls.balancer import Word, read_word


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
