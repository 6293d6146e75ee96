"""A person's socket as a good client keeps it: resumes from its cursors, sends again what was not
answered, and tells the book what came. Knows nothing of REST but one call that it is given."""

import json
import random
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import gevent
import gevent.event

from loadtest.blocking_socket import BlockingSocket, SocketEnded
from loadtest.delivery import identify

if TYPE_CHECKING:
    from loadtest.gathering import Gathering

COME_BACK_SECONDS: Final = 0.5
DRAINING: Final = 4001
COME_BACK: Final = frozenset({"rate_limited", "unavailable"})
KIND: Final = "SOCKET"  # of the rows in locust's table
DELIVERY: Final = "post to delivery"
REMEMBERED: Final = 20  # newest messages of a chat that one may still change

Fetch = Callable[[str, int], list[dict[str, Any]]]


class Listener:
    """`fetch` gives a chat's events after a seq."""

    def __init__(
        self, gathering: "Gathering", user: str, token: str, origin: str, fetch: Fetch
    ) -> None:
        self._gathering = gathering
        self._user, self._token, self._origin, self._fetch = user, token, origin, fetch
        self._cursors: dict[str, int] = {}
        self._messages: dict[str, deque[tuple[str, str]]] = {}  # of a chat: id, sender
        self._socket: BlockingSocket | None = None
        self._up_since = 0.0
        self._away_until = 0.0
        self._has_left = False
        self.outbox: dict[str, tuple[str, float]] = {}  # client id: frame, when it was begun
        self.ready = gevent.event.Event()

    @property
    def chats(self) -> list[str]:
        return list(self._cursors)

    def find_message(self, *, own: bool, chat: str = "") -> tuple[str, str] | None:
        """The chat and id of some recent message, one's own or anybody's, anywhere or in a chat."""
        found = [
            (place, message)
            for place, messages in self._messages.items()
            for message, sender in messages
            if (not own or sender == self._user) and chat in ("", place)
        ]
        return random.choice(found) if found else None  # noqa: S311 - load, no secret

    def forget_message(self, chat: str, message: str) -> None:
        """It is deleted, or will be."""
        kept = [one for one in self._messages.get(chat, ()) if one[0] != message]
        self._messages[chat] = deque(kept, REMEMBERED)

    def listen(self) -> None:
        """Until the person leaves."""
        while True:
            gevent.sleep(max(0.0, self._away_until - time.monotonic()))
            if self._has_left:
                return
            try:
                self._follow()
            except SocketEnded as ended:
                self.ready.clear()
                self._end(ended)

    def send(self, chat: str, message: str, began: float, **more: Any) -> None:
        """A durable send. What is not answered is sent again on the next socket."""
        client_id = str(uuid.uuid4())
        frame = {"type": "send", "chat": chat, "clientId": client_id, "message": message, **more}
        self._gathering.book.post_begins(client_id, began)
        self.outbox[client_id] = (json.dumps(frame), began)
        if self._socket is not None and self.ready.is_set():
            self._write(self._socket, client_id)

    def lose_network(self, seconds: float) -> None:
        """For so long."""
        self._away_until = time.monotonic() + seconds
        self._gathering.cuts += 1
        if self._socket is not None:
            self._socket.cut()

    def leave(self) -> None:
        """For good: nothing is due to this person any more."""
        self._has_left = True
        for chat in self._cursors:
            self._gathering.book.listener_leaves(self._user, chat)
        self.outbox.clear()
        if self._socket is not None:
            self._socket.close()

    def _follow(self) -> None:
        began = time.monotonic()
        socket = self._socket = BlockingSocket(self._origin)
        if self._has_left:  # meanwhile
            socket.close()
            return
        hello = {"type": "connect", "token": self._token, "resume": self._cursors}
        socket.send(json.dumps(hello))
        for text in socket.texts():
            now = time.monotonic()
            for row in text.split(b"\n"):
                frame = json.loads(row)
                match frame["type"]:
                    case "ready":
                        self._log("connect", now - began)
                        self._begin(socket, frame)
                    case "sent":
                        self._sent(frame, now)
                    case "error":
                        self._refused(socket, frame)
                    case _ if "seq" in frame:
                        self._take(frame, now)

    def _begin(self, socket: BlockingSocket, ready: dict[str, Any]) -> None:
        self._up_since = time.monotonic()
        for chat, head in ready["chats"].items():
            if chat not in self._cursors:
                self._join(chat, head)
        for chat in ready["behind"]:
            for event in self._fetch(chat, self._cursors[chat]):
                self._take(event, time.monotonic())
        self.ready.set()
        for client_id in list(self.outbox):
            self._write(socket, client_id)

    def _take(self, event: dict[str, Any], now: float) -> None:
        chat, seq = event["chat"], event["seq"]
        if event["type"] == "chat.created":
            self._join(chat, seq)
            return
        if self._has_left:
            return
        if event["type"] == "message" and not event.get("deleted"):
            messages = self._messages.setdefault(chat, deque(maxlen=REMEMBERED))
            messages.append((event["messageId"], event["by"]))
        elif event["type"] == "message.deleted":
            self.forget_message(chat, event["messageId"])
        seconds = self._gathering.book.delivered(
            self._user, chat, seq, identify(event), event.get("clientId", ""), now
        )
        # What was said while this person was away says nothing about how fast the system is.
        if seconds is not None and now - seconds >= self._up_since:
            self._log(DELIVERY, seconds)
        self._cursors[chat] = max(seq, self._cursors.get(chat, 0))

    def _join(self, chat: str, seq: int) -> None:
        self._cursors[chat] = seq
        if not self._has_left:
            self._gathering.book.listener_joins(self._user, chat, seq)

    def _sent(self, frame: dict[str, Any], now: float) -> None:
        if pending := self.outbox.pop(frame["clientId"], None):
            self._gathering.book.post_answered(frame["chat"], frame["seq"], frame["messageId"], now)
            self._log("send", now - pending[1])

    def _refused(self, socket: BlockingSocket, frame: dict[str, Any]) -> None:
        self._log("send", 0.0, frame["code"])
        client_id = frame.get("clientId", "")
        if frame["code"] in COME_BACK:
            gevent.spawn_later(frame.get("retryAfter", 1), self._write, socket, client_id)
        else:
            self.outbox.pop(client_id, None)

    def _write(self, socket: BlockingSocket, client_id: str) -> None:
        if pending := self.outbox.get(client_id):
            try:
                socket.send(pending[0])
            except SocketEnded:
                self.ready.clear()  # whoever reads the socket sees it too, and comes back

    def _end(self, ended: SocketEnded) -> None:
        if self._has_left or time.monotonic() < self._away_until:
            return
        if ended.code == DRAINING:
            self._away_until = time.monotonic() + int(ended.reason) / 1000
            return
        self._log("socket", 0.0, f"ended with {ended.code}")
        pause = COME_BACK_SECONDS * (0.5 + random.random())  # noqa: S311 - jitter
        self._away_until = time.monotonic() + pause

    def _log(self, name: str, seconds: float, error: str = "") -> None:
        stats = self._gathering.stats
        stats.log_request(KIND, name, round(seconds * 1000), 0)
        if error:
            stats.log_error(KIND, name, error)
