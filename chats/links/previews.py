"""The calls of files about links: which ones to fetch, and what was found."""

from typing import Final

from chats.log.appending import Appender
from chats.store.links import claim_links, forget_links
from common.calls.service import call_seconds
from common.database.pool import Pool
from common.protocol.chats import Done
from common.protocol.errors import unavailable
from common.protocol.items import ChangeStored, PreviewItem, Refused
from common.protocol.links import ClaimedLinks, ClaimLinks, LinksClaimed, SettleLinks

CLAIM_SECONDS: Final = 60.0  # longer than fetching all links of a message can take


async def claim(pool: Pool, request: ClaimLinks) -> LinksClaimed:
    rows = await claim_links(pool, request.limit, CLAIM_SECONDS)
    return LinksClaimed(links=[ClaimedLinks(**row._asdict()) for row in rows])


async def settle(pool: Pool, appender: Appender, request: SettleLinks) -> Done:
    """May be repeated: previews are appended once, and not if the text has changed since or the
    message is deleted. Raises Refusal `unavailable`."""
    links = request.links
    is_new = False
    if request.previews:
        item = PreviewItem(
            chat=links.chat,
            user=links.sender,
            message_id=links.message,
            text_seq=links.text_seq,
            previews=request.previews,
        )
        (result,) = await appender.append([item], call_seconds.get())
        if isinstance(result, Refused) and result.code == "unavailable":
            raise unavailable()  # the chat is locked: the links are claimed again
        is_new = isinstance(result, ChangeStored) and result.is_new
    await forget_links(pool, links.chat, links.seq, links.text_seq)
    return Done(changed=is_new)
