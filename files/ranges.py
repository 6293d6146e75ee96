"""Which bytes a request wants (RFC 9110 section 14), and whether it has them already. Pure."""

import re
from typing import Final, NamedTuple

_MAX_DIGITS: Final = 18  # of any file's size; Python reads no number of thousands of digits

_match_range = re.compile(r"^bytes=([0-9]*)-([0-9]*)\Z", re.IGNORECASE | re.ASCII).match


class Span(NamedTuple):
    """From `start` up to `end`, which is not in it."""

    start: int
    end: int


class NotSatisfiable(Exception):
    """The range begins behind the end."""


def read_range(header: str | None, size: int) -> Span | None:
    """One range; None for all of it: what is malformed or names several is ignored, as it may be.
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
    """A larger one than any file's size is as good as another."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def is_among(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names this one; compared weakly, as it must be."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
