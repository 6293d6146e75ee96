"""Arrays in PostgreSQL's own format, for parameters cast with `::uuid[]` and the like: writing them
takes a fraction of the time that the driver needs for a list. In text format, except for bytes."""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

_BYTEA: Final = 17  # its OID
_head = struct.Struct(">5i").pack  # dimensions, whether there are nulls, type, length, first index
_length = struct.Struct(">i").pack


def id_array(ids: Iterable[str]) -> str:
    """Ids that are known to be well-formed."""
    return "{" + ",".join(ids) + "}"


def number_array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def text_array(texts: Iterable[str]) -> str:
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def bytes_array(values: Sequence[bytes]) -> bytes:
    """In the binary format, as `array_recv` of PostgreSQL reads it."""
    parts = [_head(1, 0, _BYTEA, len(values), 1)]
    for value in values:
        parts += (_length(len(value)), value)
    return b"".join(parts)
