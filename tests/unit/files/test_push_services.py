"""Answers of push services are untrusted input."""

import pytest

from files.push.courier import retry_after


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        ("9" * 400, float("inf")),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None),
    ],
)
def test_when_to_ask_again(said: str, seconds: float | None) -> None:
    """A number of seconds or a date; no value raises an error."""
    assert retry_after({"retry-after": said}) == seconds
    assert retry_after({}) is None


def test_a_date() -> None:
    """A date in the past is before now."""
    passed = retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert passed is not None
    assert passed < 0
