"""Invitations: links to sign up or to join a chat."""

import re
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from common.identity.tokens import Claims
from common.protocol.errors import not_found
from common.protocol.instance import CreateInvitation, Invitation, TakeInvitation
from common.protocol.wire import Id
from edge.bodies import AnswerBody, RequestBody, or_none
from edge.http.request import RequestKey
from edge.limits import Limits
from edge.operation import PathText, delete, get, post
from edge.upstream import Administration

CODE_PATTERN: Final = r"^[A-Za-z0-9_-]{43}\Z"

_match_code = re.compile(CODE_PATTERN).match


def read_code(text: str) -> str:
    """Raises Refusal not_found for text that cannot be a code."""
    if _match_code(text) is None:
        raise not_found()
    return text


InvitationCode = Annotated[str, PathText(read_code, {"type": "string", "pattern": CODE_PATTERN})]


class InvitationBody(RequestBody):
    """`chat` is one that the caller owns; only owners invite admins. An invitation works while its
    creator may grant what it grants, by their role and as the chat's owner. Invitations by members
    sign up users only while sign-up is `open`."""

    uses: Annotated[int, Meta(ge=1, le=1000)]
    days: Annotated[int, Meta(ge=1, le=365, description="Until it expires.")]
    chat: Id | UnsetType = UNSET
    role: Literal["admin", "member"] = "member"


class InvitationView(AnswerBody):
    """`left` is the number of remaining uses; `url` is what people open."""

    code: Annotated[str, Meta(examples=["Zm9yIGV4YW1wbGUgb25seQ"])]
    url: Annotated[str, Meta(examples=["https://chat.example.org/#invite=Zm9yIGV4YW1wbGUgb25seQ"])]
    uses: int
    left: int
    role: Literal["admin", "member"]
    expires_at: str
    chat: Id | UnsetType = UNSET


class InvitationAnswer(AnswerBody):
    invite: InvitationView


class InvitationsAnswer(AnswerBody):
    """The newest 1,000, newest first. Owners see all, admins all except those that make admins,
    members their own."""

    invites: list[InvitationView]


class InvitationTakenAnswer(AnswerBody):
    """`chat` is the one that the caller is in now. Taking the invitation counts as a use once per
    user, and again only after their removal by somebody else."""

    chat: Id | None
    message: Literal["Invitation taken successfully"] = "Invitation taken successfully"


class InvitationRoutes:
    """/api/invite."""

    def __init__(self, administration: Administration, public_url: str) -> None:
        self._administration = administration
        self._public_url = public_url

    @post(
        "/api/invite",
        "Create an invitation; members may for a chat of theirs while sign-up is open",
        {201: InvitationAnswer},
        refusals=("forbidden", "not_found"),
        rate=Limits.take_change,
    )
    async def create_invitation(
        self, caller: Claims, body: InvitationBody, key: RequestKey
    ) -> InvitationAnswer:
        made = await self._administration.create_invitation(
            CreateInvitation(
                caller=caller.user,
                uses=body.uses,
                days=body.days,
                chat=or_none(body.chat),
                role=body.role,
                key=key.id,
            )
        )
        return InvitationAnswer(invite=self._show(made))

    @get(
        "/api/invite",
        "List working invitations: one's own; for those in charge all that their role may make",
        {200: InvitationsAnswer},
    )
    async def list_invitations(self, caller: Claims) -> InvitationsAnswer:
        found = await self._administration.list_invitations(caller.user)
        return InvitationsAnswer(invites=[self._show(invitation) for invitation in found])

    @delete(
        "/api/invite/{code}",
        "Revoke an invitation; one that makes admins only as an owner",
        {200: "Invitation revoked successfully"},
        refusals=("forbidden",),
        rate=Limits.take_change,
    )
    async def revoke_invitation(self, caller: Claims, code: InvitationCode) -> None:
        await self._administration.revoke_invitation(caller.user, code)

    @post(
        "/api/invite/{code}/take",
        "Accept an invitation: join its chat",
        {200: InvitationTakenAnswer},
        rate=Limits.take_change,
    )
    async def take_invitation(
        self, caller: Claims, code: InvitationCode, key: RequestKey
    ) -> InvitationTakenAnswer:
        chat = await self._administration.take_invitation(
            TakeInvitation(caller=caller.user, code=code, key=key.id)
        )
        return InvitationTakenAnswer(chat=chat)

    def _show(self, invitation: Invitation) -> InvitationView:
        return InvitationView(
            code=invitation.code,
            url=f"{self._public_url}/#invite={invitation.code}",
            uses=invitation.uses,
            left=invitation.left,
            role=invitation.role,
            expires_at=invitation.expires_at,
            chat=UNSET if invitation.chat is None else invitation.chat,
        )
