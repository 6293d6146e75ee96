"""The caller's own account, and public profiles."""

from contextlib import nullcontext
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from common.identity.gate import Gate
from common.identity.tokens import Claims
from common.protocol.fields import (
    wrong_with_display_name,
    wrong_with_email,
    wrong_with_password,
    wrong_with_status,
)
from common.protocol.ids import new_id
from common.protocol.instance import Role
from common.protocol.users import ChangeProfile, OwnAccount, PeopleFound, Person
from common.protocol.wire import Id
from edge.bodies import (
    AnswerBody,
    DisplayName,
    Email,
    Password,
    Query,
    RequestBody,
    Status,
    Wrongs,
    or_none,
    wrong_if_sent,
)
from edge.http.answer import Answer, CompressedAnswer, encode_json
from edge.limits import Limits
from edge.operation import get, patch
from edge.reads import Reads
from edge.upstream import Users

MAX_IDS: Final = 200
NO_LIMIT: Final = nullcontext()


class Me(AnswerBody):
    id: Id
    username: str
    email: str
    display_name: str | None
    status: str | None
    avatar: str | None
    role: Role
    active: bool
    chats: list[Id]


class MeAnswer(AnswerBody):
    user: Me


class ProfileBody(RequestBody):
    """At least one field besides `currentPassword`, which is needed to change an existing password.
    Null removes `displayName` or `status`."""

    display_name: DisplayName | UnsetType | None = UNSET
    status: Status | UnsetType | None = UNSET
    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    current_password: str | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        if all(x is UNSET for x in (self.display_name, self.status, self.email, self.password)):
            return {"displayName": "is missing, and so are status, email and password"}
        return {
            "displayName": wrong_if_sent(self.display_name, wrong_with_display_name),
            "status": wrong_if_sent(self.status, wrong_with_status),
            "email": wrong_if_sent(self.email, wrong_with_email),
            "password": wrong_if_sent(self.password, wrong_with_password),
        }


class ProfileChangedAnswer(AnswerBody):
    message: str
    user: OwnAccount


class PeopleQuery(Query):
    """One of the two."""

    username: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="A beginning. Upper and lower case are the same; at most 20 are found.",
            ),
        ]
        | None
    ) = None
    ids: (
        Annotated[
            list[Id],
            Meta(
                min_length=1,
                max_length=MAX_IDS,
                description="Found in this order, each once; unknown ones are left out.",
            ),
        ]
        | None
    ) = None

    def wrong_fields(self) -> Wrongs:
        is_one = (self.username is None) != (self.ids is None)
        return {"username": None if is_one else "must be there, or ids, and not both"}


class ProfileRoutes:
    """/api/user/me, /api/user/{id} and the search for users."""

    def __init__(self, gate: Gate, users: Users, reads: Reads, limits: Limits) -> None:
        self._gate = gate
        self._users = users
        self._reads = reads
        self._limits = limits

    @get("/api/user/me", "One's account and chats", {200: MeAnswer})
    async def get_me(self, caller: Claims) -> Answer:
        profile = await self._users.get_profile(caller.user)
        me = Me(
            id=profile.id,
            username=profile.username,
            email=profile.email,
            display_name=profile.display_name,
            status=profile.status,
            avatar=profile.avatar,
            role=profile.role,
            active=profile.active,
            chats=profile.chats,
        )
        return CompressedAnswer(encode_json(MeAnswer(user=me)))  # many chats are many ids

    @patch(
        "/api/user/me",
        "Change one's name, status, password or e-mail",
        {200: ProfileChangedAnswer},
        refusals=("invalid_credentials", "email_taken", "rate_limited"),
    )
    async def change_me(self, caller: Claims, body: ProfileBody) -> ProfileChangedAnswer:
        change = ChangeProfile(
            user=caller.user,
            session=caller.session,
            email=or_none(body.email),
            password=or_none(body.password),
            current_password=or_none(body.current_password),
            key=new_id(),
            display_name=body.display_name,
            status=body.status,
        )
        is_password_checked = change.password is not None or change.current_password is not None
        async with (
            self._limits.as_password_check(caller.user) if is_password_checked else NO_LIMIT,
            self._limits.as_new_email(caller.user) if change.email is not None else NO_LIMIT,
        ):
            account = await self._users.change_profile(change)
        self._gate.ask_anew()  # a new password has revoked the other sessions
        return ProfileChangedAnswer(message="User updated successfully", user=account)

    @get("/api/user", "Find users by the beginning of their name, or by ids", {200: PeopleFound})
    async def find_people(self, query: PeopleQuery) -> PeopleFound:
        if query.ids is not None:
            return await self._users.list_people(query.ids)
        assert query.username is not None  # by PeopleQuery
        return await self._users.search_people(query.username)

    @get("/api/user/{user_id}", "A user", {200: Person})
    async def get_person(self, user_id: Id) -> Person:
        return await self._reads.get_person(user_id)
