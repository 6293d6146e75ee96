"""Why calls may be repeated: what each declares, and what its request contains."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from common.calls.service import Repeat
from tests.fixtures.declared_calls import CREATE, declared_calls


def names_in(kind: Any) -> Iterator[str]:
    """The fields of a struct, or of those in a list or union."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield field.name
            yield from names_in(field.type)
    for part in get_args(kind):
        yield from names_in(part)


@pytest.mark.parametrize("service", CREATE)
def test_each_call_says_why_it_may_be_repeated(service: str) -> None:
    """By a key only if its request has a key to look it up by: a key that nobody looks up would be
    a false promise."""
    for call in declared_calls(service):
        assert call.repeat in get_args(Repeat), call.name
        names = set(names_in(call.request))
        assert not (call.repeat == "key" and names.isdisjoint({"key", "transaction"})), call.name
        assert not ("key" in names and call.repeat != "key"), call.name
