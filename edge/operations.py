"""The table of public calls: what each takes, answers and refuses, for the API's description.

The routes do what this table says; a test compares the two, and every answer in the tests is held
to the description that is made of it.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from common.protocol.chats import Chat, ChatPage
from common.protocol.events import AnyEvent, Message
from common.protocol.limits import MAX_SLICE_EVENTS
from common.protocol.users import Person
from common.protocol.wire import Id
from edge import bodies as b
from edge.reading import MAX_SEQ
from edge.routes.chats import MAX_CHATS
from edge.routes.messages import MAX_MESSAGES


class EventsAnswer(b.Answer):
    """Ascending, without holes; `seq` is the chat's head."""

    events: list[AnyEvent]
    seq: int
    more: bool


class MessagesAnswer(b.Answer):
    """Newest first."""

    messages: list[Message]
    more: bool


class Document(b.Answer):
    """A JSON document."""


class Query(NamedTuple):
    name: str
    kind: Any  # a type, or a JSON schema
    detail: str
    required: bool = False


class Operation(NamedTuple):
    """`problems` are the codes beyond those that follow from the rest: a token is needed unless
    `is_open`; a body, one of `bodies`, may be too large, of another type, or wrong; a path's ids
    may name nothing. `takes_key` is whether Idempotency-Key works."""

    method: str
    path: str
    summary: str
    answers: Mapping[int, Any]
    bodies: tuple[type, ...] = ()
    problems: tuple[str, ...] = ()
    query: tuple[Query, ...] = ()
    is_open: bool = False
    takes_key: bool = False
    body_is_optional: bool = False
    gives_cookie: bool = False


def _number(low: int, high: int, default: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    return schema if default is None else {**schema, "default": default}


SIGN_UP_PROBLEMS: Final = ("username_taken", "email_taken", "rate_limited", "forbidden")
ACCOUNTS: Final = (
    Operation(
        "POST", "/api/user", "Sign up (with email), or log in (with a password and no email)",
        {201: b.GrantAnswer, 200: b.GrantAnswer}, (b.SignUpBody, b.LogInBody),
        ("invalid_credentials", *SIGN_UP_PROBLEMS),
        is_open=True, takes_key=True, gives_cookie=True,
    ),
    Operation(
        "POST", "/api/user/login", "Log in", {200: b.GrantAnswer}, (b.LogInBody,),
        ("invalid_credentials", "rate_limited", "forbidden"), is_open=True, gives_cookie=True,
    ),
    Operation(
        "POST", "/api/user/refresh", "New tokens for a refresh token", {200: b.TokensAnswer},
        (b.CookieRefreshBody,), ("unauthenticated", "forbidden"),
        is_open=True, body_is_optional=True, gives_cookie=True,
    ),
    Operation(
        "POST", "/api/user/logout", "End this session", {200: b.MessageAnswer},
        problems=("forbidden",), gives_cookie=True,
    ),
    Operation("GET", "/api/user/me", "My account and my chats", {200: b.MeAnswer}),
    Operation(
        "PATCH", "/api/user/me", "Change my password or e-mail", {200: b.ProfileChangedAnswer},
        (b.ProfileBody,), ("invalid_credentials", "email_taken", "rate_limited"),
    ),
    Operation(
        "GET", "/api/user", "People whose name begins so", {200: b.PeopleAnswer},
        query=(Query("username", {"type": "string", "minLength": 1}, "Upper and lower case are "
                     "the same; at most 20 are found.", required=True),),
    ),
    Operation("GET", "/api/user/{user_id}", "A person", {200: Person}),
    Operation("GET", "/api/user/sessions", "My sessions", {200: b.SessionsAnswer}),
    Operation("DELETE", "/api/user/sessions", "End all my sessions", {200: b.MessageAnswer}),
    Operation(
        "DELETE", "/api/user/session/{session_id}", "End one of my sessions",
        {200: b.MessageAnswer},
    ),
)  # fmt: skip

CHATS: Final = (
    Operation(
        "POST", "/api/chat", "Create a chat", {201: b.ChatCreatedAnswer}, (b.ChatBody,),
        ("unknown_user", "rate_limited"), takes_key=True,
    ),
    Operation(
        "GET", "/api/chat", "My chats, newest first", {200: ChatPage},
        query=(
            Query("before", Id, "The id of the last chat of the page before."),
            Query("limit", _number(1, MAX_CHATS, 100), "How many at most."),
        ),
    ),
    Operation("GET", "/api/chat/{chat_id}", "A chat", {200: Chat}),
    Operation(
        "PATCH", "/api/chat/{chat_id}", "Rename a chat; its owner may", {200: b.MessageAnswer},
        (b.ChatNameBody,), ("forbidden", "rate_limited"),
    ),
    Operation(
        "DELETE", "/api/chat/{chat_id}", "Delete a chat; its owner may", {200: b.MessageAnswer},
        problems=("forbidden", "rate_limited"),
    ),
    Operation(
        "POST", "/api/chat/{chat_id}/participant", "Add people; the chat's owner may",
        {201: b.MessageAnswer, 200: b.MessageAnswer}, (b.ParticipantsBody,),
        ("forbidden", "unknown_user", "rate_limited"), takes_key=True,
    ),
    Operation(
        "DELETE", "/api/chat/{chat_id}/participant/{user_id}",
        "Remove a person; the chat's owner and the person may", {200: b.MessageAnswer},
        problems=("forbidden", "rate_limited"),
    ),
)  # fmt: skip

MESSAGES: Final = (
    Operation(
        "POST", "/api/chat/{chat_id}/message", "Send a message", {201: b.MessageSentAnswer},
        (b.MessageBody,), ("rate_limited",), takes_key=True,
    ),
    Operation(
        "GET", "/api/chat/{chat_id}/message", "History, newest first", {200: MessagesAnswer},
        query=(
            Query("before", _number(0, MAX_SEQ), "Only messages below this seq."),
            Query("limit", _number(1, MAX_MESSAGES, 50), "How many at most."),
        ),
    ),
    Operation(
        "GET", "/api/chat/{chat_id}/events", "Everything that happened after a seq, ascending",
        {200: EventsAnswer},
        query=(
            Query("after", _number(0, MAX_SEQ, 0), "Only events above this seq."),
            Query("limit", _number(1, MAX_SLICE_EVENTS, 200), "How many at most."),
        ),
    ),
)  # fmt: skip

SYSTEM: Final = (
    Operation("GET", "/health/live", "This process lives", {200: b.StatusAnswer}, is_open=True),
    Operation(
        "GET", "/health/ready", "A socket can become ready and a send can commit",
        {200: b.StatusAnswer}, is_open=True,
    ),
    Operation("GET", "/openapi.json", "This description", {200: Document}, is_open=True),
    Operation(
        "GET", "/asyncapi.json", "The description of the socket", {200: Document}, is_open=True
    ),
)  # fmt: skip

OPERATIONS: Final = (*ACCOUNTS, *CHATS, *MESSAGES, *SYSTEM)
