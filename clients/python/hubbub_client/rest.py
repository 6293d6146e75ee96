"""The REST calls of one session: its tokens, and repeats that the contract allows.

A call whose outcome is unknown (the connection broke, 502 to 504), or that did not arrive whole
(408), is repeated with the same key for some seconds after its first failure; so is a rate-limited
one, after the time that the server names. A repeated deletion that finds nothing was done by an
earlier attempt.
"""

import asyncio
import contextlib
import functools
import math
import random
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final
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
    refusal,
)

RETRY_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = (0.1, 0.4)  # between attempts if the server names no time
REFRESH_BEFORE_SECONDS: Final = 60.0
CALL_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
UPLOAD_TIMEOUT: Final = aiohttp.ClientTimeout(total=600)

_decode = msgspec.json.decode


class Tokens(msgspec.Struct):
    """The tokens of a session. `expires` is on `time.time()`'s clock."""

    user: str
    access: str
    refresh: str
    expires: float


class _Tries:
    """How often a request was sent: aiohttp itself repeats one whose connection ends."""

    count = 0


def _trace_of_tries() -> aiohttp.TraceConfig:
    async def count(_: aiohttp.ClientSession, context: Any, __: object) -> None:
        if isinstance(context.trace_request_ctx, _Tries):
            context.trace_request_ctx.count += 1

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(count)
    return trace


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
        self._http = aiohttp.ClientSession(timeout=CALL_TIMEOUT, trace_configs=[_trace_of_tries()])
        self._refreshing = asyncio.Lock()
        self._open: set[str] = set()  # keys of deletions that may already be done

    @property
    def http(self) -> aiohttp.ClientSession:
        return self._http

    async def close(self) -> None:
        """Calls that are not answered raise NoAnswer, as do later ones."""
        await self._http.close()

    def _demand_open(self, call: str) -> None:
        if self._http.closed:
            raise NoAnswer(f"{call}: The client is closed.")

    # ---- sessions

    async def sign_up(
        self, username: str, email: str, password: str | None = None, invite: str | None = None
    ) -> None:
        """Raises Refused, such as UsernameTaken, EmailTaken or SignupClosed."""
        body = {"username": username, "email": email}
        if password is not None:
            body["password"] = password
        if invite is not None:
            body["invite"] = invite
        self._keep(await self._repeat("POST", "/api/user", body))

    async def log_in(self, username: str, password: str) -> None:
        """Raises InvalidCredentials, RateLimited."""
        body = {"username": username, "password": password}
        self._keep(await self._repeat("POST", "/api/user/login", body))

    async def log_out(self) -> None:
        with contextlib.suppress(Unauthenticated):  # it has ended, maybe by an earlier attempt
            await self.call("POST", "/api/user/logout")
        self.forget()

    async def access_token(self, *, anew: bool = False) -> str:
        """An access token that is valid for a while; with `anew`, a new one. Raises Unauthenticated
        if the session has ended."""
        before = self._session()
        if not anew and _is_fresh(before):
            return before.access
        async with self._refreshing:
            if self.tokens is before:  # no other call did meanwhile
                async with self.locked():
                    await self._refresh(before)
            return self._session().access

    async def _refresh(self, before: Tokens) -> None:
        """Another program may have used the refresh token and stored the new tokens."""
        if self.tokens is not before:  # somebody has logged in meanwhile
            return
        stored = self.stored()
        if stored is not None and stored.user == before.user and stored.access != before.access:
            before = self.tokens = stored
            if _is_fresh(stored):
                return
        body = {"refreshToken": before.refresh}
        try:
            answer = await self._repeat("POST", "/api/user/refresh", body)
        except Unauthenticated:
            if self.tokens is before:
                self.forget()
                raise
            return
        if self.tokens is before:  # nobody else has logged in meanwhile
            self._keep(answer)

    def _session(self) -> Tokens:
        if self.tokens is None:
            raise Unauthenticated(401, "unauthenticated", "Sign up or log in first.")
        return self.tokens

    def _keep(self, answer: dict[str, Any]) -> None:
        user = answer["user"]["id"] if "user" in answer else self._session().user
        tokens = Tokens(
            user, answer["token"], answer["refreshToken"], time.time() + answer["expiresIn"]
        )
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
    ) -> dict[str, Any]:
        """The answer's body. Bytes are sent unchanged, everything else as JSON. `key` makes the
        program's own repeats safe; without one, a key is generated. Repeats end with the session.
        For calls that answer with bytes there is `download`. Raises Refused, NoAnswer: without
        `repeats` after one attempt."""
        return await self._authorized(method, path, body, key, repeats=repeats)

    async def upload(self, path: str, data: bytes, name: str) -> dict[str, Any]:
        """Raises Refused, NoAnswer."""
        target = f"{path}?name={quote(name, safe='')}"
        return await self._authorized("POST", target, data, timeout=UPLOAD_TIMEOUT)

    async def download(self, path: str) -> AsyncGenerator[bytes, None]:
        """The bytes in pieces. Raises Refused, NoAnswer."""
        try:
            async with await self._open_download(path) as answer:
                async for piece in answer.content.iter_chunked(65_536):
                    yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoAnswer(str(error)) from error

    async def _open_download(self, path: str) -> aiohttp.ClientResponse:
        deadline, anew = time.monotonic() + RETRY_SECONDS, False
        user = self._session().user
        while True:
            headers = {"Authorization": f"Bearer {await self._token_of(user, anew=anew)}"}
            pause = random.uniform(*PAUSE_SECONDS)  # noqa: S311 - jitter
            self._demand_open(f"GET {path}")
            try:
                answer = await self._http.get(
                    self.origin + path, headers=headers, timeout=UPLOAD_TIMEOUT
                )
                if answer.status < 400:
                    return answer
                async with answer:
                    refused = await _refusal(answer)
            except (aiohttp.ClientError, TimeoutError, OSError):
                if time.monotonic() + pause > deadline:
                    raise
            else:
                if isinstance(refused, Unauthenticated) and not anew:
                    anew = True
                    continue
                pause = max(pause, refused.retry_after)
                if not isinstance(refused, Transient) or time.monotonic() + pause > deadline:
                    raise refused
            anew = False
            await asyncio.sleep(pause)

    async def _authorized(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None,
        key: str | None = None,
        timeout: aiohttp.ClientTimeout = CALL_TIMEOUT,
        *,
        repeats: bool = True,
    ) -> dict[str, Any]:
        """Repeats the call once with a new token if the server refuses the current one."""
        key, user = key or str(uuid.uuid4()), self._session().user
        ask = functools.partial(
            self._repeat, method, path, body, key=key, user=user, timeout=timeout, repeats=repeats
        )
        try:
            return await ask()
        except Unauthenticated:
            await self._token_of(user, anew=True)
            return await ask()

    async def _token_of(self, user: str, *, anew: bool = False) -> str:
        self._expect(user)
        token = await self.access_token(anew=anew)
        self._expect(user)
        return token

    def _expect(self, user: str) -> None:
        if self._session().user != user:
            raise Unauthenticated(401, "unauthenticated", "Another user has logged in.")

    async def _repeat(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        *,
        key: str | None = None,
        user: str | None = None,
        timeout: aiohttp.ClientTimeout = CALL_TIMEOUT,
        repeats: bool = True,
    ) -> dict[str, Any]:
        headers = {}
        if isinstance(body, dict):
            headers["Content-Type"] = "application/json"
        key = key or str(uuid.uuid4())
        if method in ("POST", "PATCH", "DELETE"):
            headers["Idempotency-Key"] = key
        data = msgspec.json.encode(body) if isinstance(body, dict) else body
        seconds = RETRY_SECONDS if repeats else 0.0
        deadline = math.inf  # from the first failure: a long upload may fail late
        while True:
            if user is not None:
                headers["Authorization"] = f"Bearer {await self._token_of(user)}"
            pause = random.uniform(*PAUSE_SECONDS)  # noqa: S311 - jitter
            tries = _Tries()
            self._demand_open(f"{method} {path}")
            try:
                async with self._http.request(
                    method,
                    self.origin + path,
                    data=data,
                    headers=headers,
                    timeout=timeout,
                    trace_request_ctx=tries,
                ) as answer:
                    if answer.status < 400:
                        done = await _decoded(answer)
                        self._open.discard(key)
                        return done
                    refused = await _refusal(answer)
            except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
                self._leave_open(method, key)
                deadline = min(deadline, time.monotonic() + seconds)
                if time.monotonic() + pause > deadline:
                    raise NoAnswer(f"{method} {path}: {error}") from error
            else:
                if tries.count > 1 or isinstance(refused, Unavailable):
                    self._leave_open(method, key)
                if isinstance(refused, NotFound) and key in self._open:
                    self._open.discard(key)
                    return {}
                pause = max(pause, refused.retry_after)
                deadline = min(deadline, time.monotonic() + seconds)
                if not isinstance(refused, Transient) or time.monotonic() + pause > deadline:
                    raise refused
            await asyncio.sleep(pause)

    def _leave_open(self, method: str, key: str) -> None:
        if method == "DELETE":
            self._open.add(key)


def _is_fresh(tokens: Tokens) -> bool:
    return tokens.expires - time.time() > REFRESH_BEFORE_SECONDS


async def _decoded(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    body = await answer.read()
    try:
        return _decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        if "Content-Disposition" in answer.headers:
            path = answer.url.path
            raise HubbubError(f"{path} answers with bytes: use rest.download.") from error
        raise


async def _refusal(answer: aiohttp.ClientResponse) -> Refused:
    try:
        problem = _decode(await answer.read(), type=dict[str, Any])
    except msgspec.DecodeError:  # not from Hubbub, but from a proxy
        problem = {}
    wait = answer.headers.get("Retry-After", "")
    return refusal(
        answer.status,
        problem.get("code", ""),
        problem.get("detail", answer.reason or ""),
        problem.get("errors"),
        float(wait) if wait.isdigit() else 0.0,
    )
