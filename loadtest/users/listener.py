"""A simulated user's socket, on the client library's session: resends unanswered frames, and
records deliveries in the book. Knows no REST except the calls it is given."""

import contextlib
import random
import time
import uuid
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

import gevent
import gevent.event
import msgspec
from hubbub_client.ends import Ends
from hubbub_client.errors import NoAnswer, NotFound
from hubbub_client.events import Event, MessageDeleted, MessageSent
from hubbub_client.session import Answer, Output, Pull, Ready, RefreshToken, Refusal

from loadtest.sockets.blocking_socket import BlockingSocket, SocketEnded
from loadtest.sockets.delivery import identify
from loadtest.sockets.judged_session import JudgedSession
from loadtest.users.outbox import Outbox, Unanswered

if TYPE_CHECKING:
    from loadtest.users.gathering import Gathering

DRAINING: Final = 4001
TRY_AGAIN: Final = frozenset({"rate_limited", "unavailable"})
PULL_AGAIN_SECONDS: Final = 0.5
KIND: Final = "SOCKET"  # of the rows in locust's table
DELIVERY: Final = "post to delivery"
REMEMBERED: Final = 20  # newest messages of a chat that one may still change, and newest files
PING: Final = '{"type":"ping"}'

_encode = msgspec.json.encode


class Calls(Protocol):
    """A person's REST calls."""

    @property
    def token(self) -> str: ...

    def refresh(self) -> None:
        """A new token."""

    def fetch_events(self, chat: str, after: int) -> dict[str, Any]:
        """A page of `/events`. Raises NotFound, NoAnswer."""


class Listener:
    """One person's."""

    def __init__(self, gathering: "Gathering", user: str, origin: str, calls: Calls) -> None:
        self._gathering = gathering
        self._user, self._origin, self._calls = user, origin, calls
        self._session = JudgedSession(user, gathering.book)
        self._ends = Ends()
        self._messages: dict[str, deque[tuple[str, str]]] = {}  # of a chat: id, sender
        self._files: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)  # chat, id
        self._marked: dict[str, int] = {}  # by chat: the seq up to which it is marked as read
        self._joined: set[str] = set()
        self._socket: BlockingSocket | None = None
        self._up_since = 0.0
        self._away_until = 0.0
        self._has_left = False
        self.outbox = Outbox()
        self.ready = gevent.event.Event()

    @property
    def _ready_socket(self) -> BlockingSocket | None:
        return self._socket if self.ready.is_set() else None

    @property
    def chats(self) -> list[str]:
        return list(self._session.cursors)

    def find_message(self, *, own: bool, chat: str = "") -> tuple[str, str] | None:
        """The chat and id of some recent message, one's own or anybody's, anywhere or in a chat."""
        found = [
            (place, message)
            for place, messages in self._messages.items()
            for message, sender in messages
            if (not own or sender == self._user) and chat in ("", place)
        ]
        return random.choice(found) if found else None  # noqa: S311 - load, no secret

    def find_file(self) -> tuple[str, str] | None:
        """The chat and id of one that was shared lately."""
        return random.choice(self._files) if self._files else None  # noqa: S311 - load, no secret

    def forget_message(self, chat: str, message: str) -> None:
        """It is deleted, or will be."""
        kept = [one for one in self._messages.get(chat, ()) if one[0] != message]
        self._messages[chat] = deque(kept, REMEMBERED)

    def listen(self) -> None:
        """Runs until the person leaves, or must not reconnect."""
        while True:
            gevent.sleep(max(0.0, self._away_until - time.monotonic()))
            if self._has_left:
                return
            try:
                self._follow()
            except SocketEnded as ended:
                self.ready.clear()
                self.outbox.lose_socket()
                if not self._comes_back(ended):
                    return

    def send(self, chat: str, message: str, began: float, **more: Any) -> None:
        """A durable send. What is not answered is sent again on the next socket."""
        client_id = str(uuid.uuid4())
        frame = {"type": "send", "chat": chat, "clientId": client_id, "message": message, **more}
        self._gathering.book.post_begins(client_id, began)
        socket = self._ready_socket
        self.outbox.add(client_id, _encode(frame), began, time.monotonic() if socket else None)
        if socket:
            self._write(socket, client_id)

    def ask_for_answers(self, before: float) -> None:
        """Pings if sends are unanswered since that time. Never waits."""
        if (socket := self._ready_socket) and self.outbox.ask(before):
            gevent.spawn(self._ping, socket)

    def give_up(self) -> None:
        """The run is over: what is still unanswered remains so."""
        self._count(self.outbox.give_up())

    def mark_as_read(self, chat: str) -> None:
        """Marks it up to its newest message unless already marked, like the page."""
        head = self._session.cursors.get(chat, 0)
        if head > self._marked.get(chat, 0) and (socket := self._ready_socket):
            self._marked[chat] = head
            with contextlib.suppress(SocketEnded):  # the reader of the socket sees it too
                socket.send(_encode({"type": "read", "chat": chat, "upTo": head}))
            self._log("mark as read", 0.0)

    def lose_network(self, seconds: float) -> None:
        """For so long."""
        self._away_until = time.monotonic() + seconds
        self._gathering.cuts += 1
        if self._socket is not None:
            self._socket.cut()

    def leave(self) -> None:
        """For good: nothing is due to this person any more, nor answers."""
        self._has_left = True
        for chat in self._joined:
            self._gathering.book.listener_leaves(self._user, chat)
        self.outbox = Outbox()
        if self._socket is not None:
            self._socket.close()

    def _follow(self) -> None:
        began = time.monotonic()
        socket = self._socket = BlockingSocket(self._origin)
        if self._has_left:  # meanwhile
            socket.close()
            return
        socket.send(self._session.hello(self._calls.token))
        for text in socket.texts():
            self._handle(socket, self._session.receive_text(text), began)
            if self._session.take_pong():
                self._count(self.outbox.take_pong())

    def _handle(self, socket: BlockingSocket, outputs: list[Output], began: float) -> None:
        now = time.monotonic()
        for output in outputs:
            match output:
                case Event():
                    self._take(output, now)
                case Answer(_, frame, ""):
                    self._sent(frame, now)
                case Answer(client_id, frame, code):
                    self._refused(client_id, code, frame.get("retryAfter", 1))
                case Refusal(code):
                    self._log("send", 0.0, code)
                case Ready():
                    self._log("connect", now - began)
                    self._begin(socket, output.cursors, now)
                case Pull():
                    self._handle(socket, self._pull(output), began)
                case RefreshToken():
                    self._calls.refresh()
                    socket.send(_encode({"type": "refresh", "token": self._calls.token}))

    def _begin(self, socket: BlockingSocket, cursors: dict[str, int], now: float) -> None:
        self._ends.ready()
        self._up_since = now
        for chat in cursors.keys() - self._joined:
            self._join(chat, cursors[chat])
        self.ready.set()
        for client_id in self.outbox.repeat_all(now):
            self._write(socket, client_id)

    def _pull(self, pull: Pull) -> list[Output]:
        while not self._has_left:
            try:
                page = self._calls.fetch_events(pull.chat, pull.after)
            except NotFound:
                return self._session.gone(pull)
            except NoAnswer:
                gevent.sleep(PULL_AGAIN_SECONDS)
            else:
                return self._session.pulled(pull, page["events"], more=page["more"])
        return []

    def _take(self, event: Event, now: float) -> None:
        if event.chat not in self._joined:
            self._join(event.chat, event.seq)
            return
        if self._has_left:
            return
        client_id = ""
        if isinstance(event, MessageSent) and not event.deleted:
            messages = self._messages.setdefault(event.chat, deque(maxlen=REMEMBERED))
            messages.append((event.message_id, event.by))
            self._files.extend((event.chat, file.id) for file in event.attachments)
            client_id = event.client_id or ""
        elif isinstance(event, MessageDeleted):
            self.forget_message(event.chat, event.message_id)
        seconds = self._gathering.book.delivered(
            self._user, event.chat, event.seq, identify(event), client_id, now
        )
        # What was said while this person was away says nothing about how fast the system is.
        if seconds is not None and now - seconds >= self._up_since:
            self._gathering.log_beside(KIND, DELIVERY, seconds)

    def _join(self, chat: str, seq: int) -> None:
        self._joined.add(chat)
        if not self._has_left:
            self._gathering.book.listener_joins(self._user, chat, seq)

    def _sent(self, frame: dict[str, Any], now: float) -> None:
        if (began := self.outbox.answer(frame["clientId"])) is not None:
            self._gathering.book.post_answered(frame["chat"], frame["seq"], frame["messageId"], now)
            self._log("send", now - began)

    def _refused(self, client_id: str, code: str, retry_after: float) -> None:
        self._log("send", 0.0, code)
        if code in TRY_AGAIN:
            self.outbox.refuse(client_id)
            gevent.spawn_later(retry_after, self._repeat, client_id)
        else:
            self.outbox.answer(client_id)

    def _repeat(self, client_id: str) -> None:
        """Unless there is no socket now: the next one repeats everything."""
        if (socket := self._ready_socket) and self.outbox.repeat(client_id, time.monotonic()):
            self._write(socket, client_id)

    def _write(self, socket: BlockingSocket, client_id: str) -> None:
        if frame := self.outbox.frame(client_id):
            try:
                socket.send(frame)
            except SocketEnded:
                self.ready.clear()  # the reader of the socket sees it too, and reconnects

    def _ping(self, socket: BlockingSocket) -> None:
        with contextlib.suppress(SocketEnded):  # the reader of the socket sees it too
            socket.send(PING)

    def _count(self, unanswered: Iterable[Unanswered]) -> None:
        for began, reason in unanswered:
            self._gathering.unanswered += 1
            self._log("send", time.monotonic() - began, reason)

    def _comes_back(self, ended: SocketEnded) -> bool:
        chance = random.random()  # noqa: S311 - jitter
        next_ = self._ends.closed(ended.code, ended.reason, chance)
        now = time.monotonic()
        if self._has_left or now < self._away_until:
            return True
        if ended.code != DRAINING:
            self._log("socket", 0.0, f"ended with {ended.code}")
        if next_ is None:
            return False
        if next_.refresh:
            self._calls.refresh()
        self._away_until = now + next_.seconds
        return True

    def _log(self, name: str, seconds: float, error: str = "") -> None:
        self._gathering.log(KIND, name, seconds)
        if error:
            self._gathering.stats.log_error(KIND, name, error)
