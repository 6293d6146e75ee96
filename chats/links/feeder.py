"""Keeps the links of new messages for files to fetch. Sends never wait for it.

Each replica looks at what it has stored itself. Nothing is written down before that, so the
links of what a replica stored in its last second stay without previews when it is killed.
"""

import asyncio
from collections import deque
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from chats.links.addresses import find_addresses
from chats.metrics import LINKS_DROPPED, LINKS_FOUND
from chats.store.links import LinksRow, keep_links
from common.database.pool import Pool

FEED_SECONDS: Final = 0.5
MAX_NOTED: Final = 10_000
_AT_ONCE: Final = 500
_SAYING: Final = ("message", "message.edited")


class _Event(msgspec.Struct, rename="camel"):
    type: str
    seq: int
    by: str
    message_id: str = ""
    message: str = ""
    of: int = 0


class _Noted(NamedTuple):
    chat: str
    event: bytes


_decode = msgspec.json.Decoder(_Event).decode


class LinkFeeder:
    """`note` is told of new events; `run` looks at them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._noted: deque[_Noted] = deque()

    def note(self, chat: str, events: list[bytes]) -> None:
        """These were stored."""
        for event in events:
            if b"://" not in event:
                continue
            if len(self._noted) >= MAX_NOTED:
                LINKS_DROPPED.inc()
                return
            self._noted.append(_Noted(chat, event))

    async def run(self) -> None:
        """Raises what the database raises; what was noted until then stays so."""
        noted = list(islice(self._noted, _AT_ONCE))
        rows: dict[tuple[str, int], LinksRow] = {}
        for one in noted:
            if (row := _row_of(one)) is not None:
                rows[row.chat, row.seq] = row  # later ones are of later texts
            await asyncio.sleep(0)  # a long text takes a millisecond, and sends wait meanwhile
        if rows:
            LINKS_DROPPED.inc(len(rows) - await keep_links(self._pool, list(rows.values())))
            LINKS_FOUND.inc(len(rows))
        for _ in noted:
            self._noted.popleft()


def _row_of(noted: _Noted) -> LinksRow | None:
    event = _decode(noted.event)
    if event.type not in _SAYING or not (urls := find_addresses(event.message)):
        return None
    return LinksRow(noted.chat, event.of or event.seq, event.seq, event.message_id, event.by, urls)
