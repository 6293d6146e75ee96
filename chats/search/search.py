"""Search: a page of messages that have the words, newest first."""

import re
from typing import Final

import msgspec

from chats.access import chat_for_participant
from chats.search.feeder import SearchFeeder
from chats.search.query import MAX_QUERY_CHARACTERS, parse_query
from chats.store.search import NEWEST, Cursor, PageSought, find_messages
from common.database.pool import Pool
from common.protocol.chats import SearchAnswer, SearchRequest
from common.protocol.errors import invalid
from common.protocol.ids import is_id

_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9a-f-]{36})")


async def search(pool: Pool, feeder: SearchFeeder, request: SearchRequest) -> SearchAnswer:
    """Raises Refusal `invalid_request`, or `not_found` for a chat that the user is not in."""
    if len(request.query) > MAX_QUERY_CHARACTERS:
        raise invalid("q", f"must have at most {MAX_QUERY_CHARACTERS} characters")
    query = parse_query(request.query)
    if query is None:
        raise invalid("q", "must have a letter or a digit")
    before = NEWEST if request.before is None else _read_cursor(request.before)
    if request.chat is not None:
        await chat_for_participant(pool, request.chat, request.user)
    sought = PageSought(
        request.user, request.chat, request.sender, query, before, request.limit + 1
    )
    found = await find_messages(pool, sought)
    if found.is_behind:
        await feeder.feed_overdue(request.user, request.chat)
        found = await find_messages(pool, sought)
    page = found.hits[: request.limit]
    return SearchAnswer(
        messages=[msgspec.Raw(hit.message) for hit in page],
        next=_write_cursor(page[-1].place) if len(found.hits) > len(page) else None,
    )


def _write_cursor(place: Cursor) -> str:
    return f"{place.ms}-{place.message}"


def _read_cursor(text: str) -> Cursor:
    found = _CURSOR.fullmatch(text)
    if found is None or not is_id(found[2]):
        raise invalid("before", "must be `next` of a page of results")
    return Cursor(int(found[1]), found[2])
