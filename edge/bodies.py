"""Base classes of the bodies of the public calls; each call's own bodies are next to its handler.

Requests are decoded into these structs and answers encoded from them; the API's description is
generated from them too. Pure, no I/O.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, UnsetType

from common.protocol.fields import (
    MAX_DISPLAY_NAME_CHARACTERS,
    MAX_EMAIL_CHARACTERS,
    MAX_PASSWORD_CHARACTERS,
    MAX_STATUS_CHARACTERS,
    MAX_TOPIC_CHARACTERS,
    MIN_PASSWORD_CHARACTERS,
    USERNAME_PATTERN,
)
from common.protocol.limits import (
    MAX_ATTACHMENTS,
    MAX_CHAT_NAME_CHARACTERS,
    MAX_MENTIONS,
    MAX_MESSAGE_BYTES,
    MAX_PARTICIPANTS_A_REQUEST,
)
from common.protocol.wire import Id, Wire

T = TypeVar("T")

Wrongs = Mapping[str, str | None]
"""What is wrong, by field; None where nothing is."""


def or_none(value: T | UnsetType) -> T | None:
    """What the client sent in an optional field; None if it left the field out."""
    return None if value is UNSET else value


def wrong_if_sent(value: T | UnsetType, wrong_with: Callable[[T], str | None]) -> str | None:
    """What is wrong with an optional field; None also if the client left it out."""
    return None if value is UNSET else wrong_with(value)


class RequestBody(Wire):
    """What a client sends as JSON."""

    def wrong_fields(self) -> Wrongs:
        """Checks the rules that types cannot express."""
        return {}

    def own_key(self) -> str | UnsetType:
        """The Idempotency-Key, where the body may contain it too."""
        return UNSET


class Query(Wire):
    """The query of a request: numbers, ids, texts, choices, lists of these."""

    def wrong_fields(self) -> Wrongs:
        """Checks the rules that types cannot express."""
        return {}


class AnswerBody(Wire, omit_defaults=False):
    """Always written out in full; UNSET fields are left out."""


class Confirmation(AnswerBody):
    """The answer of a call that only confirms that it is done."""

    message: str


Ids = Annotated[list[Id], Meta(max_length=MAX_PARTICIPANTS_A_REQUEST)]

# The rules of common/protocol/fields.py, for the API's description; msgspec does not check these.
Username = Annotated[str, Meta(extra_json_schema={"pattern": USERNAME_PATTERN})]
Email = Annotated[
    str,
    Meta(
        description="One @, 1 to 64 characters before it, a dot after it, no spaces.",
        extra_json_schema={"maxLength": MAX_EMAIL_CHARACTERS},
    ),
]
Password = Annotated[
    str,
    Meta(
        description="Counted in code points of its NFC form.",
        extra_json_schema={
            "minLength": MIN_PASSWORD_CHARACTERS,
            "maxLength": MAX_PASSWORD_CHARACTERS,
        },
    ),
]
ChatName = Annotated[
    str,
    Meta(
        description="Not white space alone.",
        extra_json_schema={"minLength": 1, "maxLength": MAX_CHAT_NAME_CHARACTERS},
    ),
]
DisplayName = Annotated[
    str,
    Meta(
        description="Not white space alone.",
        extra_json_schema={"minLength": 1, "maxLength": MAX_DISPLAY_NAME_CHARACTERS},
    ),
]
Status = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_STATUS_CHARACTERS})]
Topic = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_TOPIC_CHARACTERS})]
MessageText = Annotated[
    str,
    Meta(
        description="1 to 8,192 bytes of UTF-8, stored as sent; it may be empty where there are "
        "attachments.",
        examples=["The garden is ours from noon."],
        extra_json_schema={"maxLength": MAX_MESSAGE_BYTES},
    ),
]
Mentions = Annotated[
    list[Id],
    Meta(
        max_length=MAX_MENTIONS,
        description="Users; those who do not take part are left out.",
    ),
]
Attachments = Annotated[
    list[Id],
    Meta(
        description="Files that the sender has uploaded to this chat and no message has, none "
        "twice.",
        extra_json_schema={"maxItems": MAX_ATTACHMENTS},
    ),
]
