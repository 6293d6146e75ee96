"""How an error in a body is answered: the refusal and the field that it names."""

import pytest

from common.protocol.errors import Refusal
from edge.http.request import decode_body
from edge.routes.chats import ChatBody, ParticipantsBody

ID = b'"00000000-0000-4000-8000-000000000000"'


@pytest.mark.parametrize(
    ("data", "field", "detail"),
    [
        (b'{"participants":[]}', "chatName", "is missing"),
        (b'{"chatName":1,"participants":[]}', "chatName", "must be a string"),
        (b'{"chatName":null,"participants":[]}', "chatName", "must be a string"),
        (b'{"chatName":"x","participants":["x"]}', "participants[0]",
         "must be a UUID of 36 lower-case characters"),
        (b'{"chatName":"x","participants":[' + ID + b",2]}", "participants[1]", "must be a string"),
        (b'{"chatName":"x","participants":{}}', "participants", "must be an array"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(data: bytes, field: str, detail: str) -> None:
    """`errors` names the field and the rule, never the value that was sent."""
    with pytest.raises(Refusal) as refused:
        decode_body(data, ChatBody)
    assert refused.value.errors == [{"field": field, "detail": detail}]


def test_a_length_is_named() -> None:
    """The error for a list that is too long gives the maximum."""
    with pytest.raises(Refusal) as refused:
        decode_body(b'{"userIds":[]}', ParticipantsBody)
    assert refused.value.errors == [{"field": "userIds", "detail": "must have at least 1 item"}]


@pytest.mark.parametrize("data", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_what_is_no_object_names_no_field(data: bytes) -> None:
    """The body as a whole is wrong, not a field."""
    with pytest.raises(Refusal) as refused:
        decode_body(data, ChatBody)
    assert refused.value.errors is None
    assert refused.value.detail == "The body must be a JSON object."
