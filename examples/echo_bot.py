"""Repeats each message once, in every chat that it is in. See examples/README.md."""

import asyncio
import sys

from hubbub_client import Client, MessageSent, Refused, reply_key


async def main() -> None:
    async with Client.from_environment() as client:
        async for event in client.events():
            if isinstance(event, MessageSent) and event.by != client.user:
                text = f"You said: {event.message}"
                try:
                    await client.chat(event.chat).send(text, key=reply_key(event))
                except Refused as refused:  # too long, or the bot is no longer in the chat
                    print(refused, file=sys.stderr)


asyncio.run(main())
