"""Routes of people: sign-up, log-in, sessions, profiles."""

from collections.abc import Sequence
from typing import Any

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET

from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.ids import new_id
from common.protocol.limits import wrong_with_text
from common.protocol.users import ChangeProfile, Grant, SignUp
from edge.answers import answer
from edge.auth import Gate
from edge.balancer import Balancer
from edge.bodies import (
    AccountBody,
    CookieRefreshBody,
    GrantAnswer,
    LogInBody,
    Me,
    MeAnswer,
    MessageAnswer,
    PeopleAnswer,
    ProfileBody,
    ProfileChangedAnswer,
    SessionsAnswer,
    SessionView,
    TokensAnswer,
)
from edge.cookies import SessionCookie
from edge.fields import wrong_with_email, wrong_with_password, wrong_with_username
from edge.limits import Limits
from edge.reading import (
    AnyRequest,
    check_fields,
    idempotency_key,
    path_id,
    read_body,
    read_query,
)
from edge.reads import Reads
from edge.upstream import Users


def create_account_routes(
    gate: Gate,
    users: Users,
    reads: Reads,
    limits: Limits,
    balancer: Balancer,
    cookie: SessionCookie,
) -> Sequence[Any]:
    """Everything under /api/user."""

    def grant_answer(grant: Grant, message: str, status: int, in_cookie: bool) -> Response[bytes]:
        body = GrantAnswer(
            message=message,
            user=grant.user,
            token=grant.token,
            expires_in=grant.expires_in,
            refresh_token=UNSET if in_cookie else grant.refresh_token,
        )
        return answer(body, status, cookie.setting(grant.refresh_token) if in_cookie else None)

    async def log_in(request: AnyRequest, username: str, password: str) -> Response[bytes]:
        in_cookie = cookie.is_wanted(request)
        address = balancer.client_address(request)
        await limits.take_log_in(username, address)
        try:
            grant = await users.log_in(username, password)
        except Refusal as refusal:
            if refusal.code != "invalid_credentials":
                limits.forgive_log_in(username, address)
            raise
        limits.forgive_log_in(username, address)
        await limits.welcome(username, address)
        return grant_answer(grant, "Login successful", 200, in_cookie)

    async def sign_up(
        request: AnyRequest, username: str, email: str, password: str | None
    ) -> Response[bytes]:
        check_fields(
            {
                "username": wrong_with_username(username),
                "email": wrong_with_email(email),
                "password": wrong_with_password(password) if password is not None else None,
            }
        )
        key = idempotency_key(request)
        in_cookie = cookie.is_wanted(request)
        address = balancer.client_address(request)
        await limits.take_sign_up(address)
        try:
            grant = await users.sign_up(
                SignUp(
                    username=username,
                    email=email,
                    password=password,
                    key=key or balancer.request_key(request),
                    client_key=key is not None,
                )
            )
        except Refusal as refusal:
            if refusal.code == "unavailable":
                limits.forgive_sign_up(address)
            raise
        await limits.welcome(username, address)
        return grant_answer(grant, "User registered successfully", 201, in_cookie)

    @post("/api/user")
    async def sign_up_or_log_in(request: AnyRequest) -> Response[bytes]:
        body = await read_body(request, AccountBody)
        if body.email is not UNSET:
            password = None if body.password is UNSET else body.password
            return await sign_up(request, body.username, body.email, password)
        if body.password is not UNSET:
            return await log_in(request, body.username, body.password)
        raise Refusal(
            "invalid_request",
            "A body with email signs up; one with password and without email logs in.",
            errors=[{"field": "email", "detail": "is missing, and so is password"}],
        )

    @post("/api/user/login")
    async def log_in_by_name(request: AnyRequest) -> Response[bytes]:
        body = await read_body(request, LogInBody)
        return await log_in(request, body.username, body.password)

    @post("/api/user/refresh")
    async def refresh(request: AnyRequest) -> Response[bytes]:
        in_cookie = cookie.is_wanted(request)
        empty = CookieRefreshBody() if in_cookie else None
        body = await read_body(request, CookieRefreshBody, empty=empty)
        token = body.refresh_token
        if token is UNSET:
            if not in_cookie:
                raise invalid("refreshToken", "is missing")
            token = cookie.read(request) or ""
        if not token or wrong_with_text(token):
            raise Refusal("unauthenticated", "The refresh token is not valid.")
        grant = await users.refresh(token)
        tokens = TokensAnswer(
            token=grant.token,
            expires_in=grant.expires_in,
            refresh_token=UNSET if in_cookie else grant.refresh_token,
        )
        return answer(tokens, 200, cookie.setting(grant.refresh_token) if in_cookie else None)

    @post("/api/user/logout")
    async def log_out(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        headers = cookie.clearing() if cookie.is_wanted(request) else None
        await users.log_out(caller.user, caller.session)
        gate.revoke(caller.session)
        return answer(MessageAnswer(message="Logged out successfully"), 200, headers)

    @get("/api/user/me")
    async def get_me(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        profile = await users.get_profile(caller.user)
        me = Me(id=profile.id, username=profile.username, email=profile.email, chats=profile.chats)
        return answer(MeAnswer(user=me))

    @patch("/api/user/me")
    async def change_me(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        body = await read_body(request, ProfileBody)
        email = None if body.email is UNSET else body.email
        password = None if body.password is UNSET else body.password
        current = None if body.current_password is UNSET else body.current_password
        if email is None and password is None:
            raise Refusal(
                "invalid_request",
                "There is nothing to change.",
                errors=[{"field": "password", "detail": "is missing, and so is email"}],
            )
        check_fields(
            {
                "email": wrong_with_email(email) if email is not None else None,
                "password": wrong_with_password(password) if password is not None else None,
            }
        )
        change = ChangeProfile(
            user=caller.user,
            session=caller.session,
            email=email,
            password=password,
            current_password=current,
            key=new_id(),
        )
        await limits.take_password_check(caller.user)
        try:
            account = await users.change_profile(change)
        except Refusal as refusal:
            if refusal.code != "invalid_credentials":
                limits.forgive_password_check(caller.user)
            raise
        limits.forgive_password_check(caller.user)
        gate.ask_anew()  # a new password has revoked the other sessions
        return answer(ProfileChangedAnswer(message="User updated successfully", user=account))

    @get("/api/user")
    async def find_people(request: AnyRequest) -> Response[bytes]:
        gate.admit(request.headers.get("authorization"))
        prefix = read_query(request, "username").get("username")
        if not prefix:
            raise invalid("username", "is missing or empty")
        found = await users.search_people(prefix)
        return answer(PeopleAnswer(users=found.users))

    @get("/api/user/{user_id:str}")
    async def get_person(request: AnyRequest, user_id: FromPath[str]) -> Response[bytes]:
        gate.admit(request.headers.get("authorization"))
        return answer(await reads.get_person(path_id(user_id)))

    @get("/api/user/sessions")
    async def list_sessions(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        found = await users.list_sessions(caller.user)
        views = [
            SessionView(
                id=session.id,
                created_at=session.created_at,
                refreshed_at=session.refreshed_at,
                expires_at=session.expires_at,
                current=session.id == caller.session,
            )
            for session in found.sessions
        ]
        return answer(SessionsAnswer(sessions=views))

    @delete("/api/user/sessions", status_code=200)
    async def end_sessions(request: AnyRequest) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        await users.end_other_sessions(caller.user, None)
        gate.revoke(caller.session)
        gate.ask_anew()
        return answer(MessageAnswer(message="All sessions ended"), 200, cookie.clearing())

    @delete("/api/user/session/{session_id:str}", status_code=200)
    async def end_session(request: AnyRequest, session_id: FromPath[str]) -> Response[bytes]:
        caller = gate.admit(request.headers.get("authorization"))
        session = path_id(session_id)
        found = await users.list_sessions(caller.user)
        if all(other.id != session for other in found.sessions):
            raise not_found()
        await users.log_out(caller.user, session)
        gate.revoke(session)
        return answer(MessageAnswer(message="Session ended"))

    return [
        sign_up_or_log_in, log_in_by_name, refresh, log_out, get_me, change_me, find_people,
        get_person, list_sessions, end_sessions, end_session,
    ]  # fmt: skip
