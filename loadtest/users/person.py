"""One person under locust: signs up, makes a chat with others, posts, reads, rests, loses the
network and comes back. What a person does is the same closed and open loop; only what a slow answer
does to the next act differs."""

import random
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import gevent
import gevent.pool
from hubbub_client.errors import NoAnswer, NotFound
from locust import FastHttpUser, task
from locust.env import Environment

from loadtest.sockets.delivery import identify_change
from loadtest.users.gathering import LATE, Gathering
from loadtest.users.listener import Listener

OTHERS_A_CHAT: Final = 4
READY_TIMEOUT_SECONDS: Final = 20.0
REST_SECONDS: Final = (5.0, 15.0)
AWAY_SECONDS: Final = (1.0, 3.0)
GOODBYE_SECONDS: Final = 3.0
REPLIES: Final = 0.1  # of the messages
TAKEN_BACK: Final = 0.25  # of the reactions
EMOJI: Final = ("👍", "❤️", "😂", "🎉", "😮", "🙏")
PROBLEM_CODE: Final = re.compile(r'"code":\s*"(\w+)"')

Act = Callable[[float], object]


class Person(FastHttpUser):
    """Acts every `pace` seconds on average: of 322 acts 200 are posts, half of them by REST and
    half on the socket. A tenth of them reply; for each hundred there are five edits, one deletion
    and fifteen reactions, every fourth of which is taken back."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._gathering: Gathering = environment.gathering  # type: ignore[attr-defined]
        self._pace: float = environment.parsed_options.pace  # type: ignore[union-attr]
        self._is_open: bool = environment.parsed_options.open_loop  # type: ignore[union-attr]
        self._acts = gevent.pool.Group()
        self._due = self._quiet_until = 0.0
        self.token = self._refresh_token = ""

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
        """Half of them log out, the others just disconnect."""
        if not self.token:
            return
        self._acts.join(timeout=GOODBYE_SECONDS)
        self._listener.leave()
        self._gathering.listeners.discard(self._listener)
        self._gathering.people.remove(self._id)
        if random.random() < 0.5:  # noqa: S311 - load, no secret
            self._call("POST", "/api/user/logout", None, "log out")

    def wait_time(self) -> float:
        """In an open loop acts come when they are due, however long the last one takes."""
        pause = random.expovariate(1 / self._pace)
        self._due = pause + (self._due if self._is_open else time.monotonic())
        return max(0.0, self._due - time.monotonic())

    @task(100)
    def post(self) -> None:
        self._do(self._post)

    @task(100)
    def send(self) -> None:
        self._do(self._send)

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

    @task(10)
    def have_a_rest(self) -> None:
        self._do(lambda now: self._be_quiet(now + random.uniform(*REST_SECONDS)))  # noqa: S311

    @task(10)
    def lose_network(self) -> None:
        self._do(self._lose_network)

    def _do(self, act: Act) -> None:
        if self._gathering.is_over or time.monotonic() < self._quiet_until:
            return
        if not self._is_open:
            act(time.monotonic())
            return
        self._gathering.stats.log_request(*LATE, round((time.monotonic() - self._due) * 1000), 0)
        self._acts.spawn(act, self._due)

    def _be_quiet(self, until: float) -> None:
        self._quiet_until = until

    def _lose_network(self, now: float) -> None:
        seconds = random.uniform(*AWAY_SECONDS)  # noqa: S311 - load, no secret
        self._be_quiet(now + seconds)
        self._listener.lose_network(seconds)

    def _post(self, began: float) -> None:
        if not (chats := self._listener.chats):
            return
        chat, client_id = random.choice(chats), str(uuid.uuid4())  # noqa: S311 - load, no secret
        self._gathering.book.post_begins(client_id, began)
        body = {
            "message": f"hello from {self._id}", "clientId": client_id, **self._reply_in(chat)
        }  # fmt: skip
        if answer := self._call("POST", f"/api/chat/{chat}/message", body, "post"):
            info = answer["messageInfo"]
            self._gathering.book.post_answered(
                chat, info["seq"], info["messageId"], time.monotonic()
            )

    def _send(self, began: float) -> None:
        if chats := self._listener.chats:
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            self._listener.send(chat, f"hello from {self._id}", began, **self._reply_in(chat))

    def _reply_in(self, chat: str) -> dict[str, str]:
        """A tenth of the messages reply: to one's own, which nobody else can delete meanwhile."""
        if random.random() >= REPLIES:  # noqa: S311 - load, no secret
            return {}
        found = self._listener.find_message(own=True, chat=chat)
        return {"replyTo": found[1]} if found else {}

    def _edit(self, _: float) -> None:
        if found := self._listener.find_message(own=True):
            chat, message = found
            body = {"message": f"edited by {self._id} {time.monotonic()}"}
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
        """Counts what made an event; that a message has just been deleted is no failure."""
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
        """As the listener asks for it; where that fails, its socket ends and it asks again."""
        body = {"refreshToken": self._refresh_token}
        if answer := self._call("POST", "/api/user/refresh", body, "refresh"):
            self._keep_tokens(answer)

    def _keep_tokens(self, answer: dict[str, Any]) -> None:
        self.token, self._refresh_token = answer["token"], answer["refreshToken"]

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
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with self.client.request(
            method, path, name=name, json=body, headers=headers, catch_response=True
        ) as answer:
            status: int = answer.status_code
            if status not in fine:
                code = PROBLEM_CODE.search(answer.text or "")
                answer.failure(f"{status} {code[1] if code else ''}")
                return {}, status
            decoded: dict[str, Any] = answer.json()
            return decoded, status
