"""Conditional requests, by RFC 9110."""

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
    """Tags are compared weakly, and any of a list matches."""
    assert is_among(header, '"a"') is found
