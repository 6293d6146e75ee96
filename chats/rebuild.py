"""`make rebuild`, or `python -m chats.rebuild`: derives the state of changed messages again.

The log is the truth, and history must be its fold; this uses the fold of every client, not the SQL
that updates the state with each event.
"""

import sys
from collections import defaultdict
from contextlib import suppress
from typing import Any

import msgspec

from chats.program import run_program
from chats.store.own import count_blocks
from chats.store.rebuilding import (
    ChangedMessage,
    hold_chat,
    list_chats_above,
    read_changes,
    read_messages,
    replace_changed_messages,
)
from common.database.failures import DatabaseBusy
from common.database.pool import Pool, begin, create_pool
from common.protocol.fold import begin as begin_message
from common.protocol.fold import change
from common.protocol.ids import LOWEST_ID

CHATS_AT_A_TIME = 1_000
Event = dict[str, Any]

_decode = msgspec.json.Decoder(Event).decode


async def rebuild(pool: Pool) -> int:
    """Each chat in a transaction of its own, during which nothing is appended to it; other chats go
    on. Returns the number of changed messages."""
    count = 0
    last = LOWEST_ID
    while chats := await list_chats_above(pool, last, CHATS_AT_A_TIME):
        for chat in chats:
            count += await _rebuild_chat(pool, chat)
        last = chats[-1]
    return count


async def _rebuild_chat(pool: Pool, chat: str) -> int:
    with suppress(DatabaseBusy):  # then readers for whom blocks are missing wait for the chat
        await count_blocks(pool, [chat])
    async with begin(pool) as connection:
        await hold_chat(connection, chat)
        changes: defaultdict[int, list[Event]] = defaultdict(list)
        for _, event in await read_changes(connection, chat):
            decoded = _decode(event)
            changes[decoded["of"]].append(decoded)
        messages = await read_messages(connection, chat, list(changes))
        derived = [derive(_decode(event), changes[seq]) for seq, event in sorted(messages.items())]
        await replace_changed_messages(connection, chat, derived)
    return len(derived)


def derive(message: Event, changes: list[Event]) -> ChangedMessage:
    """What is stored beside the log, from a message and all events about it."""
    current = begin_message(message)
    reacted: dict[tuple[str, str], None] = {}
    for event in changes:
        current = change(current, event)
        who = (event.get("emoji", ""), event["by"])
        if event["type"] == "reaction.added":
            reacted[who] = None
        elif event["type"] == "reaction.removed":
            del reacted[who]
    is_deleted = "deletedAt" in current
    reactions = current.pop("reactions", [])
    named = {(reaction["emoji"], user) for reaction in reactions for user in reaction["users"]}
    return ChangedMessage(
        seq=message["seq"],
        edits=[event["seq"] for event in changes if event["type"] == "message.edited"],
        previewed=[event["seq"] for event in changes if event["type"] == "links.previewed"],
        current=msgspec.json.encode(current) if current != begin_message(message) else None,
        reactions=msgspec.json.encode(reactions).decode() if reactions else None,
        is_deleted=is_deleted,
        unnamed=[] if is_deleted else [who for who in reacted if who not in named],
    )


async def _run(database_url: str) -> int:
    async with create_pool(database_url, size=1, min_size=1) as pool:
        return await rebuild(pool)


def main() -> None:
    """Replicas may keep running."""
    count = run_program("chats.rebuild", _run)
    sys.stdout.write(f"{count} changed messages derived from the log\n")


if __name__ == "__main__":
    main()
