"""One person under locust: signs up, makes chats with others, posts, and listens on a socket.

The socket's greenlet outlives the person's tasks, so that the last posts still arrive; the
locustfile ends it.
"""

import json
import random
import time
import uuid
from typing import Any

import gevent
from locust import FastHttpUser, between, task
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from loadtest.delivery import DeliveryBook

OTHERS_A_CHAT = 4
CHATS_EACH = 2
READY_TIMEOUT_SECONDS = 10
COME_BACK_SECONDS = 0.5


class Run:
    """What the people of one run share."""

    def __init__(self) -> None:
        self.book = DeliveryBook()
        self.people: list[str] = []
        self.listeners: list[gevent.Greenlet] = []
        self.is_over = False
        self.reconnects = 0


run = Run()  # locust makes the people itself and hands them nothing


class Listener:
    """A socket that follows the contract: it resumes from its cursors when it comes back."""

    def __init__(self, user: str, token: str, origin: str) -> None:
        self._user, self._token = user, token
        self._url = "ws" + origin.removeprefix("http") + "/ws"
        self._cursors: dict[str, int] = {}
        self.ready = gevent.event.Event()

    @property
    def chats(self) -> list[str]:
        return list(self._cursors)

    def listen(self) -> None:
        while not run.is_over:
            try:
                with connect(
                    self._url,
                    subprotocols=[Subprotocol("chat.v1")],
                    compression=None,
                    max_size=None,
                    ping_interval=None,
                    proxy=None,
                ) as socket:
                    hello = {"type": "connect", "token": self._token, "resume": self._cursors}
                    socket.send(json.dumps(hello))
                    while not run.is_over:
                        self._take_all(socket.recv())
            except (OSError, WebSocketException):
                run.reconnects += 1
                gevent.sleep(COME_BACK_SECONDS * random.random())  # noqa: S311 - jitter

    def _take_all(self, text: str | bytes) -> None:
        now = time.monotonic()
        for line in text.splitlines() if isinstance(text, str) else []:
            frame = json.loads(line)
            if frame["type"] == "ready":
                self.ready.set()
            elif "seq" in frame and frame["type"] != "sent":
                self._take(frame, now)

    def _take(self, event: dict[str, Any], now: float) -> None:
        chat, seq = event["chat"], event["seq"]
        if event["type"] == "chat.created":
            run.book.listener_joins(self._user, chat, seq)
        else:
            run.book.delivered(
                self._user,
                chat,
                seq,
                event.get("messageId", ""),
                event.get("clientId", ""),
                now,
            )
        self._cursors[chat] = max(seq, self._cursors.get(chat, 0))


class Person(FastHttpUser):
    """Posts about four times a second to chats that they are in, reads now and then."""

    wait_time = between(0.1, 0.4)

    def on_start(self) -> None:
        name = f"load-{uuid.uuid4().hex[:20]}"
        answer = self.rest_call(
            "POST", "/api/user", {"username": name, "email": f"{name}@example.org"}, "sign up"
        )
        self.token, self.id = answer["token"], answer["user"]["id"]
        self.listener = Listener(self.id, self.token, self.host or "")
        run.listeners.append(gevent.spawn(self.listener.listen))
        self.listener.ready.wait(READY_TIMEOUT_SECONDS)
        run.people.append(self.id)
        for number in range(CHATS_EACH):
            others = random.sample(run.people, min(OTHERS_A_CHAT, len(run.people)))
            self.rest_call(
                "POST",
                "/api/chat",
                {"participants": others, "chatName": f"chat {number}"},
                "create chat",
            )

    @task(20)
    def post(self) -> None:
        if not (chats := self.listener.chats):
            return
        chat, client_id = random.choice(chats), str(uuid.uuid4())  # noqa: S311 - load, no secret
        run.book.post_begins(client_id, time.monotonic())
        answer = self.rest_call(
            "POST",
            f"/api/chat/{chat}/message",
            {"message": f"hello from {self.id}", "clientId": client_id},
            "post",
        )
        if answer:
            info = answer["messageInfo"]
            run.book.post_answered(chat, info["seq"], info["messageId"])

    @task(2)
    def read_history(self) -> None:
        if chats := self.listener.chats:
            chat = random.choice(chats)  # noqa: S311 - load, no secret
            self.rest_call("GET", f"/api/chat/{chat}/message?limit=50", None, "read history")

    @task(2)
    def look_at_chats(self) -> None:
        self.rest_call("GET", "/api/chat", None, "list chats")

    @task(1)
    def look_at_somebody(self) -> None:
        person = random.choice(run.people)  # noqa: S311 - load, no secret
        self.rest_call("GET", f"/api/user/{person}", None, "look at somebody")

    def rest_call(self, method: str, path: str, body: Any, name: str) -> dict[str, Any]:
        """The answer's body; empty when it failed, which locust's statistics show."""
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        with self.client.request(
            method, path, name=name, json=body, headers=headers, catch_response=True
        ) as answer:
            if answer.status_code not in (200, 201):
                answer.failure(f"{answer.status_code} {answer.text}")
                return {}
            decoded: dict[str, Any] = answer.json()
            return decoded
