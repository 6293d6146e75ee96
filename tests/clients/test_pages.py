"""What the Python client reads in pages."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.clients.stub import Answer, message, somebody


@pytest.mark.parametrize(
    ("limit", "pages"),
    [(2, [(2, None)]), (200, [(200, None)]), (201, [(200, None), (1, "200")]),
     (10_000, [(200, None), (200, "200"), (200, "400")])],
)  # fmt: skip
async def test_chats_are_as_many_as_wanted(limit: int, pages: list[tuple[int, str | None]]) -> None:
    """A page has at most 200 of them."""
    asked: list[tuple[int, str | None]] = []

    def answer(_: str, path: str) -> Answer:
        query = parse_qs(urlsplit(path).query)
        count, before = int(query["limit"][0]), query.get("before", [None])[0]
        asked.append((count, before))
        first = int(before or 0)
        chats = [{"id": number} for number in range(first, min(450, first + count))]
        return 200, {"chats": chats, "next": str(first + count) if first + count < 450 else None}

    async with somebody() as (stub, client):
        stub.answer = answer
        chats = await client.chats(limit)
        assert [chat["id"] for chat in chats] == list(range(min(450, limit)))
        assert asked == pages


async def test_a_search_may_be_for_what_somebody_has_said() -> None:
    """By sender, in a chat, and from a cursor on."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: (200, {"messages": [message(5)], "next": "n"})
        found, after = await client.search("a b", chat="c", by="ben", before="x", limit=3)
        assert ([one.seq for one in found], after) == ([5], "n")
        assert stub.asked == [("GET", "/api/search?q=a+b&limit=3&chat=c&by=ben&before=x")]
