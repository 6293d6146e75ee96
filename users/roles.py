"""Who may do what to whom on the instance. Pure.

owner   everything
admin   acts on members, never on roles
member  nothing
"""

from enum import Enum

from common.protocol.errors import Refusal, not_found
from common.protocol.instance import Role, SignUpMode

IN_CHARGE: tuple[Role, ...] = ("owner", "admin")
EVERYBODY: tuple[Role, ...] = (*IN_CHARGE, "member")


class InviteKind(Enum):
    """The kinds of valid codes."""

    OWNER = "makes the first owner"
    INSTANCE = "was made by somebody in charge"
    CHAT = "was made by a member, who may invite while everybody can sign up anyway"


def judge_sign_up(mode: SignUpMode, has_code: bool, code: InviteKind | None) -> Refusal | None:
    """`code` is None if there is none, or an invalid one."""
    if has_code and code is None:
        return not_found()
    if mode == "open" or code is InviteKind.OWNER:
        return None
    if mode == "invite" and code is InviteKind.INSTANCE:
        return None
    how = "with this invitation" if has_code else "without an invitation"
    return Refusal("signup_closed", f"Nobody can sign up here {how}.")


def judge_role(role: str | None, roles: tuple[Role, ...]) -> Refusal | None:
    """`role` is None for a user who may no longer do anything."""
    if role is None:
        return unauthenticated()
    if role not in roles:
        return forbidden()
    return None


def judge_invitation(
    role: Role | None, mode: SignUpMode, is_for_chat: bool, invited_role: Role
) -> Refusal | None:
    """Whether a user of this role may make such an invitation. Members may invite to a chat of
    theirs, but only while everybody can sign up anyway."""
    if refusal := judge_role(role, EVERYBODY):
        return refusal
    if role != "owner" and invited_role != "member":
        return forbidden()
    if role == "member" and not (is_for_chat and mode == "open"):
        return forbidden()
    return None


def kind_of_invitation(
    maker_role: Role | None, is_for_chat: bool, invited_role: Role
) -> InviteKind | None:
    """By its maker's current role. None if it gives more than they may give, and so is invalid."""
    if judge_invitation(maker_role, "open", is_for_chat, invited_role):
        return None
    return InviteKind.CHAT if maker_role == "member" else InviteKind.INSTANCE


def judge_target(role: str | None, target_role: str) -> Refusal | None:
    """Whether this role may act on an account or an invitation of the target role."""
    return None if role == "owner" or target_role == "member" else forbidden()


def judge_last_owner(
    is_active_owner: bool, stays_active_owner: bool, active_owners: int
) -> Refusal | None:
    """`active_owners` is how many there are before the change of this account."""
    if is_active_owner and not stays_active_owner and active_owners == 1:
        return Refusal("last_owner", "This is the last active owner of the instance.")
    return None


def unauthenticated() -> Refusal:
    return Refusal("unauthenticated", "The token is not valid, or its session has ended.")


def forbidden() -> Refusal:
    return Refusal("forbidden", "Your role on this instance does not allow this.")
