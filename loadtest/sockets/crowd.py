"""Groups of people on one event loop: each group has a chat, members who listen, some who post.

A request with an unexpected answer counts as failed and is not repeated; sockets reconnect and
resume as the client library's session says.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections import Counter
from typing import Any, Final

import aiohttp
import msgspec
from hubbub_client.ends import Ends
from hubbub_client.events import Event, MessageSent
from hubbub_client.session import Output, Pull, Ready

from loadtest.sockets.chat_socket import ChatSocket
from loadtest.sockets.delivery import DeliveryBook
from loadtest.sockets.judged_session import JudgedSession

MEMBERS: Final = 20
POSTERS: Final = 4
PAUSE_SECONDS: Final = 0.05
READ_EVERY: Final = 10  # posts a look at the history
SETTLE_SECONDS: Final = 10.0
LOST: Final = 1006
DRAINING: Final = 4001

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Log:
    """What happened since the last `take`, which empties it."""

    def __init__(self) -> None:
        self.book = DeliveryBook()
        self.failures: Counter[str] = Counter()
        self.sent_away = 0
        self.requests: list[float] = []  # seconds each took
        self.deliveries: list[float] = []  # seconds from post to socket
        self.started: dict[str, float] = {}  # client id: when its post began

    def take(self) -> tuple[list[float], list[float]]:
        """Request and delivery times since the last call."""
        taken = self.requests, self.deliveries
        self.requests, self.deliveries = [], []
        return taken


class Rest:
    """The calls of one person."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, log: Log) -> None:
        self.origin, self.log = origin, log
        self._session = session
        self._headers = {"Content-Type": "application/json"}
        self.id = self.token = ""

    async def sign_up(self) -> None:
        name = f"ramp-{uuid.uuid4().hex[:16]}"
        answer = await self.call(
            "POST", "/api/user", {"username": name, "email": f"{name}@example.org"}
        )
        self.id, self.token = answer["user"]["id"], answer["token"]
        self._headers["Authorization"] = f"Bearer {self.token}"

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer's body, empty for a request that failed."""
        started = time.monotonic()
        try:
            async with self._session.request(
                method,
                self.origin + path,
                data=None if body is None else msgspec.json.encode(body),
                headers=self._headers,
            ) as response:
                text = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.log.failures[f"{method} {type(error).__name__}"] += 1
            return {}
        self.log.requests.append(time.monotonic() - started)
        if response.status >= 400:
            self.log.failures[f"{method} {response.status}"] += 1
            return {}
        return _decode(text)


class Listener:
    """One member's socket, from `listen` until it is cancelled."""

    def __init__(self, member: Rest, chat: str) -> None:
        self._member, self._log, self._chat = member, member.log, chat
        self._session = JudgedSession(member.id, member.log.book)
        self._ends = Ends()
        self._pulls: set[asyncio.Task[None]] = set()  # kept, or they could vanish
        self.ready = asyncio.Event()

    @property
    def cursor(self) -> int:
        return self._session.cursors.get(self._chat, 0)

    async def listen(self) -> None:
        while True:
            code, reason = LOST, ""
            with contextlib.suppress(OSError):
                socket = await ChatSocket.open(self._member.origin, self._take_all)
                try:
                    socket.send(self._session.hello(self._member.token))
                    code, reason = await socket.ended
                finally:
                    socket.abort()
            self._log.sent_away += code == DRAINING
            chance = random.random()  # noqa: S311 - jitter
            next_ = self._ends.closed(code, reason, chance)
            if next_ is None:
                self._log.failures[f"socket {code}"] += 1
                return
            await asyncio.sleep(next_.seconds)

    def _take_all(self, text: bytes) -> None:
        self._follow(self._session.receive_text(text))

    def _follow(self, outputs: list[Output]) -> None:
        now = time.monotonic()
        for output in outputs:
            match output:
                case Event():
                    self._take(output, now)
                case Pull():
                    task = asyncio.create_task(self._pull(output))
                    self._pulls.add(task)
                    task.add_done_callback(self._pulls.discard)
                case Ready():
                    self._ends.ready()
                    if not self.ready.is_set():
                        start = output.cursors[self._chat]
                        self._log.book.listener_joins(self._member.id, self._chat, start)
                        self.ready.set()

    async def _pull(self, pull: Pull) -> None:
        """Fetches events that were missed for too long to be replayed."""
        while self._session.wants(pull):
            path = f"/api/chat/{pull.chat}/events?after={pull.after}&limit=200"
            if page := await self._member.call("GET", path):
                self._follow(self._session.pulled(pull, page["events"], more=page["more"]))
                return

    def _take(self, event: Event, now: float) -> None:
        message, client_id = "", ""
        if isinstance(event, MessageSent):
            message, client_id = event.message_id, event.client_id or ""
        self._log.book.delivered(self._member.id, event.chat, event.seq, message, client_id, now)
        if (started := self._log.started.get(client_id)) is not None:
            self._log.deliveries.append(now - started)


class Group:
    """A chat of some members; `talk` is what they do."""

    def __init__(self, members: list[Rest], chat: str, log: Log) -> None:
        self._members, self._chat, self._log = members, chat, log
        self._last = 0  # seq of the last post that was answered

    @classmethod
    async def form(cls, session: aiohttp.ClientSession, origin: str, log: Log) -> "Group":
        members = [Rest(session, origin, log) for _ in range(MEMBERS)]
        for member in members:
            await member.sign_up()
        answer = await members[0].call(
            "POST",
            "/api/chat",
            {"participants": [m.id for m in members[1:]], "chatName": "ramp"},
        )
        return cls(members, answer["chat"]["id"], log)

    async def talk(self, over: asyncio.Event, pause: float = PAUSE_SECONDS) -> None:
        """Sockets first, then posts until the end; the sockets stay until everything has arrived.

        `pause` is from a poster's answer to the next post.
        """
        listeners = [Listener(member, self._chat) for member in self._members]
        listening = [asyncio.create_task(listener.listen()) for listener in listeners]
        try:
            for listener in listeners:
                await listener.ready.wait()
            await asyncio.gather(
                *(self._post(member, over, pause) for member in self._members[:POSTERS])
            )
            deadline = time.monotonic() + SETTLE_SECONDS
            while self._is_behind(listeners) and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)

    def _is_behind(self, listeners: list[Listener]) -> bool:
        return any(listener.cursor < self._last for listener in listeners)

    async def _post(self, member: Rest, over: asyncio.Event, pause: float) -> None:
        posts = 0
        while not over.is_set():
            client_id = str(uuid.uuid4())
            self._log.started[client_id] = time.monotonic()
            answer = await member.call(
                "POST",
                f"/api/chat/{self._chat}/message",
                {"message": "The garden is ours from noon.", "clientId": client_id},
            )
            if answer:
                info = answer["messageInfo"]
                self._log.book.post_answered(self._chat, info["seq"], info["messageId"])
                self._last = max(self._last, info["seq"])
            posts += 1
            if posts % READ_EVERY == 0:
                await member.call("GET", f"/api/chat/{self._chat}/message?limit=20")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await over.wait()
