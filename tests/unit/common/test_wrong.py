"""msgspec's messages in the words of our API."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from common.protocol.ids import WRONG_ID
from common.protocol.wire import Id
from common.protocol.wrong import Wrong, explain


class Inner(msgspec.Struct, frozen=True):
    number: float = 0.0


class Shape(msgspec.Struct, tag_field="type", tag="shape", rename="camel"):
    text: str
    may_be_null: int | UnsetType | None = UNSET
    flag: bool = False
    ids: Annotated[list[Id], Meta(min_length=1, max_length=2_000)] | UnsetType = UNSET
    by_id: dict[Id, int] = {}
    amount: Annotated[int, Meta(ge=2, le=9)] = 2
    digits: Annotated[str, Meta(pattern=r"^[0-9]+\Z")] = "0"
    short: Annotated[str, Meta(max_length=1)] = ""
    kind: Literal["a", "b"] = "a"
    inner: Inner = Inner()


GOOD = "00000000-0000-4000-8000-000000000000"
CASES = {
    "[]": ("", "must be an object"),
    '{"type":"x"}': ("type", "is none of its values"),
    '{"type":"shape"}': ("text", "is missing"),
    '"text":1': ("text", "must be a string"),
    '"mayBeNull":"1"': ("mayBeNull", "must be an integer or null"),
    '"flag":1': ("flag", "must be true or false"),
    '"ids":[]': ("ids", "must have at least 1 item"),
    f'"ids":{[GOOD] * 2001}'.replace("'", '"'): ("ids", "must have at most 2,000 items"),
    '"ids":["x"]': ("ids[0]", WRONG_ID),
    '"byId":{"x":1}': ("byId", WRONG_ID),
    '"byId":[]': ("byId", "must be an object"),
    '"amount":1': ("amount", "must be at least 2"),
    '"amount":10': ("amount", "must be at most 9"),
    '"amount":2.5': ("amount", "must be an integer"),
    '"amount":1e999': ("amount", "is a number out of range"),
    f'"amount":{"9" * 5000}': ("amount", "is a number out of range"),
    '"digits":"x"': ("digits", "is malformed"),
    '"short":"ab"': ("short", "must have at most 1 character"),
    '"kind":"` - at `$.text`"': ("kind", "is none of its values"),
    '"kind":"Number out of range"': ("kind", "is none of its values"),
    '"inner":{"number":"1"}': ("inner.number", "must be a number"),
}


@pytest.mark.parametrize("said", CASES)
def test_a_sentence_is_plain(said: str) -> None:
    """The message has the path of the field, and the rule."""
    whole = said if said[0] in "[{" else f'{{"type":"shape","text":"",{said}}}'
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.json.decode(whole, type=Shape)
    assert explain(str(error.value)) == Wrong(*CASES[said])
