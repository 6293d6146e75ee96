"""The query of a request, by the struct that declares it: names, bounds and defaults.

A value that is malformed, out of range or given twice is refused, not clamped; unknown parameters
are ignored.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar
from urllib.parse import unquote_plus

from msgspec import NODEFAULT
from msgspec import inspect as types

from common.protocol.errors import invalid
from common.protocol.fields import check_fields, wrong_with_text
from common.protocol.ids import UUID_PATTERN, WRONG_ID, is_id
from common.protocol.wire import MAX_SEQ
from edge.bodies import Query

MAX_HELD: Final = 64
MAX_HELD_BYTES: Final = 32
ESCAPE: Final = "surrogateescape"  # what is not UTF-8 becomes text that is refused

Q = TypeVar("Q", bound=Query)
_ReadValue = Callable[[str], Any]
_match_number = re.compile(r"^[0-9]{1,19}\Z", re.ASCII).match


class QueryReader(Generic[Q]):
    """Reads one kind of query. Raises TypeError for a field whose type no query can have."""

    def __init__(self, shape: type[Q]) -> None:
        described = types.type_info(shape)
        assert isinstance(described, types.StructType)
        self._shape = shape
        self._read_before: dict[bytes, Q] = {}  # most clients use the same few queries
        self._fields = {
            field.encode_name: (field.name, _reader(field.type)) for field in described.fields
        }
        self._required = [
            field.encode_name
            for field in described.fields
            if field.default is NODEFAULT and field.default_factory is NODEFAULT
        ]

    def read(self, query_string: bytes) -> Q:
        """Raises Refusal invalid_request."""
        query = self._read_before.get(query_string)
        if query is None:
            query = self._read(query_string)
            if len(query_string) <= MAX_HELD_BYTES:
                if len(self._read_before) >= MAX_HELD:
                    self._read_before.clear()
                self._read_before[query_string] = query
        return query

    def _read(self, query_string: bytes) -> Q:
        values: dict[str, Any] = {}
        if query_string:
            for name, text in _pairs(query_string):
                if name in self._fields:
                    field, read = self._fields[name]
                    if field in values:
                        raise invalid(name, "must be given once")
                    values[field] = _read_value(name, text, read)
        for name in self._required:
            if self._fields[name][0] not in values:
                raise invalid(name, "is missing")
        query = self._shape(**values)
        check_fields(query.wrong_fields())
        return query


def _pairs(query_string: bytes) -> Iterable[tuple[str, str]]:
    for pair in query_string.decode("utf-8", ESCAPE).split("&"):
        name, _, text = pair.partition("=")
        yield unquote_plus(name, errors=ESCAPE), unquote_plus(text, errors=ESCAPE)


def _read_value(name: str, text: str, read: _ReadValue) -> Any:
    if wrong := wrong_with_text(text):
        raise invalid(name, wrong)
    try:
        return read(text)
    except ValueError as error:
        raise invalid(name, str(error)) from error


def _reader(kind: types.Type) -> _ReadValue:
    """The function that converts the text, or raises ValueError with a sentence."""
    match kind:
        case types.Metadata(type=inner):
            return _reader(inner)
        case types.UnionType(types=parts):
            (inner,) = (part for part in parts if not isinstance(part, types.NoneType))
            return _reader(inner)
        case types.IntType(ge=low, le=high):
            return _number_reader(low or 0, MAX_SEQ if high is None else high)
        case types.StrType(pattern=pattern) if pattern == UUID_PATTERN:
            return _read_id
        case types.StrType(min_length=shortest, max_length=longest):
            return _text_reader(shortest or 0, longest)
        case types.BoolType():
            return _choice_reader({"true": True, "false": False})
        case types.LiteralType(values=values):
            return _choice_reader({str(value): value for value in values})
        case types.ListType(item_type=item, min_length=fewest, max_length=most):
            return _list_reader(_reader(item), fewest or 1, most)
    raise TypeError(f"a query cannot hold {kind}")


def _number_reader(low: int, high: int) -> _ReadValue:
    def read(text: str) -> int:
        if _match_number(text) is None or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _read_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(WRONG_ID)
    return text


def _text_reader(shortest: int, longest: int | None) -> _ReadValue:
    def read(text: str) -> str:
        if len(text) < shortest:
            raise ValueError("is empty" if shortest == 1 else f"must have {shortest} characters")
        if longest is not None and len(text) > longest:
            raise ValueError(f"must have at most {longest} characters")
        return text

    return read


def _choice_reader(choices: dict[str, Any]) -> _ReadValue:
    def read(text: str) -> Any:
        if text not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return choices[text]

    return read


def _list_reader(read_item: _ReadValue, fewest: int, most: int | None) -> _ReadValue:
    def read(text: str) -> list[Any]:
        items = text.split(",") if text else []
        if len(items) < fewest or (most is not None and len(items) > most):
            raise ValueError(f"must be {fewest} to {most} of them, with commas between")
        return [read_item(item) for item in items]

    return read
