"""Sessions: refresh, log out, list and end."""

from collections.abc import Mapping

from msgspec import UNSET, UnsetType

from common.identity.gate import Gate
from common.identity.tokens import Claims
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.fields import wrong_with_text
from common.protocol.wire import Id
from edge.bodies import AnswerBody, RequestBody
from edge.http.answer import Answer, json_answer
from edge.http.cookies import SessionCookie
from edge.http.request import AnyRequest
from edge.operation import Who, delete, get, post
from edge.upstream import Users


class RefreshBody(RequestBody):
    """With `X-Hubbub-Session: cookie` the token is in the cookie."""

    refresh_token: str | UnsetType = UNSET


class TokensAnswer(AnswerBody):
    token: str
    expires_in: int
    refresh_token: str | UnsetType = UNSET


class SessionView(AnswerBody):
    id: Id
    created_at: str
    refreshed_at: str
    expires_at: str
    current: bool


class SessionsAnswer(AnswerBody):
    sessions: list[SessionView]


class SessionRoutes:
    """Calls about sessions after the log-in."""

    def __init__(self, gate: Gate, users: Users, cookie: SessionCookie) -> None:
        self._gate = gate
        self._users = users
        self._cookie = cookie

    @post(
        "/api/user/refresh",
        "Refresh: new tokens for a refresh token",
        {200: TokensAnswer},
        who=Who.EVERYBODY,
        refusals=("unauthenticated",),
        gives_cookie=True,
    )
    async def refresh(self, request: AnyRequest, body: RefreshBody | None) -> Answer:
        in_cookie = self._cookie.is_wanted(request)
        token = body.refresh_token if body else UNSET
        if token is UNSET:
            if not in_cookie:
                raise invalid("refreshToken", "is missing")
            token = self._cookie.read(request) or ""
        if not token or wrong_with_text(token):
            raise Refusal("unauthenticated", "The refresh token is not valid.")
        grant = await self._users.refresh(token)
        tokens = TokensAnswer(
            token=grant.token,
            expires_in=grant.expires_in,
            refresh_token=UNSET if in_cookie else grant.refresh_token,
        )
        headers = self._cookie.setting(grant.refresh_token) if in_cookie else None
        return json_answer(tokens, 200, headers)

    @post(
        "/api/user/logout",
        "Log out: end this session",
        {200: "Logged out successfully"},
        gives_cookie=True,
    )
    async def log_out(self, request: AnyRequest, caller: Claims) -> Mapping[str, str] | None:
        headers = self._cookie.clearing() if self._cookie.is_wanted(request) else None
        await self._users.log_out(caller.user, caller.session)
        self._gate.revoke(caller.session)
        return headers

    @get("/api/user/sessions", "List one's sessions", {200: SessionsAnswer})
    async def list_sessions(self, caller: Claims) -> SessionsAnswer:
        found = await self._users.list_sessions(caller.user)
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
        return SessionsAnswer(sessions=views)

    @delete(
        "/api/user/sessions",
        "End all of one's sessions",
        {200: "All sessions ended"},
        clears_cookie=True,
    )
    async def end_sessions(self, caller: Claims) -> Mapping[str, str]:
        await self._users.end_other_sessions(caller.user, None)
        self._gate.revoke(caller.session)
        self._gate.ask_anew()
        return self._cookie.clearing()

    @delete("/api/user/session/{session_id}", "End one of one's sessions", {200: "Session ended"})
    async def end_session(self, caller: Claims, session_id: Id) -> None:
        found = await self._users.list_sessions(caller.user)
        if all(other.id != session_id for other in found.sessions):
            raise not_found()
        await self._users.log_out(caller.user, session_id)
        self._gate.revoke(session_id)
