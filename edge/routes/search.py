"""Search for messages."""

from typing import Annotated

from msgspec import Meta

from common.identity.tokens import Claims
from common.protocol.chats import SearchRequest
from common.protocol.events import CurrentMessage
from common.protocol.wire import Id
from edge.bodies import AnswerBody, Query
from edge.http.answer import Answer
from edge.limits import Limits
from edge.operation import get
from edge.upstream import Chats

MAX_RESULTS = 50


class SearchQuery(Query):
    q: Annotated[
        str,
        Meta(
            description="Words that a message must have, in any order; the last one may be the "
            "beginning of a word. Words in double quotes stand side by side.",
            examples=["garden"],
            extra_json_schema={"minLength": 1, "maxLength": 200},
        ),
    ]
    chat: Annotated[Id, Meta(description="Only messages of this chat.")] | None = None
    by: Annotated[Id, Meta(description="Only messages of this user.")] | None = None
    before: Annotated[str, Meta(description="`next` of the page before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_RESULTS, description="How many at most.")] = 20


class SearchAnswer(AnswerBody):
    """Newest first, as they are now."""

    messages: list[CurrentMessage]
    next: str | None


class SearchRoutes:
    """/api/search."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    @get(
        "/api/search",
        "Search the messages of one's chats, newest first",
        {200: SearchAnswer},
        rate=Limits.take_search,
        in_turns=True,
        refusals=("not_found",),
    )
    async def search(self, caller: Claims, query: SearchQuery) -> Answer:
        page = await self._chats.search(
            SearchRequest(
                user=caller.user,
                query=query.q,
                chat=query.chat,
                sender=query.by,
                before=query.before,
                limit=query.limit,
            )
        )
        return Answer(page)
