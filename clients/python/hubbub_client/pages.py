"""Paged results of the server: chats and search results."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from hubbub_client.fold import Message
from hubbub_client.rest import Rest

CHATS_PAGE: Final = 200


async def read_chats(rest: Rest, limit: int) -> list[dict[str, Any]]:
    """The user's chats, the newest message first; at most `limit`."""
    chats, before = await _read_page(rest, limit, None)
    if before is None or len(chats) >= limit:
        return chats
    while before is not None and len(chats) < limit:
        page, before = await _read_page(rest, limit - len(chats), before)
        chats += page
    # Those with a new message meanwhile have moved to the front.
    known = {chat["id"] for chat in chats}
    page, _ = await _read_page(rest, limit, None)
    return [*(chat for chat in page if chat["id"] not in known), *chats][:limit]


async def _read_page(
    rest: Rest, limit: int, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    query = {"order": "activity", "limit": min(limit, CHATS_PAGE)}
    place = {} if before is None else {"before": before}
    answer = await rest.call("GET", f"/api/chat?{urlencode(query | place)}")
    return answer["chats"], answer["next"]


async def find_messages(
    rest: Rest, text: str, **wanted: str | int | None
) -> tuple[list[Message], str | None]:
    """One page of the messages with these words."""
    given = {name: value for name, value in wanted.items() if value is not None}
    answer = await rest.call("GET", f"/api/search?{urlencode({'q': text} | given)}")
    return msgspec.convert(answer["messages"], list[Message]), answer["next"]
