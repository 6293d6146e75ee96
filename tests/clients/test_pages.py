"""What the Python client reads in pages."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.clients.stub import Answer, message, somebody


@pytest.mark.parametrize(
    ("limit", "pages"),
    [(2, [(2, None)]), (200, [(200, None)]), (201, [(200, None), (1, "200"), (200, None)]),
     (10_000, [(200, None), (200, "200"), (200, "400"), (200, None)])],
)  # fmt: skip
async def test_chats_are_as_many_as_wanted(limit: int, pages: list[tuple[int, str | None]]) -> None:
    """A page has at most 200 of them; after several the first is read again."""
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


@pytest.mark.parametrize(("count", "moved"), [(450, 300), (201, 200)])
async def test_chats_that_move_to_the_front_meanwhile_are_not_missed(
    count: int, moved: int
) -> None:
    """A new message made one the newest after the first page was read; it may have been the only
    one of the second."""
    order = list(range(count))

    def answer(_: str, path: str) -> Answer:
        query = parse_qs(urlsplit(path).query)
        first = int(query.get("before", ["0"])[0])
        chats = [{"id": number} for number in order[first : first + 200]]
        if first == 0 and order[0] == 0:
            order.insert(0, order.pop(moved))
            return 200, {"chats": chats, "next": "201"}  # behind the same chat
        return 200, {"chats": chats, "next": str(first + 200) if first + 200 < count else None}

    async with somebody() as (stub, client):
        stub.answer = answer
        assert [chat["id"] for chat in await client.chats(1_000)] == order


async def test_a_search_may_be_for_what_somebody_has_said() -> None:
    """By sender, in a chat, and from a cursor on."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: (200, {"messages": [message(5)], "next": "n"})
        found, after = await client.search("a b", chat="c", by="ben", before="x", limit=3)
        assert ([one.seq for one in found], after) == ([5], "n")
        assert stub.asked == [("GET", "/api/search?q=a+b&limit=3&chat=c&by=ben&before=x")]
