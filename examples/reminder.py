"""Reminds people: "remind me in 10 minutes to call Ben". Reminders that are pending when the
program ends are lost. See examples/README.md."""

import asyncio
import re
import sys

from hubbub_client import Client, MessageSent, Refused, reply_key

ASKED = re.compile(
    r"remind me in (\d{1,9}) (second|minute|hour)s? to (.+)", re.IGNORECASE | re.DOTALL
)
SECONDS = {"second": 1, "minute": 60, "hour": 3600}


async def remind(client: Client, event: MessageSent, seconds: int, what: str) -> None:
    chat = client.chat(event.chat)
    try:
        await chat.react(event.message_id, "👍")
        await asyncio.sleep(seconds)
        await chat.send(
            f"You wanted to {what}", reply_to=event.message_id, mentions=[event.by],
            key=reply_key(event),
        )  # fmt: skip
    except Refused as refused:  # the message is deleted, or the bot is no longer in the chat
        print(refused, file=sys.stderr)


async def main() -> None:
    async with Client.from_environment() as client, asyncio.TaskGroup() as reminders:
        async for event in client.events():
            if isinstance(event, MessageSent) and (asked := ASKED.fullmatch(event.message.strip())):
                number, unit, what = asked.groups()
                seconds = int(number) * SECONDS[unit.lower()]
                reminders.create_task(remind(client, event, seconds, what))


asyncio.run(main())
