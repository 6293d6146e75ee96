"""Queues the links of new messages for files to fetch. Sends never wait for it.

Each replica looks at the messages that it has stored itself. Until then nothing is written down, so
if a replica is killed, the messages of its last second get no previews.
"""

import asyncio
import logging
from collections import deque
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from chats.links.addresses import find_addresses
from chats.metrics import LINKS_DROPPED, LINKS_FOUND
from chats.store.links import LinksRow, keep_links
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool
from common.process.logs import log

FEED_SECONDS: Final = 0.5
MAX_NOTED: Final = 10_000
_AT_ONCE: Final = 500
_WITH_TEXT: Final = ("message", "message.edited")


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
    """`note` receives new events; `run` looks for links in them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._noted: deque[_Noted] = deque()

    def note(self, chat: str, events: list[bytes]) -> None:
        """These events were stored."""
        for event in events:
            if b"://" not in event:
                continue
            if len(self._noted) >= MAX_NOTED:
                LINKS_DROPPED.inc()
                return
            self._noted.append(_Noted(chat, event))

    async def run(self) -> None:
        """One pass. Raises DatabaseUnavailable; then the events stay noted. Events that fail for
        another reason would fail again: they are logged and skipped, or all others would wait."""
        noted = list(islice(self._noted, _AT_ONCE))
        rows, failures = await _look_at(noted)
        if rows:
            failures += await self._keep(rows)
            LINKS_FOUND.inc(len(rows))
        for _ in noted:
            self._noted.popleft()
        if failures:
            LINKS_DROPPED.inc(len(failures))
            error = type(failures[0]).__name__
            log("links left out", level=logging.ERROR, events=len(failures), error=error)

    async def _keep(self, rows: list[LinksRow]) -> list[Exception]:
        """Stores the links: together, or else one by one. Returns why some of them failed."""
        try:
            LINKS_DROPPED.inc(len(rows) - await keep_links(self._pool, rows))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            if len(rows) == 1:
                return [error]
        else:
            return []
        return [error for row in rows for error in await self._keep([row])]


async def _look_at(noted: list[_Noted]) -> tuple[list[LinksRow], list[Exception]]:
    """The links of these events, and why some could not be read."""
    rows: dict[tuple[str, int], LinksRow] = {}
    failures: list[Exception] = []
    for one in noted:
        try:
            row = _row_of(one)
        except Exception as error:
            failures.append(error)
        else:
            if row is not None:
                rows[row.chat, row.seq] = row  # later ones are of later texts
        await asyncio.sleep(0)  # a long text takes a millisecond, and sends wait meanwhile
    return list(rows.values()), failures


def _row_of(noted: _Noted) -> LinksRow | None:
    event = _decode(noted.event)
    if event.type not in _WITH_TEXT or not (urls := find_addresses(event.message)):
        return None
    return LinksRow(noted.chat, event.of or event.seq, event.seq, event.message_id, event.by, urls)
