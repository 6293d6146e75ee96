"""Declarations of calls and their query parameters."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from common.identity.tokens import Claims
from common.protocol.errors import Refusal
from common.protocol.wire import Id, Seq
from common.version import VERSION
from edge.bodies import Confirmation, Query, Wrongs
from edge.http.query import QueryReader
from edge.operation import Who, get, operations_of
from edge.operations import OPERATIONS

ID = "00000000-0000-4000-8000-000000000000"


def test_a_call_is_for_those_who_are_signed_in_unless_it_says_otherwise() -> None:
    """Nothing is public by omission."""

    class Routes:
        @get("/x/{x_id}", "An x", {200: Confirmation})
        async def get_x(self, x_id: Id) -> Confirmation:
            return Confirmation(message=x_id)

    (operation,) = operations_of(Routes)
    assert operation.who is Who.SIGNED_IN
    assert (operation.method, operation.status, operation.body) == ("GET", 200, None)


async def takes_nothing(self: Any) -> Confirmation:
    return Confirmation(message="")


async def takes_a_caller(self: Any, caller: Claims) -> Confirmation:
    return Confirmation(message="")


async def takes_text(self: Any, x_id: str) -> Confirmation:
    return Confirmation(message="")


@pytest.mark.parametrize(
    ("path", "who", "handler"),
    [
        ("/x/{x_id}", Who.SIGNED_IN, takes_nothing),
        ("/x", Who.SIGNED_IN, takes_text),
        ("/x/{x_id}", Who.SIGNED_IN, takes_text),
        ("/x", Who.EVERYBODY, takes_a_caller),
    ],
)
def test_a_handler_that_does_not_fit_is_no_call(path: str, who: Who, handler: Any) -> None:
    """A mistake in a declaration is reported when the process starts."""
    with pytest.raises(TypeError):
        get(path, "An x", {200: Confirmation}, who=who)(handler)


def test_the_version_is_that_of_the_release() -> None:
    """The overview has the version of pyproject.toml."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_every_call_is_declared_once() -> None:
    """No two declarations have the same method and path."""
    calls = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(calls) == len(set(calls))


class Wanted(Query):
    before: Annotated[Seq, Meta(description="Below this.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=20)] = 10
    order: Literal["made", "activity"] = "made"
    whole: bool = False
    ids: Annotated[list[Id], Meta(max_length=2)] | None = None

    def wrong_fields(self) -> Wrongs:
        return {"whole": "not with before" if self.whole and self.before is not None else None}


READER = QueryReader(Wanted)


def test_what_is_absent_has_its_default() -> None:
    """Unknown parameters are ignored."""
    assert READER.read(b"") == READER.read(b"x=1&&y") == Wanted()


def test_values_are_read_by_their_types() -> None:
    """Numbers, choices, booleans and lists with commas."""
    wanted = READER.read(b"before=0&limit=20&order=acti%76ity&ids=" + f"{ID},{ID}".encode())
    assert wanted == Wanted(before=0, limit=20, order="activity", ids=[ID, ID])
    assert READER.read(b"whole=true").whole is True


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *[(b"limit=" + value, "limit") for value in (b"0", b"21", b"x", b"", b"+1", b"1.0", b"-1")],
        *[(b"before=" + value, "before") for value in (b"-1", b"9223372036854775808", b"\xd9\xa3")],
        *[(b"ids=" + value, "ids") for value in (b"", b"x", f"{ID},{ID},{ID}".encode(), b",")],
        (b"order=x", "order"),
        (b"whole=1", "whole"),
        (b"limit=1&limit=1", "limit"),
        (b"order=%00", "order"),
        (b"order=%ff", "order"),
        (b"whole=true&before=1", "whole"),
    ],
)
def test_a_wrong_value_is_refused(query: bytes, field: str) -> None:
    """Malformed, out of range, repeated, not text, or bad in combination: named, never clamped."""
    with pytest.raises(Refusal) as refused:
        READER.read(query)
    assert refused.value.code == "invalid_request"
    assert [error["field"] for error in refused.value.errors or []] == [field]
