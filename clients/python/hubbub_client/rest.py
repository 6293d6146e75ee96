"""The REST calls of one session: its tokens, and repeats that the contract allows.

A call whose outcome is unknown (the connection broke, 502 to 504), or that did not arrive whole
(408), is repeated with the same key for some seconds after its first failure; so is a rate-limited
one, after the time that the server names. A repeated deletion that finds nothing was done by an
earlier attempt.
"""

import asyncio
import contextlib
import math
import random
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from hubbub_client.errors import (
    HubbubError,
    NoAnswer,
    NotFound,
    Refused,
    Transient,
    Unauthenticated,
    Unavailable,
)
from hubbub_client.exchange import (
    CALL_TIMEOUT,
    UPLOAD_TIMEOUT,
    Tries,
    exchange,
    open_http,
    reached,
    request,
)

RETRY_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = (0.1, 0.4)  # between attempts if the server names no time
REFRESH_BEFORE_SECONDS: Final = 60.0

Result = TypeVar("Result")


class Tokens(msgspec.Struct):
    """The tokens of a session. `expires` is on `time.time()`'s clock."""

    user: str
    access: str
    refresh: str
    expires: float


class _User(msgspec.Struct):
    id: str


class _Pair(msgspec.Struct, rename="camel"):
    """New tokens, as they are answered; `user` to a sign-up or log-in."""

    token: str
    refresh_token: str
    expires_in: float
    user: _User | None = None


class Rest:
    """Calls to one origin. `tokens` is None until somebody signs up or logs in, and when the
    session has ended; `on_tokens` is called with each new pair, `on_end` with one whose session has
    ended. `stored` returns tokens that another program may have stored, and `locked` keeps other
    programs from refreshing them."""

    def __init__(self, origin: str, tokens: Tokens | None = None) -> None:
        self.origin = origin.rstrip("/")
        self.tokens = tokens
        self.on_tokens: Callable[[Tokens], None] = lambda _: None
        self.on_end: Callable[[Tokens], None] = lambda _: None
        self.stored: Callable[[], Tokens | None] = lambda: None
        self.locked: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext
        self.http = open_http()
        self._renewal: asyncio.Task[None] | None = None
        self._log_ins = 0
        self._open: set[str] = set()  # keys of deletions that may already be done

    async def close(self) -> None:
        """Calls that are not answered raise NoAnswer, as do later ones."""
        await self.http.close()

    # ---- sessions

    async def sign_up(
        self, username: str, email: str, password: str | None = None, invite: str | None = None
    ) -> None:
        """Raises Refused, such as UsernameTaken, EmailTaken or SignupClosed."""
        body = {"username": username, "email": email, "password": password, "invite": invite}
        given = {name: value for name, value in body.items() if value is not None}
        await self._begin("/api/user", given)

    async def log_in(self, username: str, password: str) -> None:
        """Raises InvalidCredentials, RateLimited."""
        await self._begin("/api/user/login", {"username": username, "password": password})

    async def _begin(self, path: str, body: dict[str, Any]) -> None:
        key = str(uuid.uuid4())
        self._keep(await self._repeat(lambda: self._attempt("POST", path, body, key)))
        self._log_ins += 1

    async def log_out(self) -> None:
        """Is not repeated once somebody has logged in meanwhile."""
        key, log_ins = str(uuid.uuid4()), self._log_ins

        async def ask(token: str) -> None:
            if self._log_ins == log_ins:  # it must not end a session that has begun meanwhile
                await self._attempt("POST", "/api/user/logout", None, key, token)

        with contextlib.suppress(Unauthenticated):  # it has ended, maybe by an earlier attempt
            user = self._session().user
            await self._repeat(lambda: self._authorized(ask, user))
        if self._log_ins == log_ins:
            self.forget()

    async def access_token(self) -> str:
        """One that is valid for a while. Raises Unauthenticated if the session has ended, Transient
        and NoAnswer."""
        tokens = self._session()
        return tokens.access if _is_fresh(tokens) else await self.renew()

    async def renew(self, refused: str | None = None) -> str:
        """A new access token to replace one that the server has just refused, or soon will: by
        default the current one. One attempt, shared by those who call meanwhile: they repeat it."""
        before = self._session()
        if refused is not None and before.access != refused:
            return before.access
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._refresh(before))
            self._renewal.add_done_callback(self._renewed)
        await asyncio.shield(self._renewal)  # it is not cancelled with one of its callers
        return self._session().access

    def _renewed(self, renewal: asyncio.Task[None]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # there may be no caller

    async def _refresh(self, before: Tokens) -> None:
        """A failure is told after a pause: whoever repeats the refresh meanwhile shares it, and a
        server in trouble gets no more refreshes from many callers than from one."""
        try:
            async with self.locked():
                await self._refresh_from(before)
        except (Transient, NoAnswer):
            if not self.http.closed:
                await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - jitter
            raise

    async def _refresh_from(self, before: Tokens) -> None:
        """Another program may have used the refresh token and stored the new tokens."""
        if self.tokens is not before:  # somebody has logged in meanwhile
            return
        stored = self.stored()
        if stored is not None and stored.user == before.user and stored.access != before.access:
            before = self.tokens = stored
            if _is_fresh(stored):
                return
        body, key = {"refreshToken": before.refresh}, str(uuid.uuid4())
        try:
            answer = await self._attempt("POST", "/api/user/refresh", body, key)
        except Unauthenticated:
            if self.tokens is before:
                self.forget()
                raise
            return
        except (Transient, NoAnswer):
            raise
        except HubbubError as error:  # it refuses no call that needs the token
            raise NoAnswer(f"no new token: {error}") from error
        if self.tokens is before:  # nobody else has logged in meanwhile
            self._keep(answer)

    def _session(self) -> Tokens:
        if self.tokens is None:
            raise Unauthenticated(401, "unauthenticated", "Sign up or log in first.")
        return self.tokens

    def _keep(self, answer: dict[str, Any]) -> None:
        try:
            pair = msgspec.convert(answer, _Pair)
        except msgspec.ValidationError as error:
            raise NoAnswer("what came is no pair of tokens") from error
        user = self._session().user if pair.user is None else pair.user.id
        tokens = Tokens(user, pair.token, pair.refresh_token, time.time() + pair.expires_in)
        self.on_tokens(tokens)  # stored before it is used
        self.tokens = tokens

    def forget(self) -> None:
        """The session has ended."""
        ended, self.tokens = self.tokens, None
        if ended is not None:
            self.on_end(ended)

    # ---- calls

    async def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        *,
        key: str | None = None,
        repeats: bool = True,
        timeout: aiohttp.ClientTimeout = CALL_TIMEOUT,
    ) -> dict[str, Any]:
        """The answer's body. Bytes are sent unchanged, everything else as JSON. `key` makes the
        program's own repeats safe; without one, a key is generated. Repeats end with the session.
        For calls that answer with bytes there is `download`. Raises Refused, NoAnswer: without
        `repeats` after one attempt."""
        made, user = key or str(uuid.uuid4()), self._session().user

        async def ask(token: str) -> dict[str, Any]:
            return await self._attempt(method, path, body, made, token, timeout)

        return await self._repeat(lambda: self._authorized(ask, user), repeats=repeats)

    async def upload(self, path: str, data: bytes, name: str) -> dict[str, Any]:
        """Raises Refused, NoAnswer."""
        target = f"{path}?name={quote(name, safe='')}"
        return await self.call("POST", target, data, timeout=UPLOAD_TIMEOUT)

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """The bytes in pieces. Raises Refused, NoAnswer."""
        user, url = self._session().user, self.origin + path

        async def ask(token: str) -> aiohttp.ClientResponse:
            headers = {"Authorization": f"Bearer {token}"}
            return await request(self.http, "GET", url, headers=headers, timeout=UPLOAD_TIMEOUT)

        async with await self._repeat(lambda: self._authorized(ask, user)) as answer:
            with reached(f"GET {url}"):
                async for piece in answer.content.iter_chunked(65_536):
                    yield piece

    async def _repeat(
        self, ask: Callable[[], Awaitable[Result]], *, repeats: bool = True
    ) -> Result:
        """The result of `ask()`, repeated while its outcome is unknown or the refusal transient,
        and there is time since the first failure: a long upload may fail late."""
        deadline = math.inf
        while True:
            pause = random.uniform(*PAUSE_SECONDS)  # noqa: S311 - jitter
            try:
                return await ask()
            except (Transient, NoAnswer) as error:
                now = time.monotonic()
                deadline = min(deadline, now + (RETRY_SECONDS if repeats else 0.0))
                pause = max(pause, error.retry_after)
                if self.http.closed or now + pause > deadline:
                    raise
            await asyncio.sleep(pause)

    async def _authorized(self, ask: Callable[[str], Awaitable[Result]], user: str) -> Result:
        """The result of `ask(token)`, repeated once if the server refuses the token. Raises
        Unauthenticated if another user has logged in."""
        token = await self.access_token()
        self._expect(user)
        try:
            return await ask(token)
        except Unauthenticated:
            token = await self.renew(token)
        self._expect(user)
        return await ask(token)

    def _expect(self, user: str) -> None:
        if self._session().user != user:
            raise Unauthenticated(401, "unauthenticated", "Another user has logged in.")

    async def _attempt(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None,
        key: str,
        token: str | None = None,
        timeout: aiohttp.ClientTimeout = CALL_TIMEOUT,
    ) -> dict[str, Any]:
        """One attempt at a call. A deletion that finds nothing was done by an earlier one with its
        key."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if method in ("POST", "PATCH", "DELETE"):
            headers["Idempotency-Key"] = key
        if isinstance(body, dict):
            headers["Content-Type"] = "application/json"
        data = msgspec.json.encode(body) if isinstance(body, dict) else body
        tries = Tries()
        try:
            answer = await exchange(
                self.http, method, self.origin + path, tries,
                data=data, headers=headers, timeout=timeout,
            )  # fmt: skip
        except (Refused, NoAnswer) as error:
            is_unknown = tries.count > 1 or isinstance(error, Unavailable | NoAnswer)
            if method == "DELETE" and is_unknown:
                self._open.add(key)
            if not isinstance(error, NotFound) or key not in self._open:
                raise
            answer = {}
        self._open.discard(key)
        return answer


def _is_fresh(tokens: Tokens) -> bool:
    return tokens.expires - time.time() > REFRESH_BEFORE_SECONDS
