"""The calls that users answers: accounts, sessions, and its part of the two-phase commit.

Each call is `POST /calls/<name>` with one struct as JSON and one as the answer; a refusal is the
problem+json of common.protocol.errors.
"""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from common.protocol.wire import Internal


class Account(Internal):
    """A user as they see themself."""

    id: str
    username: str
    email: str


class Person(Internal):
    """A user as others see them: never an e-mail."""

    id: str
    username: str
    display_name: str | None = None
    status: str | None = None
    avatar: str | None = None


class OwnAccount(Account):
    """Including everything that others see."""

    display_name: str | None = None
    status: str | None = None
    avatar: str | None = None


class SignUp(Internal):
    username: str
    email: str
    password: str | None
    key: str
    invite: str | None = None
    """A code of an invitation, or of the first owner's link."""


class LogIn(Internal):
    username: str
    password: str


class RefreshSession(Internal):
    refresh_token: str


class Grant(Internal):
    """A new pair of tokens; `expires_in` of the access token is in seconds."""

    user: Account
    token: str
    refresh_token: str
    expires_in: int


class EndSession(Internal):
    user: str
    session: str


class EndOtherSessions(Internal):
    user: str
    keep: str | None


class ListSessions(Internal):
    user: str


class Session(Internal):
    id: str
    created_at: str
    refreshed_at: str
    expires_at: str


class SessionList(Internal):
    sessions: list[Session]


class TokensUsed(Internal):
    """Access tokens that were seen for the first time: ends the grace period of the refresh tokens
    before them. Pairs of session and generation."""

    used: list[tuple[str, int]]


class GetProfile(Internal):
    user: str


class Profile(Internal):
    id: str
    username: str
    email: str
    chats: list[str]
    role: Literal["owner", "admin", "member"] = "member"
    active: bool = True
    display_name: str | None = None
    status: str | None = None
    avatar: str | None = None


class ChangeProfile(Internal):
    """UNSET fields stay, and so do None fields, except that None removes the display name or
    status. `key` is new for each change: a repeat with the key of the last change gets the same
    answer, even if the current password is a different one by then."""

    user: str
    session: str
    email: str | None
    password: str | None
    current_password: str | None
    key: str = ""
    display_name: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET


class GetPerson(Internal):
    person: str


class ListPeople(Internal):
    people: list[str]


class SearchPeople(Internal):
    prefix: str


class PeopleFound(Internal):
    users: list[Person]


class KeySet(Internal):
    """A JWKS (RFC 7517 section 5) of the public keys."""

    keys: list[dict[str, Any]]


class RevocationsRequest(Internal):
    after: int


class Revocations(Internal):
    """Sessions revoked since number `after`, oldest first; `last` is the log's newest number."""

    sessions: list[str]
    last: int


class Empty(Internal):
    pass


# ---- two-phase commit: users is the participant, chats the coordinator


class PrepareMemberships(Internal):
    """Votes yes by returning: then the change is prepared and survives a crash. A no is a refusal
    (unauthenticated, unknown_user with ids, invalid_request at a limit) and leaves nothing.
    `remove_all` removes everybody (a deleted chat)."""

    transaction: str
    user: str
    session: str
    chat: str
    add: list[str]
    remove: list[str]
    remove_all: bool


class FinishMemberships(Internal):
    """Commits or rolls back what is prepared; no error if the transaction is gone already."""

    transaction: str
    commit: bool
