"""Groups of people on one event loop: each group has a chat, members who listen, some who post.

A request that is not answered as it should be counts as failed and is not repeated; a socket that
is sent away comes back and resumes, as the contract has it.
"""

import asyncio
import contextlib
import json
import random
import time
import uuid
from collections import Counter
from typing import Any, Final

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from loadtest.delivery import DeliveryBook

MEMBERS: Final = 20
POSTERS: Final = 4
PAUSE_SECONDS: Final = 0.05  # between a poster's answer and the next post
READ_EVERY: Final = 10  # posts a look at the history
SETTLE_SECONDS: Final = 10.0
COME_BACK_SECONDS: Final = 0.3
DRAINING: Final = 4001


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
        self._headers: dict[str, str] = {}
        self.id = self.token = ""

    async def sign_up(self) -> None:
        name = f"ramp-{uuid.uuid4().hex[:16]}"
        answer = await self.call(
            "POST", "/api/user", {"username": name, "email": f"{name}@example.org"}
        )
        self.id, self.token = answer["user"]["id"], answer["token"]
        self._headers = {"Authorization": f"Bearer {self.token}"}

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer's body, empty for a request that failed."""
        started = time.monotonic()
        try:
            async with self._session.request(
                method, self.origin + path, json=body, headers=self._headers
            ) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.log.failures[f"{method} {type(error).__name__}"] += 1
            return {}
        self.log.requests.append(time.monotonic() - started)
        if response.status >= 400:
            self.log.failures[f"{method} {response.status}"] += 1
            return {}
        answer: dict[str, Any] = json.loads(text)
        return answer


class Listener:
    """One member's socket, from `listen` until it is cancelled."""

    def __init__(self, member: Rest, chat: str) -> None:
        self._member, self._log, self._chat = member, member.log, chat
        self.cursor = 0
        self.ready = asyncio.Event()

    async def listen(self) -> None:
        url = "ws" + self._member.origin.removeprefix("http") + "/ws"
        while True:
            try:
                async with connect(
                    url, subprotocols=[Subprotocol("chat.v1")], compression=None,
                    max_queue=None, ping_interval=None, proxy=None,
                ) as socket:  # fmt: skip
                    await self._follow(socket)
            except ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code == DRAINING:
                    self._log.sent_away += 1
                    await asyncio.sleep(int(closed.rcvd.reason) / 1000)
            except (OSError, InvalidHandshake):
                await asyncio.sleep(COME_BACK_SECONDS * random.random())  # noqa: S311 - jitter

    async def _follow(self, socket: ClientConnection) -> None:
        resume = {self._chat: self.cursor} if self.cursor else {}
        await socket.send(
            json.dumps({"type": "connect", "token": self._member.token, "resume": resume})
        )
        while True:
            text = await socket.recv(decode=False)
            now = time.monotonic()
            for line in text.split(b"\n"):
                frame = json.loads(line)
                if frame["type"] == "ready":
                    await self._start(frame)
                elif "seq" in frame:
                    self._take(frame, now)

    async def _start(self, ready: dict[str, Any]) -> None:
        if not self.cursor:
            self.cursor = ready["chats"][self._chat]
            self._log.book.listener_joins(self._member.id, self._chat, self.cursor)
        elif self._chat in ready["behind"]:
            while (missing := ready["chats"][self._chat] - self.cursor) > 0:
                path = f"/api/chat/{self._chat}/events?after={self.cursor}"
                answer = await self._member.call("GET", f"{path}&limit={min(missing, 200)}")
                for event in answer.get("events", []):
                    self._take(event, time.monotonic())
        self.ready.set()

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

    async def talk(self, over: asyncio.Event) -> None:
        """Sockets first, then posts until it is over; the sockets stay until all has arrived."""
        listeners = [Listener(member, self._chat) for member in self._members]
        listening = [asyncio.create_task(listener.listen()) for listener in listeners]
        try:
            for listener in listeners:
                await listener.ready.wait()
            await asyncio.gather(*(self._post(member, over) for member in self._members[:POSTERS]))
            deadline = time.monotonic() + SETTLE_SECONDS
            while self._is_behind(listeners) and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)

    def _is_behind(self, listeners: list[Listener]) -> bool:
        return any(listener.cursor < self._last for listener in listeners)

    async def _post(self, member: Rest, over: asyncio.Event) -> None:
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
                async with asyncio.timeout(PAUSE_SECONDS):
                    await over.wait()
