"""Keeps the links of new messages for files to fetch. Sends never wait for it.

Each replica looks at what it has stored itself. Nothing is written down before that, so the
links of what a replica stored in its last second stay without previews when it is killed.
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
        """One pass. Raises DatabaseUnavailable; what was noted until then stays so. What fails for
        another reason would fail again: it is logged and left out, or all others would wait."""
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
        """Why some of them could not be kept: together, or else one by one."""
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
    if event.type not in _SAYING or not (urls := find_addresses(event.message)):
        return None
    return LinksRow(noted.chat, event.of or event.seq, event.seq, event.message_id, event.by, urls)
