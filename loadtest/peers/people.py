"""Accounts and chats for a benchmark, made by REST as any client would."""

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from common.protocol.limits import MAX_PARTICIPANTS_A_REQUEST
from loadtest.peers.calling import Caller

SIGN_UPS_AN_ADDRESS: Final = 20  # the limits of one address; a crowd has many
SOCKETS_AN_ADDRESS: Final = 200
SOCKETS_A_USER: Final = 20
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
    refresh_token: str

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
        caller = Caller(self._port, f"127.0.{1 + group // 250}.{1 + group % 250}")
        people = []
        for number in numbers:
            name = f"b{self._run}.{number}"
            body = {"username": name, "email": f"{name}@bench.example.org"}
            made = caller.post("/api/user", None, body)
            people.append(Person(made["user"]["id"], made["token"], made["refreshToken"]))
        caller.close()
        return people

    def refresh(self, person: Person) -> Person:
        """The same with another token: one lasts for a quarter of an hour."""
        caller = Caller(self._port)
        made = caller.post("/api/user/refresh", None, {"refreshToken": person.refresh_token})
        caller.close()
        return replace(person, token=made["token"], refresh_token=made["refreshToken"])

    def make_chats(self, groups: list[list[Person]]) -> list[str]:
        """The ids of a chat for each group, made by its first one."""
        parts = [groups[i : i + 50] for i in range(0, len(groups), 50)]
        with ThreadPoolExecutor(THREADS) as pool:
            return [chat for ids in pool.map(self._make_some, parts) for chat in ids]

    def _make_some(self, groups: list[list[Person]]) -> list[str]:
        caller = Caller(self._port)
        chats = [make_chat(caller, group) for group in groups]
        caller.close()
        return chats

    def send(self, chats: Iterable[str], sender: Iterable[Person], text: str) -> None:
        """A message into each of the chats, by the person at the same place."""
        caller = Caller(self._port)
        for chat, person in zip(chats, sender, strict=True):
            caller.post(f"/api/chat/{chat}/message", person.token, {"message": text})
        caller.close()


def make_chat(caller: Caller, group: list[Person]) -> str:
    """The id of a chat of the whole group: more than a request may name are added to it."""
    owner = group[0].token
    parts = [
        [person.id for person in group[i : i + MAX_PARTICIPANTS_A_REQUEST]]
        for i in range(0, len(group), MAX_PARTICIPANTS_A_REQUEST)
    ]
    made = caller.post("/api/chat", owner, {"participants": parts[0], "chatName": "bench"})
    chat: str = made["chat"]["id"]
    for part in parts[1:]:
        caller.post(f"/api/chat/{chat}/participant", owner, {"userIds": part})
    return chat
