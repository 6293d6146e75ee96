"""Fetches the pages of links that chats has stored, and sends chats their metadata."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal
from common.protocol.events import LinkPreview
from common.protocol.links import ClaimedLinks
from files.metrics import LINK_SECONDS, LINKS
from files.rounds import run_rounds
from files.upstream import Chats

AT_ONCE: Final = 8  # messages
KEPT_SECONDS: Final = 600.0  # a popular link is fetched once
MAX_KEPT: Final = 500

Fetch = Callable[[str], Awaitable[LinkPreview | None]]


class Previewer:
    """One per process; the others do not touch what one is working on."""

    def __init__(self, chats: Chats, fetch: Fetch) -> None:
        self._chats = chats
        self._fetch = fetch
        self._kept: OrderedDict[str, tuple[float, LinkPreview | None]] = OrderedDict()

    async def run(self, rest: Rest = NEVER) -> None:
        """Runs until cancelled."""
        await run_rounds(
            "links",
            self._chats.claim_links,
            lambda claimed: [[links] for links in claimed],
            lambda claimed: self.preview(claimed[0]),
            pieces=1,
            at_once=AT_ONCE,
            rest=rest,
        )

    async def preview(self, links: ClaimedLinks) -> None:
        """Handles one message. Unfinished links are tried again a minute later."""
        try:
            found = await asyncio.gather(*(self._find(url) for url in links.urls))
            await self._chats.settle_links(links, [one for one in found if one is not None])
        except Refusal as refusal:
            log("links not settled", code=refusal.code, chat=links.chat)
        except Exception:  # no page's answer may cost others their previews
            log("links failed", level=logging.ERROR, exception=True, chat=links.chat)

    async def _find(self, url: str) -> LinkPreview | None:
        now = time.monotonic()
        known = self._kept.get(url)
        if known is not None and now - known[0] < KEPT_SECONDS:
            LINKS.labels("known").inc()
            return known[1]
        found = await self._fetch(url)
        LINK_SECONDS.observe(time.monotonic() - now)
        LINKS.labels("found" if found else "nothing").inc()
        self._kept[url] = now, found
        self._kept.move_to_end(url)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return found
