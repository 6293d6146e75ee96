"""Accounts and chats for a benchmark, made by REST as any client would."""

import http.client
import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from loadtest.peers.process import LOOPBACK

SIGN_UPS_AN_ADDRESS: Final = 20  # the limits of one address; a crowd has many
SOCKETS_AN_ADDRESS: Final = 200
SOCKETS_A_USER: Final = 20
TRIES: Final = 20
THREADS: Final = 8

# wsload's options for Hubbub's socket
SOCKET_OPTIONS: Final[tuple[object, ...]] = (
    "--protocol", "chat.v1", "--ready", '"ready"', "--counter", '"seq":',
    "--per-address", SOCKETS_AN_ADDRESS,
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    id: str
    token: str

    def socket(self, chat: str = "-", resume: dict[str, int] | None = None) -> str:
        """A line of wsload's plan; `chat` is where its `send` goes, `resume` the seqs it knows."""
        connect = {"type": "connect", "token": self.token}
        known = {} if resume is None else {"resume": resume}
        return f"/ws\t{chat}\t{json.dumps({**connect, **known}, separators=(',', ':'))}"


class People:
    """Signs people up and makes their chats at the public port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._run = f"{os.getpid():x}{int(time.time()) & 0xFFFFF:x}"
        self._signed_up = 0

    def sign_up(self, count: int) -> list[Person]:
        """New accounts; each twenty from an address of their own, as the limits want."""
        start, self._signed_up = self._signed_up, self._signed_up + count + SIGN_UPS_AN_ADDRESS
        parts = [
            range(n, min(n + SIGN_UPS_AN_ADDRESS, start + count))
            for n in range(start, start + count, SIGN_UPS_AN_ADDRESS)
        ]
        with ThreadPoolExecutor(THREADS) as pool:
            return [person for part in pool.map(self._sign_up_some, parts) for person in part]

    def _sign_up_some(self, numbers: range) -> list[Person]:
        group = numbers.start // SIGN_UPS_AN_ADDRESS
        connection = http.client.HTTPConnection(
            LOOPBACK,
            self._port,
            timeout=30,
            source_address=(f"127.0.{1 + group // 250}.{1 + group % 250}", 0),
        )
        people = []
        for number in numbers:
            name = f"b{self._run}.{number}"
            body = {"username": name, "email": f"{name}@bench.example.org"}
            made = _post(connection, "/api/user", body, None)
            people.append(Person(made["user"]["id"], made["token"]))
        connection.close()
        return people

    def make_chats(self, groups: list[list[Person]]) -> list[str]:
        """The ids of a chat for each group, made by its first one."""
        parts = [groups[i : i + 50] for i in range(0, len(groups), 50)]
        with ThreadPoolExecutor(THREADS) as pool:
            return [chat for ids in pool.map(self._make_some, parts) for chat in ids]

    def _make_some(self, groups: list[list[Person]]) -> list[str]:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=30)
        chats = []
        for group in groups:
            body = {"participants": [person.id for person in group], "chatName": "bench"}
            made = _post(connection, "/api/chat", body, group[0].token)
            chats.append(made["chat"]["id"])
        connection.close()
        return chats

    def send(self, chats: Iterable[str], sender: Iterable[Person], text: str) -> None:
        """A message into each of the chats, by the person at the same place."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=30)
        for chat, person in zip(chats, sender, strict=True):
            _post(connection, f"/api/chat/{chat}/message", {"message": text}, person.token)
        connection.close()


def _post(
    connection: http.client.HTTPConnection, path: str, body: dict[str, Any], token: str | None
) -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    for _ in range(TRIES):
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status in (200, 201):
            return json.loads(text)
        if answer.status not in (429, 503):
            raise RuntimeError(f"POST {path}: {answer.status} {text[:300]!r}")
        time.sleep(min(5.0, float(answer.getheader("Retry-After") or 1)))
    raise RuntimeError(f"POST {path}: refused {TRIES} times")
