"""Explains in plain words why JSON does not have the expected shape. Pure."""

import re
from typing import Final, NamedTuple

from common.protocol.ids import UUID_PATTERN, WRONG_ID

_NAMES: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_find_place = re.compile(r"`\$\.?([^`]*)`\Z").search
_find_missing = re.compile(r"\AObject missing required field `(.+?)`").match
_find_expected = re.compile(r"\AExpected `(.+?)`( of length)?(?: (>=|<=) (\d+))?").match


class Wrong(NamedTuple):
    """`field` is its path (`participants[1]`), empty for the whole; `rule` is the rule that it
    breaks, without a full stop."""

    field: str
    rule: str


def explain(sentence: str) -> Wrong:
    """Explains a msgspec.ValidationError."""
    place = _find_place(sentence)
    field = place[1] if place else ""
    if missing := _find_missing(sentence):
        return Wrong(f"{field}.{missing[1]}" if field else missing[1], "is missing")
    if "matching regex" in sentence:
        return Wrong(field, WRONG_ID if repr(UUID_PATTERN) in sentence else "is malformed")
    if sentence.startswith(("Number out of range", "Integer value out of range")):
        return Wrong(field, "is a number out of range")
    expected = _find_expected(sentence)
    return Wrong(field, _rule(*expected.groups()) if expected else "is none of its values")


def _rule(kinds: str, of_length: str | None, relation: str | None, bound: str | None) -> str:
    if bound is None:
        return "must be " + " or ".join(_NAMES.get(kind, kind) for kind in kinds.split(" | "))
    most = f"at {'least' if relation == '>=' else 'most'} {int(bound):,}"
    if not of_length:
        return f"must be {most}"
    unit = "item" if kinds == "array" else "character"
    return f"must have {most} {unit}{'' if bound == '1' else 's'}"
