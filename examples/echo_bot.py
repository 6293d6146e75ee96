"""Says back what it is told, once, in every chat that it is in. See examples/README.md."""

import asyncio

from hubbub_client import Client, MessageSent, reply_key


async def main() -> None:
    async with Client.from_environment() as client:
        async for event in client.events():
            if isinstance(event, MessageSent) and event.by != client.user:
                text = f"You said: {event.message}"
                await client.chat(event.chat).send(text, key=reply_key(event))


asyncio.run(main())
