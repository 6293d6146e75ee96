"""Validators of requests, as RFC 9110 has them."""

import pytest

from common.protocol.etags import is_among


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
    ],
)
def test_if_none_match(header: str | None, found: bool) -> None:
    """Tags are compared weakly, any of a list will do."""
    assert is_among(header, '"a"') is found
