"""Opens one socket after another for a session, which decides what to send and what to pull, until
`Ends` says stop. Must not know how events are used."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

import aiohttp
import msgspec

from hubbub_client.answers import Answers
from hubbub_client.ends import ComeBack, Ends
from hubbub_client.errors import HubbubError, NoAnswer, Stopped, Unauthenticated, refusal
from hubbub_client.events import Event, Moment, Restarted
from hubbub_client.exchange import named_seconds, reached
from hubbub_client.pulls import FetchEvents, Pulls
from hubbub_client.session import (
    Answer,
    Output,
    Pull,
    Ready,
    RefreshToken,
    Refusal,
    Session,
)

SUBPROTOCOL: Final = "chat.v1"
READY_TIMEOUT_SECONDS: Final = 12.0
READY_HELD_SECONDS: Final = 5.0
PONG_TIMEOUT_SECONDS: Final = 10.0
CHECK_EVERY_SECONDS: Final = 5.0  # of the clock: timers stand still while the machine sleeps
SHORT_SECONDS: Final = 0.01  # aiohttp takes 0 for no bound
REFRESH_AGAIN_SECONDS: Final = 5.0
NO_CODE: Final = 1005
LOST: Final = 1006
NOT_UNDERSTOOD: Final = 1002
REVOKED: Final = 4502

_encode = msgspec.json.encode

Take = Callable[[Ready | Event | Restarted | Moment | Refusal], None]


class Connection:
    """`run` it in a task. `socket` is None while none accepts frames. `standing` is a frame that is
    sent on each socket.

    `token(renew)` returns an access token that is valid for a while, or a new one; it raises
    Unauthenticated if the session has ended, Transient and NoAnswer. `fetch_events` is as in
    `Pulls`. `take` is called with each output of the session for the program; it must not wait.
    `ends` decides when to reconnect.
    """

    def __init__(
        self,
        session: Session,
        http: aiohttp.ClientSession,
        url: str,
        *,
        token: Callable[[bool], Awaitable[str]],
        fetch_events: FetchEvents,
        take: Take,
        ends: Ends | None = None,
        ready_seconds: float = READY_TIMEOUT_SECONDS,
    ) -> None:
        self.socket: aiohttp.ClientWebSocketResponse | None = None
        self.standing: dict[str, Any] | None = None
        self.is_ready = asyncio.Event()
        # While this is clear, the socket is closed, none is opened, and nothing is pulled.
        self.has_room = asyncio.Event()
        self.has_room.set()
        self._token = token
        self._take = take
        self._session = session
        self._http = http
        self._url = url
        self._ends = ends or Ends()
        self._renew = False  # the access token has expired
        self._held: asyncio.TimerHandle | None = None  # fires when the socket was a success
        self._ready_seconds = ready_seconds
        self._pulls = Pulls(session, fetch_events, self._follow, self.has_room)
        self._answers = Answers()
        self._tasks: asyncio.TaskGroup

    async def run(self) -> NoReturn:
        """Runs until cancelled. Raises Stopped and Unauthenticated, and unexpected errors of its
        functions."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._stay_connected()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        raise AssertionError("unreachable")

    async def send(self, frame: dict[str, Any]) -> None:
        """Raises NoAnswer while disconnected."""
        if self.socket is None:
            raise NoAnswer("there is no socket")
        try:
            await self.socket.send_str(_encode(frame).decode())
        except (ConnectionError, aiohttp.ClientError) as error:
            raise NoAnswer(str(error)) from error

    async def ask(self, client_id: str, frame: dict[str, Any]) -> Answer:
        """Sends a frame and returns the answer to its client id. Raises NoAnswer; then the outcome
        is unknown."""
        return await self._answers.wait(client_id, self.send(frame))

    def can_ask(self, client_id: str, frame: dict[str, Any]) -> bool:
        """Whether there would be an answer."""
        max_bytes = self._session.max_frame
        return self.socket is not None and self._answers.can_come(client_id, frame, max_bytes)

    # ---- one socket after the other

    async def _stay_connected(self) -> NoReturn:
        self._renew = False
        while True:
            await self.has_room.wait()
            next_ = await self._connect_once()
            self._renew |= next_.refresh
            await asyncio.sleep(next_.seconds)

    async def _connect_once(self) -> ComeBack:
        """Serves one socket to its end. Raises Stopped if that is final."""
        code, reason, wait = LOST, "", 0.0
        try:
            token = await self._token(self._renew)
            self._renew = False
            async with await self._open() as socket:
                try:
                    with reached(self._url):
                        await socket.send_str(self._session.hello(token).decode())
                    code, reason = await self._listen(socket)
                finally:
                    self._lose()
        except Unauthenticated:
            raise
        except HubbubError as error:
            reason, wait = str(error), error.retry_after
        next_ = self._ends.closed(code, reason, random.random(), wait)  # noqa: S311 - jitter
        if next_ is None:
            raise Stopped(code, reason)
        return next_

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        """Raises Refused, NoAnswer."""
        with reached(self._url):
            try:
                async with asyncio.timeout(self._ready_seconds):
                    return await self._http.ws_connect(
                        self._url,
                        protocols=[SUBPROTOCOL],
                        max_msg_size=0,
                        timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                    )
            except aiohttp.WSServerHandshakeError as error:
                header = "" if error.headers is None else error.headers.get("Retry-After", "")
                wait = named_seconds(header)
                raise refusal(error.status, "", error.message, retry_after=wait) from error

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
        """Its close code and reason. Raises NoAnswer."""
        silence = ping_seconds = self._ready_seconds
        is_asked, since = False, time.time()
        while True:
            since = min(since, time.time())  # starts over if the clock was set back
            left = max(SHORT_SECONDS, since + silence - time.time())
            try:
                message = await socket.receive(timeout=min(left, CHECK_EVERY_SECONDS))
            except TimeoutError:
                if time.time() < since + silence:
                    continue
                if is_asked or self.socket is None:
                    return LOST, "silence"
                is_asked, since, silence = True, time.time(), PONG_TIMEOUT_SECONDS
                await self.send({"type": "ping"})
                continue
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data or NO_CODE, message.extra or ""
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return LOST, ""
            try:
                outputs = self._session.receive_text(message.data)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                return NOT_UNDERSTOOD, f"the server said what is not chat.v1: {error!r}"
            for output in outputs:
                if isinstance(output, Ready):
                    ping_seconds = output.ping_seconds
                    self.socket = socket
                    # One that ends at once is not a success, even if it became ready.
                    loop = asyncio.get_running_loop()
                    self._held = loop.call_later(READY_HELD_SECONDS, self._ends.ready)
                    self.is_ready.set()
                self._follow(output)
                if isinstance(output, Ready) and self.standing is not None:
                    await self.send(self.standing)
            is_asked, since, silence = False, time.time(), ping_seconds
            if not self.has_room.is_set():
                self._ends.ready()  # it did not fail
                return 1000, "the program is slow"
            if self._session.holds_too_much:
                return 1000, "missing events take too long"

    def _lose(self) -> None:
        self.socket = None
        if self._held is not None:
            self._held.cancel()
        self.is_ready.clear()
        self._answers.fail()

    def _follow(self, output: Output) -> None:
        match output:
            case Pull():
                self._tasks.create_task(self._pulls.load(output))
            case Answer():
                self._answers.came(output)
            case RefreshToken():
                self._tasks.create_task(self._refresh())
            case _:
                self._take(output)

    async def _refresh(self) -> None:
        """Repeated until the socket ends: with 4003 when its token has expired, with 4502 when the
        session has."""
        socket = self.socket
        while socket is not None and self.socket is socket:
            try:
                token = await self._token(True)
                await self.send({"type": "refresh", "token": token})
            except Unauthenticated:
                return
            except HubbubError:
                await asyncio.sleep(REFRESH_AGAIN_SECONDS)
            else:
                return
