"""How a replica searches stored messages for links."""

import asyncio
from typing import cast

import msgspec

from chats.links.feeder import LinkFeeder
from common.database.pool import Pool

NO_POOL = cast(Pool, None)  # nothing is stored without links


def message(seq: int, text: str) -> bytes:
    return msgspec.json.encode(
        {"type": "message", "chat": "c", "seq": seq, "by": "u", "messageId": "m", "message": text}
    )


async def test_everything_else_has_its_turn_between_two_messages() -> None:
    """However many there are to search in one pass."""
    feeder = LinkFeeder(NO_POOL)
    feeder.note("c", [message(seq, "ftp://a.org") for seq in range(1, 101)])
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await feeder.run()
    counting.cancel()
    assert turns >= 100
