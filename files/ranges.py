"""Which bytes a request wants (RFC 9110 section 14). Pure."""

import re
from typing import Final, NamedTuple

_MAX_DIGITS: Final = 18  # of any file's size; Python refuses to parse thousands of digits

_match_range = re.compile(r"^bytes=([0-9]*)-([0-9]*)\Z", re.IGNORECASE | re.ASCII).match


class Span(NamedTuple):
    """From `start` up to `end`, exclusive."""

    start: int
    end: int


class NotSatisfiable(Exception):
    """The range begins after the end of the file."""


def read_range(header: str | None, size: int) -> Span | None:
    """One range; None for all of it: malformed or multiple ranges are ignored, as the RFC allows.
    Raises NotSatisfiable."""
    found = _match_range(header.replace(" ", "")) if header else None
    if found is None:
        return None
    first, last = found[1], found[2]
    if not first:
        if not last:
            return None
        count = _number(last)
        if count == 0:
            raise NotSatisfiable
        return Span(max(0, size - count), size)
    start = _number(first)
    end = min(_number(last) + 1, size) if last else size
    if last and _number(last) < start:
        return None
    if start >= size:
        raise NotSatisfiable
    return Span(start, end)


def _number(digits: str) -> int:
    """Any number larger than every file's size is equivalent."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS
