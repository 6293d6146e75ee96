"""The bodies of the public REST calls, as the contract spells them.

Requests are decoded into these structs and answers encoded from them; the API's description is
generated from them too. Pure, no I/O.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from common.protocol.limits import (
    MAX_CHAT_NAME_CHARACTERS,
    MAX_MESSAGE_BYTES,
    MAX_PARTICIPANTS_A_REQUEST,
)
from common.protocol.users import Account, Person
from common.protocol.wire import Id, Wire
from edge.fields import (
    MAX_EMAIL_CHARACTERS,
    MAX_PASSWORD_CHARACTERS,
    MIN_PASSWORD_CHARACTERS,
    USERNAME_PATTERN,
)

Ids = Annotated[list[Id], Meta(max_length=MAX_PARTICIPANTS_A_REQUEST)]

# What edge/fields.py checks, for the API's description; msgspec itself does not check these.
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
MessageText = Annotated[
    str,
    Meta(
        description="1 to 8,192 bytes of UTF-8, stored as sent.",
        examples=["The garden is ours from noon."],
        extra_json_schema={"minLength": 1, "maxLength": MAX_MESSAGE_BYTES},
    ),
]

# ---- requests


class SignUpBody(Wire):
    """Without a password the account lives as long as its session is refreshed."""

    username: Username
    email: Email
    password: Password | UnsetType = UNSET


class LogInBody(Wire):
    username: str
    password: str


class AccountBody(Wire):
    """`POST /api/user`: with `email` it signs up, with `password` alone it logs in."""

    username: str
    email: str | UnsetType = UNSET
    password: str | UnsetType = UNSET


class ProfileBody(Wire):
    """At least one of `email` and `password`; a set password is changed with the current one."""

    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    current_password: str | UnsetType = UNSET


class RefreshBody(Wire):
    refresh_token: str


class CookieRefreshBody(Wire):
    """With `X-Hubbub-Session: cookie` the token is in the cookie."""

    refresh_token: str | UnsetType = UNSET


class ChatBody(Wire):
    participants: Ids
    chat_name: ChatName


class ChatNameBody(Wire):
    chat_name: ChatName


class ParticipantsBody(Wire):
    """One of the two."""

    user_id: Id | UnsetType = UNSET
    user_ids: Annotated[Ids, Meta(min_length=1)] | UnsetType = UNSET


class MessageBody(Wire):
    message: MessageText
    client_id: Id | UnsetType = UNSET


# ---- answers


class Answer(Wire, omit_defaults=False):
    """Always written out in full; UNSET fields are left out."""


class MessageAnswer(Answer):
    message: str


class GrantAnswer(Answer):
    """`expiresIn` in seconds; the refresh token is absent where it travels in a cookie."""

    message: str
    user: Account
    token: str
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class TokensAnswer(Answer):
    token: str
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class Me(Answer):
    id: Id
    username: str
    email: str
    chats: list[Id]


class MeAnswer(Answer):
    user: Me


class ProfileChangedAnswer(Answer):
    message: str
    user: Account


class PeopleAnswer(Answer):
    users: list[Person]


class SessionView(Answer):
    id: Id
    created_at: str
    refreshed_at: str
    expires_at: str
    current: bool


class SessionsAnswer(Answer):
    sessions: list[SessionView]


class NewChat(Answer):
    id: Id
    participants: list[Id]
    chat_name: str


class ChatCreatedAnswer(Answer):
    message: str
    chat: NewChat


class MessageInfo(Answer):
    message_id: Id
    message: MessageText
    seq: int
    at: str
    client_id: Id | UnsetType = UNSET


class MessageSentAnswer(Answer):
    message: str
    message_info: MessageInfo


class StatusAnswer(Answer):
    status: str
