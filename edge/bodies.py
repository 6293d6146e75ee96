"""The bodies of the public REST calls, as the contract spells them.

Requests are decoded into these structs and answers encoded from them; the API's description is
generated from them too. Pure, no I/O.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from common.limits import MAX_PARTICIPANTS_A_REQUEST
from common.protocol.chats import Chat
from common.protocol.users import Account, Person
from common.protocol.wire import Id, Wire

Ids = Annotated[list[Id], Meta(max_length=MAX_PARTICIPANTS_A_REQUEST)]

# ---- requests


class SignUpBody(Wire):
    username: str
    email: str
    password: str | UnsetType = UNSET


class LogInBody(Wire):
    username: str
    password: str


class AccountBody(Wire):
    """`POST /api/user`: with `email` it signs up, with `password` alone it logs in."""

    username: str
    email: str | UnsetType = UNSET
    password: str | UnsetType = UNSET


class ProfileBody(Wire):
    email: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    current_password: str | UnsetType = UNSET


class RefreshBody(Wire):
    refresh_token: str


class CookieRefreshBody(Wire):
    """With `X-Hubbub-Session: cookie` the token is in the cookie."""

    refresh_token: str | UnsetType = UNSET


class ChatBody(Wire):
    participants: Ids
    chat_name: str


class ChatNameBody(Wire):
    chat_name: str


class ParticipantsBody(Wire):
    """One of the two."""

    user_id: Id | UnsetType = UNSET
    user_ids: Annotated[Ids, Meta(min_length=1)] | UnsetType = UNSET


class MessageBody(Wire):
    message: str
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


class ChatCreated(Answer):
    id: Id
    participants: list[Id]
    chat_name: str


class ChatCreatedAnswer(Answer):
    message: str
    chat: ChatCreated


class ChatsAnswer(Answer):
    chats: list[Chat]
    next: Id | None


class MessageInfo(Answer):
    message_id: Id
    message: str
    seq: int
    at: str
    client_id: Id | UnsetType = UNSET


class MessageSentAnswer(Answer):
    message: str
    message_info: MessageInfo


class StatusAnswer(Answer):
    status: str
