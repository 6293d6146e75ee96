"""A program on the Python client that talks until it is told to stop, and prints what it does and
receives as lines of JSON: `talker.py ORIGIN STORE NAME`. `talker.mjs` is the same in JavaScript.

Commands come as lines of JSON: `{"do": "talk", "chat", "from", "pause"}` from that number on, in
chat after chat; `{"do": "stop"}`; `{"do": "show", "chat"}`.
"""

import asyncio
import json
import random
import sys
import uuid
from pathlib import Path
from typing import Any

import msgspec
from hubbub_client import Client, Event, FileStore

MOST_SHOWN = 100


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


async def listen(client: Client) -> None:
    async for event in client.events():
        assert isinstance(event, Event), event
        text = getattr(event, "message", None)
        say(event=[event.chat, event.seq, msgspec.to_builtins(event)["type"], text])


class Talker:
    """Sends numbers, and edits, reacts to and deletes some of its messages."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._is_talking = False
        self._talking = asyncio.create_task(asyncio.sleep(0))

    async def do(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "talk":
                self._is_talking = True
                talk = self._talk(command["chats"], command["from"], command["pause"])
                self._talking = asyncio.create_task(talk)
            case "stop":
                self._is_talking = False
                await self._talking
                await self._client.outbox.empty()
                say(stopped=True)
            case "show":
                await self._show(command["chat"])

    async def _talk(self, chats: list[str], number: int, pause: float) -> None:
        for id in chats:
            await self._client.chat(id).load(50)
        while self._is_talking:
            chat = self._client.chat(chats[number % len(chats)])
            say(trying=number)
            sent = await chat.send(f"{self._name} {number}")
            say(sent=[chat.id, sent.seq, number])
            if number % 5 == 0:
                await chat.edit(sent.message_id, f"{self._name} {number}, corrected")
            if number % 7 == 0:
                await chat.react(sent.message_id, "👍")
            if number % 11 == 0:
                await chat.delete(sent.message_id)
            number += 1
            await asyncio.sleep(pause * random.uniform(0.2, 1.8))

    async def _show(self, id: str) -> None:
        chat = self._client.chat(id)
        shown = chat.messages
        loaded = await chat.load(MOST_SHOWN)
        count = min(len(shown), len(loaded))
        say(
            shown=id, count=count, messages=msgspec.to_builtins(shown[-count:]),
            loaded=msgspec.to_builtins(loaded[-count:]),
        )  # fmt: skip


async def main(origin: str, store: str, name: str) -> None:
    async with Client(origin, FileStore(Path(store))) as client:
        if client.rest.tokens is None:
            username = f"{name}-{uuid.uuid4().hex[:12]}"
            await client.sign_up(username, f"{username}@example.org", "correct horse")
        await client.until_ready()
        say(user=client.user)
        talker = Talker(client, name)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen(client))
            while line := await asyncio.to_thread(sys.stdin.readline):
                await talker.do(json.loads(line))
            raise SystemExit


asyncio.run(main(*sys.argv[1:]))
