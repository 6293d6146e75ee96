"""Groups of people on one event loop: each group has a chat, members who listen, some who post.

A request that is not answered as it should be counts as failed and is not repeated; a socket that
is sent away comes back and resumes, as the contract has it.
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

from loadtest.chat_socket import ChatSocket
from loadtest.delivery import DeliveryBook

MEMBERS: Final = 20
POSTERS: Final = 4
PAUSE_SECONDS: Final = 0.05
READ_EVERY: Final = 10  # posts a look at the history
SETTLE_SECONDS: Final = 10.0
COME_BACK_SECONDS: Final = 0.3
DRAINING: Final = 4001

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Log:
    """What happened, for whoever looks at it second by second: `take` empties it."""

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
        self.cursor = 0
        self.ready = asyncio.Event()
        self._held: list[dict[str, Any]] | None = None  # while older events are pulled
        self._pulling: asyncio.Task[None] | None = None  # kept, or it could vanish

    async def listen(self) -> None:
        while True:
            try:
                socket = await ChatSocket.open(self._member.origin, self._take_all)
            except OSError:
                await asyncio.sleep(COME_BACK_SECONDS * random.random())  # noqa: S311 - jitter
                continue
            try:
                resume = {self._chat: self.cursor} if self.cursor else {}
                hello = {"type": "connect", "token": self._member.token, "resume": resume}
                socket.send(msgspec.json.encode(hello))
                code, reason = await socket.ended
            finally:
                socket.abort()
            if code == DRAINING:
                self._log.sent_away += 1
                await asyncio.sleep(int(reason) / 1000)

    def _take_all(self, text: bytes) -> None:
        now = time.monotonic()
        for line in text.split(b"\n"):
            frame = _decode(line)
            if frame["type"] == "ready":
                self._start(frame)
            elif "seq" not in frame:
                continue
            elif self._held is not None:
                self._held.append(frame)
            else:
                self._take(frame, now)

    def _start(self, ready: dict[str, Any]) -> None:
        if not self.cursor:
            self.cursor = ready["chats"][self._chat]
            self._log.book.listener_joins(self._member.id, self._chat, self.cursor)
        elif self._chat in ready["behind"]:
            self._held = []
            self._pulling = asyncio.create_task(self._pull(ready["chats"][self._chat]))
        self.ready.set()

    async def _pull(self, head: int) -> None:
        """What was missed for too long to be replayed; what comes meanwhile waits for it."""
        while (missing := head - self.cursor) > 0:
            path = f"/api/chat/{self._chat}/events?after={self.cursor}"
            answer = await self._member.call("GET", f"{path}&limit={min(missing, 200)}")
            for event in answer.get("events", []):
                self._take(event, time.monotonic())
        held, self._held = self._held or [], None
        for event in held:
            self._take(event, time.monotonic())

    def _take(self, event: dict[str, Any], now: float) -> None:
        client_id = event.get("clientId", "")
        self._log.book.delivered(
            self._member.id, event["chat"], event["seq"], event.get("messageId", ""), client_id, now
        )
        if (started := self._log.started.get(client_id)) is not None:
            self._log.deliveries.append(now - started)
        self.cursor = max(self.cursor, event["seq"])


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
        """Sockets first, then posts until it is over; the sockets stay until all has arrived.

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
