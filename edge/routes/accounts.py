"""Sign-up, log-in, and deletion of one's own account."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from common.identity.gate import Gate
from common.identity.tokens import Claims
from common.protocol.errors import Refusal
from common.protocol.fields import (
    wrong_with_email,
    wrong_with_password,
    wrong_with_text,
    wrong_with_username,
)
from common.protocol.instance import DeleteOwnAccount
from common.protocol.users import Account, Grant, SignUp
from edge.bodies import (
    AnswerBody,
    Email,
    Password,
    RequestBody,
    Username,
    Wrongs,
    or_none,
    wrong_if_sent,
)
from edge.http.answer import Answer, json_answer
from edge.http.balancer import Balancer
from edge.http.cookies import SessionCookie
from edge.http.request import AnyRequest, RequestKey
from edge.limits import Limits
from edge.operation import Who, post
from edge.routes.administration import DeletionQuery
from edge.upstream import Administration, Users


class SignUpBody(RequestBody):
    """Without a password the account lasts as long as its session is refreshed."""

    username: Username
    email: Email
    password: Password | UnsetType = UNSET
    invite: (
        Annotated[str, Meta(description="The code behind `#invite=` or `#owner=` of a link.")]
        | UnsetType
    ) = UNSET


class LogInBody(RequestBody):
    username: str
    password: str


class AccountBody(RequestBody):
    """With `email` it signs up, with `password` alone it logs in."""

    username: str
    email: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    invite: str | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        if self.email is not UNSET:
            return {
                "username": wrong_with_username(self.username),
                "email": wrong_with_email(self.email),
                "password": wrong_if_sent(self.password, wrong_with_password),
                "invite": wrong_if_sent(self.invite, wrong_with_text),
            }
        if self.password is UNSET:
            return {"email": "is missing, to sign up, and so is password, to log in"}
        return {}


class GrantAnswer(AnswerBody):
    """`expiresIn` in seconds; the refresh token is absent if it is sent in a cookie."""

    message: str
    user: Account
    token: str
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class DeletionBody(RequestBody):
    """The password, if one is set."""

    current_password: str | UnsetType = UNSET


class AccountRoutes:
    """Calls that create an account or a session, or delete an account."""

    def __init__(
        self,
        gate: Gate,
        users: Users,
        administration: Administration,
        limits: Limits,
        balancer: Balancer,
        cookie: SessionCookie,
    ) -> None:
        self._gate = gate
        self._users = users
        self._administration = administration
        self._limits = limits
        self._balancer = balancer
        self._cookie = cookie

    @post(
        "/api/user",
        "Sign up (with email), or log in (with a password and no email)",
        {201: GrantAnswer, 200: GrantAnswer},
        who=Who.EVERYBODY,
        shapes=(SignUpBody, LogInBody),
        refusals=(
            "invalid_credentials",
            "signup_closed",
            "not_found",
            "username_taken",
            "email_taken",
            "rate_limited",
        ),
        gives_cookie=True,
    )
    async def sign_up_or_log_in(
        self, request: AnyRequest, body: AccountBody, key: RequestKey
    ) -> Answer:
        if body.email is UNSET:
            assert body.password is not UNSET
            return await self._log_in(request, body.username, body.password)
        sign_up = SignUp(
            username=body.username,
            email=body.email,
            password=or_none(body.password),
            key=key.id,
            invite=or_none(body.invite),
        )
        return await self._sign_up(request, sign_up)

    @post(
        "/api/user/login",
        "Log in",
        {200: GrantAnswer},
        who=Who.EVERYBODY,
        refusals=("invalid_credentials", "rate_limited"),
        gives_cookie=True,
    )
    async def log_in(self, request: AnyRequest, body: LogInBody) -> Answer:
        return await self._log_in(request, body.username, body.password)

    @post(
        "/api/user/me/delete",
        "Delete one's account",
        {200: "User deleted successfully"},
        who=Who.WAS_SIGNED_IN,
        refusals=("invalid_credentials", "last_owner", "rate_limited"),
        gives_cookie=True,
    )
    async def delete_me(
        self,
        request: AnyRequest,
        caller: Claims,
        body: DeletionBody | None,
        query: DeletionQuery,
        key: RequestKey,
    ) -> Mapping[str, str] | None:
        headers = self._cookie.clearing() if self._cookie.is_wanted(request) else None
        password = body.current_password if body else UNSET
        deletion = DeleteOwnAccount(
            caller=caller.user,
            session=caller.session,
            current_password=or_none(password),
            key=key.id,
            messages=query.messages,
        )
        username = await self._find_username(caller.user)
        if username is None:  # a repeat, and there is no password to guess
            await self._administration.delete_own_account(deletion)
        else:
            async with self._limits.as_log_in(username, self._balancer.client_address(request)):
                await self._administration.delete_own_account(deletion)
        self._gate.revoke(caller.session)
        self._gate.ask_anew()
        return headers

    async def _find_username(self, user: str) -> str | None:
        """None if the account is deleted."""
        try:
            return (await self._users.get_profile(user)).username
        except Refusal as refusal:
            if refusal.code != "unauthenticated":
                raise
            return None

    async def _sign_up(self, request: AnyRequest, sign_up: SignUp) -> Answer:
        in_cookie = self._cookie.is_wanted(request)
        address = self._balancer.client_address(request)
        await self._limits.take_sign_up(address)
        try:
            grant = await self._users.sign_up(sign_up)
        except Refusal as refusal:
            if refusal.code == "unavailable":
                self._limits.forgive_sign_up(address)
            raise
        await self._limits.remember_address(sign_up.username, address)
        return self._grant_answer(grant, "User registered successfully", 201, in_cookie)

    async def _log_in(self, request: AnyRequest, username: str, password: str) -> Answer:
        in_cookie = self._cookie.is_wanted(request)
        address = self._balancer.client_address(request)
        async with self._limits.as_log_in(username, address):
            grant = await self._users.log_in(username, password)
        await self._limits.remember_address(username, address)
        return self._grant_answer(grant, "Login successful", 200, in_cookie)

    def _grant_answer(self, grant: Grant, message: str, status: int, in_cookie: bool) -> Answer:
        body = GrantAnswer(
            message=message,
            user=grant.user,
            token=grant.token,
            expires_in=grant.expires_in,
            refresh_token=UNSET if in_cookie else grant.refresh_token,
        )
        headers = self._cookie.setting(grant.refresh_token) if in_cookie else None
        return json_answer(body, status, headers)
