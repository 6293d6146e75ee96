"""The calls to users about the instance: its settings, roles, accounts and audit record.

`caller` is the verified user; users checks their role in the transaction that acts.
"""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from common.protocol.wire import Internal

Role = Literal["owner", "admin", "member"]
SignUpMode = Literal["open", "invite", "closed"]
Action = Literal[
    "instance.updated",
    "invite.created",
    "invite.revoked",
    "user.updated",
    "user.reset",
    "user.deleted",
    "owner.made",
]
NO_KEY = ""  # of edge of the previous release, whose repeats count as separate requests
RESET_SECONDS = 24 * 3600
OWNER_CODE_SECONDS = 24 * 3600


class Instance(Internal):
    """`signup_fixed` is present, and true, if the environment decides who may sign up."""

    name: str
    signup: SignUpMode
    signup_fixed: Literal[True] | UnsetType = UNSET


class ChangeInstance(Internal):
    caller: str
    name: str | None
    signup: SignUpMode | None


class DemandRole(Internal):
    """Refused with `forbidden` unless the caller has one of the roles."""

    caller: str
    roles: list[Role]


class ManagedUser(Internal):
    """As owners and admins see a user."""

    id: str
    username: str
    email: str
    display_name: str | None
    role: Role
    active: bool
    created_at: str
    last_seen_at: str | None


class ListUsers(Internal):
    """`prefix` is a beginning of the username; `before` the last id of the previous page."""

    caller: str
    prefix: str
    before: str | None
    limit: int


class UserPage(Internal):
    users: list[ManagedUser]
    next: str | None


class ChangeUser(Internal):
    caller: str
    user: str
    active: bool | None
    role: Role | None
    key: str = NO_KEY


class CreateReset(Internal):
    caller: str
    user: str
    key: str


class Code(Internal):
    """The code in a link; None if there is none."""

    code: str | None


class UseReset(Internal):
    code: str
    password: str
    key: str = NO_KEY


class ListLog(Internal):
    caller: str
    before: str | None
    limit: int


class LogEntry(Internal):
    """`by` is null for changes made on the machine; `of` is null if they are about the instance."""

    id: str
    at: str
    by: str | None
    action: Action
    of: str | None
    detail: dict[str, Any]


class LogPage(Internal):
    """Newest first."""

    entries: list[LogEntry]
    next: str | None


class MakeOwner(Internal):
    username: str


class UsersCounted(Internal):
    """`active_users` are those that are not deactivated; neither counts deleted ones."""

    users: int
    active_users: int
    sessions: int
    database_bytes: int


class ChatsCounted(Internal):
    """By chats. If there are many messages, the number is an estimate."""

    chats: int
    messages: int
    database_bytes: int
    file_bytes: int = 0


# ---- invitations


class CreateInvitation(Internal):
    """`chat` is one that the caller owns, or None. `days` until it expires."""

    caller: str
    uses: int
    days: int
    chat: str | None
    role: Literal["admin", "member"]
    key: str


class Invitation(Internal):
    code: str
    uses: int
    left: int
    chat: str | None
    role: Literal["admin", "member"]
    expires_at: str


class ListInvitations(Internal):
    caller: str


class InvitationList(Internal):
    """Those that are still valid, newest first."""

    invitations: list[Invitation]


class RevokeInvitation(Internal):
    caller: str
    code: str
    key: str = NO_KEY


class TakeInvitation(Internal):
    caller: str
    code: str
    key: str = NO_KEY


class Taken(Internal):
    """The chat that the caller is in now, or None."""

    chat: str | None


# ---- the end of an account


class DeleteUser(Internal):
    """By an owner or admin. `messages`: all that they sent is deleted too."""

    caller: str
    user: str
    key: str
    messages: bool = False


class DeleteOwnAccount(Internal):
    caller: str
    session: str
    current_password: str | None
    key: str
    messages: bool = False
