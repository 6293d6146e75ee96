"""PostgreSQL's text form of arrays, for parameters cast with `::uuid[]` and the like: it takes a
fraction of the time that the driver needs for a list."""

from collections.abc import Iterable


def id_array(ids: Iterable[str]) -> str:
    """Ids that were checked to be ids."""
    return "{" + ",".join(ids) + "}"


def number_array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def bytes_array(values: Iterable[bytes]) -> str:
    r"""Hexadecimal, each element quoted because of its backslash: `{"\\x00"}`."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"
