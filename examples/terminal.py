"""One chat in a terminal: `python terminal.py CHAT`. What you type is sent; Ctrl-D ends it.

See examples/README.md.
"""

import asyncio
import sys
from collections.abc import Iterable
from unicodedata import category

from hubbub_client import Chat, Client, Message, MessageSent, Refused, Unauthenticated

STEERING = ("Cc", "Zl", "Zp")  # controls and line ends: other users must not control this terminal


class Names:
    """The name of a user, requested once per id."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, str] = {client.user: "you"}

    async def learn(self, users: Iterable[str]) -> None:
        if missing := list(set(users) - self._known.keys()):
            for user in await self._client.users(*missing[:200]):
                self._known[user["id"]] = user.get("displayName") or user["username"]

    def __getitem__(self, user: str) -> str:
        return self._known.get(user, "somebody")


def show(names: Names, message: Message | MessageSent) -> None:
    files = ", ".join(file.name for file in message.attachments)
    said = f"{names[message.by]}: {message.message or files or '(deleted)'}"
    plain = "".join(" " if category(c) in STEERING else c for c in said)
    print(message.at[11:16], plain, flush=True)


async def listen(client: Client, chat: Chat, names: Names, last: int) -> None:
    async for event in client.events():
        if isinstance(event, MessageSent) and event.chat == chat.id and event.seq > last:
            await names.learn([event.by])
            show(names, event)
            await chat.read(event.seq)


async def main(chat_id: str) -> None:
    async with Client.from_environment() as client:
        chat, names = client.chat(chat_id), Names(client)
        messages = await chat.load(20)
        await names.learn(message.by for message in messages)
        for message in messages:
            show(names, message)
        last = messages[-1].seq if messages else 0
        listening = asyncio.create_task(listen(client, chat, names, last))
        while line := await asyncio.to_thread(sys.stdin.readline):
            if text := line.rstrip("\n"):
                try:
                    await chat.send(text)
                except Unauthenticated:
                    raise  # nothing can be sent any more
                except Refused as refused:  # too long, or you are no longer in the chat
                    print(refused, file=sys.stderr)
        listening.cancel()


if len(sys.argv) != 2:
    sys.exit("usage: python terminal.py CHAT")
asyncio.run(main(sys.argv[1]))
