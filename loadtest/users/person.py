"""One person under locust: signs up, makes a chat with others, posts, reads, searches, shares and
opens files, rests, loses the network and comes back. The acts are the same in closed and open loop;
only the effect of a slow answer on the next act differs."""

import random
import re
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import gevent
import gevent.pool
import msgspec
from hubbub_client.errors import NoAnswer, NotFound
from locust import User, task
from locust.env import Environment

from loadtest.sockets.delivery import identify_change
from loadtest.users.gathering import LATE, Gathering
from loadtest.users.listener import Listener
from loadtest.users.rest import Rest
from loadtest.users.words import choose_text, choose_word

OTHERS_A_CHAT: Final = 4
READY_TIMEOUT_SECONDS: Final = 20.0
REST_SECONDS: Final = (5.0, 15.0)
AWAY_SECONDS: Final = (1.0, 3.0)
GOODBYE_SECONDS: Final = 3.0
REPLIES: Final = 0.1  # of the messages
TAKEN_BACK: Final = 0.25  # of the reactions
EMOJI: Final = ("👍", "❤️", "😂", "🎉", "😮", "🙏")
FILE_BYTES: Final = 20_000
FILE_KIND: Final = "application/octet-stream"
PROBLEM_CODE: Final = re.compile(rb'"code":\s*"(\w+)"')

Act = Callable[[float], object]

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Person(User):
    """Acts every `pace` seconds on average: of 436 acts 200 are posts, half of them by REST and
    half on the socket. A tenth of them reply; for each hundred there are fifty read markers,
    fifteen pages of history, fifteen reactions, every fourth of which is taken back, five edits,
    one deletion, two searches, a file that is shared and four that are opened."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._gathering: Gathering = environment.gathering  # type: ignore[attr-defined]
        self._pace: float = environment.parsed_options.pace  # type: ignore[union-attr]
        self._is_open: bool = environment.parsed_options.open_loop  # type: ignore[union-attr]
        self._acts = gevent.pool.Group()
        self._due = self._quiet_until = 0.0
        self._rest = Rest(self.host or "")
        self._refresh_token = ""

    @property
    def token(self) -> str:
        return self._rest.token

    def on_start(self) -> None:
        name = f"load-{uuid.uuid4().hex[:20]}"
        account = {"username": name, "email": f"{name}@example.org"}
        answer = self._call("POST", "/api/user", account, "sign up")
        if not answer:
            self.stop()
            return
        self._id = answer["user"]["id"]
        self._keep_tokens(answer)
        self._listener = Listener(self._gathering, self._id, self.host or "", self)
        self._gathering.listeners.add(self._listener)
        gevent.spawn(self._listener.listen)
        self._listener.ready.wait(READY_TIMEOUT_SECONDS)
        people = self._gathering.people
        people.append(self._id)
        others = random.sample(people, min(OTHERS_A_CHAT, len(people)))
        chat = {"participants": others, "chatName": f"{name}'s"}
        self._call("POST", "/api/chat", chat, "create chat")
        self._due = time.monotonic()

    def on_stop(self) -> None:
        """Half of them log out, the others only disconnect."""
        if not self.token:
            return
        self._acts.join(timeout=GOODBYE_SECONDS)
        self._listener.leave()
        self._gathering.listeners.discard(self._listener)
        self._gathering.people.remove(self._id)
        if random.random() < 0.5:  # noqa: S311 - load, no secret
            self._call("POST", "/api/user/logout", None, "log out")
        self._rest.close()

    def wait_time(self) -> float:
        """In an open loop acts start when due, however long the last one takes."""
        pause = random.expovariate(1 / self._pace)
        self._due = pause + (self._due if self._is_open else time.monotonic())
        return max(0.0, self._due - time.monotonic())

    @task(100)
    def post(self) -> None:
        self._do(self._post)

    @task(100)
    def send(self) -> None:
        self._do_at_once(self._send)

    @task(100)
    def mark_as_read(self) -> None:
        self._do_at_once(lambda _: self._mark_as_read())

    @task(10)
    def edit(self) -> None:
        self._do(self._edit)

    @task(2)
    def delete(self) -> None:
        self._do(self._delete)

    @task(30)
    def react(self) -> None:
        self._do(self._react)

    @task(30)
    def read_history(self) -> None:
        self._do(self._read_history)

    @task(20)
    def look_at_chats(self) -> None:
        self._do(lambda _: self._ask("/api/chat", "list chats"))

    @task(10)
    def look_at_somebody(self) -> None:
        person = random.choice(self._gathering.people)  # noqa: S311 - load, no secret
        self._do(lambda _: self._ask(f"/api/user/{person}", "look at somebody"))

    @task(4)
    def search(self) -> None:
        self._do(lambda _: self._ask(f"/api/search?q={choose_word()}", "search"))

    @task(2)
    def share_file(self) -> None:
        self._do(lambda began: self._share(began, "notes.bin", secrets.token_bytes(FILE_BYTES)))

    @task(8)
    def open_file(self) -> None:
        self._do(self._open_file)

    @task(10)
    def have_a_rest(self) -> None:
        self._do_at_once(lambda now: self._be_quiet(now + random.uniform(*REST_SECONDS)))  # noqa: S311

    @task(10)
    def lose_network(self) -> None:
        self._do_at_once(self._lose_network)

    def _do(self, act: Act) -> None:
        """What awaits an answer."""
        if self._may_act():
            if self._is_open:
                self._acts.spawn(act, self._due)
            else:
                act(time.monotonic())

    def _do_at_once(self, act: Act) -> None:
        if self._may_act():
            act(self._due if self._is_open else time.monotonic())

    def _may_act(self) -> bool:
        now = time.monotonic()
        if self._gathering.is_over or now < self._quiet_until:
            return False
        if self._is_open:
            self._gathering.log_beside(*LATE, now - self._due)
        return True

    def _be_quiet(self, until: float) -> None:
        self._quiet_until = until

    def _lose_network(self, now: float) -> None:
        seconds = random.uniform(*AWAY_SECONDS)  # noqa: S311 - load, no secret
        self._be_quiet(now + seconds)
        self._listener.lose_network(seconds)

    def _post(self, began: float) -> None:
        if chats := self._listener.chats:
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            self._post_to(chat, began, **self._reply_in(chat))

    def _post_to(self, chat: str, began: float, **more: Any) -> None:
        client_id = str(uuid.uuid4())
        self._gathering.book.post_begins(client_id, began)
        body = {"message": choose_text(), "clientId": client_id, **more}
        if answer := self._call("POST", f"/api/chat/{chat}/message", body, "post"):
            info = answer["messageInfo"]
            self._gathering.book.post_answered(
                chat, info["seq"], info["messageId"], time.monotonic()
            )

    def _send(self, began: float) -> None:
        if chats := self._listener.chats:
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            self._listener.send(chat, choose_text(), began, **self._reply_in(chat))

    def _mark_as_read(self) -> None:
        if chats := self._listener.chats:
            self._listener.mark_as_read(random.choice(chats))  # noqa: S311 - load, no secret

    def _share(self, began: float, name: str, data: bytes) -> None:
        """Uploads, and posts a message with it."""
        if chats := self._listener.chats:
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            answer = self._send_bytes("POST", f"/api/chat/{chat}/file?name={name}", data, "upload")
            if answer:
                self._post_to(chat, began, attachments=[_decode(answer)["file"]["id"]])

    def _open_file(self, _: float) -> None:
        """Opens one that was just shared; a deleted message is not a failure."""
        if found := self._listener.find_file():
            chat, file = found
            self._send_bytes("GET", f"/api/chat/{chat}/file/{file}", None, "open file", (200, 404))

    def _reply_in(self, chat: str) -> dict[str, str]:
        """A tenth of the messages are replies: to the person's own, which nobody else can delete
        meanwhile."""
        if random.random() >= REPLIES:  # noqa: S311 - load, no secret
            return {}
        found = self._listener.find_message(own=True, chat=chat)
        return {"replyTo": found[1]} if found else {}

    def _edit(self, _: float) -> None:
        if found := self._listener.find_message(own=True):
            chat, message = found
            body = {"message": choose_text()}
            path = f"/api/chat/{chat}/message/{message}"
            if answer := self._call("PATCH", path, body, "edit"):
                info = answer["messageInfo"]
                self._gathering.book.post_answered(chat, info["seq"], message, time.monotonic())

    def _delete(self, _: float) -> None:
        if found := self._listener.find_message(own=True):
            self._listener.forget_message(*found)
            self._change("DELETE", *found, "message.deleted")

    def _react(self, _: float) -> None:
        if found := self._listener.find_message(own=False):
            emoji = random.choice(EMOJI)  # noqa: S311 - load, no secret
            self._change("PUT", *found, "reaction.added", emoji)
            if random.random() < TAKEN_BACK:  # noqa: S311 - load, no secret
                self._change("DELETE", *found, "reaction.removed", emoji)

    def _change(self, method: str, chat: str, message: str, kind: str, emoji: str = "") -> None:
        """Counts calls that made an event; a message that was just deleted is not a failure."""
        path = f"/api/chat/{chat}/message/{message}"
        if emoji:
            path += f"/reaction/{quote(emoji)}"
        name = kind.replace(".", " ")
        answer, status = self._try_call(method, path, None, name, fine=(200, 201, 404))
        if answer and status == (201 if method == "PUT" else 200):
            change = identify_change(kind, message, self._id, emoji)
            self._gathering.book.change_answered(chat, change, time.monotonic())

    def _read_history(self, _: float) -> None:
        if chats := self._listener.chats:
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            self._ask(f"/api/chat/{chat}/message?limit=50", "read history")

    def refresh(self) -> None:
        """For the listener; if it fails, the listener's socket ends and it asks again."""
        body = {"refreshToken": self._refresh_token}
        if answer := self._call("POST", "/api/user/refresh", body, "refresh"):
            self._keep_tokens(answer)

    def _keep_tokens(self, answer: dict[str, Any]) -> None:
        self._rest.token, self._refresh_token = answer["token"], answer["refreshToken"]

    def fetch_events(self, chat: str, after: int) -> dict[str, Any]:
        """A page of what the listener missed. Raises NotFound, NoAnswer."""
        path = f"/api/chat/{chat}/events?after={after}"
        page, status = self._try_call("GET", path, None, "catch up", fine=(200, 404))
        if status == 404:
            raise NotFound(404, "not_found", path)
        if not page:
            raise NoAnswer(path)
        return page

    def _ask(self, path: str, name: str) -> dict[str, Any]:
        return self._call("GET", path, None, name)

    def _call(self, method: str, path: str, body: Any, name: str) -> dict[str, Any]:
        """The answer's body; empty when it failed, which locust's statistics show."""
        return self._try_call(method, path, body, name)[0]

    def _try_call(
        self, method: str, path: str, body: Any, name: str, fine: tuple[int, ...] = (200, 201)
    ) -> tuple[dict[str, Any], int]:
        """With its status."""
        data = None if body is None else _encode(body)
        answer, status = self._exchange(method, path, data, name, fine)
        return (_decode(answer) if answer else {}), status

    def _send_bytes(
        self, method: str, path: str, data: bytes | None, name: str,
        fine: tuple[int, ...] = (200, 201),
    ) -> bytes:  # fmt: skip
        return self._exchange(method, path, data, name, fine, FILE_KIND)[0]

    def _exchange(
        self, method: str, path: str, data: bytes | None, name: str, fine: tuple[int, ...],
        kind: str = "application/json",
    ) -> tuple[bytes, int]:  # fmt: skip
        """The answer's bytes, empty when it failed, and its status."""
        began = time.monotonic()
        status, answer = self._rest.call(method, path, data, kind)
        self._gathering.log(method, name, time.monotonic() - began)
        if status in fine:
            return answer, status
        code = PROBLEM_CODE.search(answer) if status else None
        why = code[1] if code else answer[:80]
        self._gathering.stats.log_error(method, name, f"{status} {why.decode('latin-1')}")
        return b"", status
