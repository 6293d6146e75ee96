"""Range requests as defined in RFC 9110."""

import pytest

from files.ranges import NotSatisfiable, Span, read_range

RANGES = {
    None: None, "": None, "bytes=0-": Span(0, 10), "bytes=0-0": Span(0, 1),
    "bytes=2-4": Span(2, 5), "bytes=9-9": Span(9, 10), "bytes=5-99": Span(5, 10),
    "bytes=-3": Span(7, 10), "bytes=-99": Span(0, 10), "BYTES=1-2": Span(1, 3),
    "bytes=4-2": None, "bytes=-": None, "bytes=0-1,3-4": None, "lines=1-2": None,
    f"bytes=2-{'9' * 5_000}": Span(2, 10), f"bytes=-{'9' * 5_000}": Span(0, 10),
    f"bytes={'0' * 5_000}2-4": Span(2, 5), "bytes=a-b": None, "bytes=\u0661-": None,
}  # fmt: skip


@pytest.mark.parametrize("header", RANGES)
def test_range(header: str | None) -> None:
    """A single range is served; malformed or multiple ranges get the whole file."""
    assert read_range(header, 10) == RANGES[header]


@pytest.mark.parametrize(
    "header", ["bytes=10-", "bytes=10-12", "bytes=99-", "bytes=-0", f"bytes={'9' * 5_000}-"]
)
def test_no_such_range(header: str) -> None:
    """A range that begins after the end cannot be satisfied."""
    with pytest.raises(NotSatisfiable):
        read_range(header, 10)
