"""User administration by owners and admins; password resets."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from common.identity.gate import Gate
from common.identity.tokens import Claims
from common.protocol.fields import wrong_with_password
from common.protocol.ids import new_id
from common.protocol.instance import (
    RESET_SECONDS,
    ChangeUser,
    CreateReset,
    DeleteUser,
    ListUsers,
    ManagedUser,
    Role,
    UseReset,
    UserPage,
)
from common.protocol.wire import Id
from edge.bodies import AnswerBody, Password, Query, RequestBody, Wrongs, or_none
from edge.http.balancer import Balancer
from edge.http.request import AnyRequest, RequestKey
from edge.operation import Who, delete, get, patch, post
from edge.upstream import Administration


class UsersQuery(Query):
    q: Annotated[str, Meta(description="A beginning of the username, in any case.")] = ""
    before: (
        Annotated[Id, Meta(description="The id of the last user of the page before.")] | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=200, description="How many at most.")] = 100


class UserBody(RequestBody):
    """At least one of the two. Only owners change roles."""

    active: bool | UnsetType = UNSET
    role: Role | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        nothing = self.active is UNSET and self.role is UNSET
        return {"active": "is missing, and so is role" if nothing else None}


class UserChangedAnswer(AnswerBody):
    user: ManagedUser
    message: Literal["User updated successfully"] = "User updated successfully"


class ResetLink(AnswerBody):
    """`url` is for the user, who sets a new password with it; `expiresIn` in seconds."""

    url: Annotated[str, Meta(examples=["https://chat.example.org/#reset=Zm9yIGV4YW1wbGUgb25seQ"])]
    expires_in: Annotated[int, Meta(examples=[RESET_SECONDS])]


class ResetBody(RequestBody):
    """The code behind `#reset=` of the link. It expires when the user's role or password changes,
    and is 404 while its creator may not reset this user's password."""

    code: Annotated[str, Meta(examples=["Zm9yIGV4YW1wbGUgb25seQ"])]
    password: Password

    def wrong_fields(self) -> Wrongs:
        return {"password": wrong_with_password(self.password)}


class DeletionQuery(Query):
    messages: Annotated[bool, Meta(description="Whether all their messages are deleted too.")] = (
        False
    )


class AdministrationRoutes:
    """/api/admin/user, and the call behind their reset links, which needs no token."""

    def __init__(
        self, gate: Gate, administration: Administration, balancer: Balancer, public_url: str
    ) -> None:
        self._gate = gate
        self._administration = administration
        self._balancer = balancer
        self._public_url = public_url

    @get("/api/admin/user", "All users, newest first", {200: UserPage}, who=Who.ADMINS)
    async def list_users(self, caller: Claims, query: UsersQuery) -> UserPage:
        return await self._administration.list_users(
            ListUsers(caller=caller.user, prefix=query.q, before=query.before, limit=query.limit)
        )

    @patch(
        "/api/admin/user/{user_id}",
        "Change a user's role, deactivate or reactivate them",
        {200: UserChangedAnswer},
        who=Who.ADMINS,
        refusals=("last_owner",),
    )
    async def change_user(self, caller: Claims, user_id: Id, body: UserBody) -> UserChangedAnswer:
        user = await self._administration.change_user(
            ChangeUser(
                caller=caller.user,
                user=user_id,
                active=or_none(body.active),
                role=or_none(body.role),
                key=new_id(),
            )
        )
        self._gate.ask_anew()  # a deactivation has revoked sessions
        return UserChangedAnswer(user=user)

    @post(
        "/api/admin/user/{user_id}/reset",
        "Make a link by which a user sets a new password",
        {201: ResetLink},
        who=Who.ADMINS,
    )
    async def create_reset(self, caller: Claims, user_id: Id, key: RequestKey) -> ResetLink:
        code = await self._administration.create_reset(
            CreateReset(caller=caller.user, user=user_id, key=key.id)
        )
        return ResetLink(url=f"{self._public_url}/#reset={code}", expires_in=RESET_SECONDS)

    @delete(
        "/api/admin/user/{user_id}",
        "Delete a user",
        {200: "User deleted successfully"},
        who=Who.ADMINS,
        refusals=("last_owner",),
    )
    async def delete_user(
        self, caller: Claims, user_id: Id, query: DeletionQuery, key: RequestKey
    ) -> None:
        await self._administration.delete_user(
            DeleteUser(caller=caller.user, user=user_id, key=key.id, messages=query.messages)
        )
        self._gate.ask_anew()  # their sessions are revoked

    @post(
        "/api/user/reset",
        "Set a new password with the code of a link",
        {200: "Password changed successfully"},
        who=Who.EVERYBODY,
        refusals=("not_found",),
    )
    async def use_reset(self, request: AnyRequest, body: ResetBody) -> None:
        key = self._balancer.request_key(request)
        await self._administration.use_reset(
            UseReset(code=body.code, password=body.password, key=key)
        )
        self._gate.ask_anew()  # the sessions before are revoked
