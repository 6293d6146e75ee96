"""A chat of the Python client shows what history says, whatever arrives meanwhile."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hubbub_client import Chat, Client, File, Refused

from tests.clients.stub import Answer, Stub, message, refused, serving, somebody, until

CREATED = {
    "type": "chat.created", "chat": "c", "at": "t", "by": "ben", "chatName": "talk",
    "participants": ["ann", "ben"], "participantCount": 2, "owner": "ben", "kind": "group",
}  # fmt: skip
REMOVED = {
    "type": "participant.removed", "chat": "c", "at": "t", "by": "ben", "users": ["ann"],
    "owner": "ben",
}  # fmt: skip


def edited(seq: int, of: int, text: str) -> dict[str, Any]:
    return {"type": "message.edited", "chat": "c", "seq": seq, "at": f"t{seq}", "by": "ben",
            "messageId": f"m{of}", "of": of, "message": text}  # fmt: skip


def page(*seqs: int, seq: int, more: bool = True) -> Answer:
    """A page of history as of `seq`, newest first."""
    return 200, {"messages": [message(one) for one in seqs], "seq": seq, "more": more}


def shown(chat: Chat) -> list[tuple[int, str]]:
    return [(one.seq, one.message) for one in chat.messages]


async def heard(stub: Stub, client: Client, *events: dict[str, Any]) -> None:
    await stub.hear(*events)
    await until(lambda: client.cursor("c") == events[-1]["seq"])


async def test_who_is_added_again_begins_anew() -> None:
    """The events in between are missing, so earlier messages are not part of `messages`."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        stub.answer = lambda *_: page(5, 4, seq=5, more=False)
        await chat.load()
        await stub.hear(REMOVED | {"seq": 6})
        await heard(stub, client, CREATED | {"seq": 9}, message(10))
        assert (shown(chat), chat.has_older) == ([(10, "text 10")], True)
        stub.answer = lambda *_: (200, {"messages": [message(5, "new")], "seq": 10, "more": False})
        await chat.load_older()
        assert (shown(chat), chat.has_older) == ([(5, "new"), (10, "text 10")], False)
        assert stub.asked[-1][1] == "/api/chat/c/message?before=9&limit=50"


async def test_after_a_load_that_failed_the_next_call_loads_the_newest_page() -> None:
    """Both `load_older` and `load`, also when the chat was loaded before."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        for load in (chat.load_older, chat.load):
            stub.answer = lambda *_: refused(500, "internal")
            with pytest.raises(Refused):
                await chat.load()
            assert chat.messages == []
            stub.answer = lambda *_: page(5, 4, seq=5)
            assert [one.seq for one in await load()] == [4, 5]
            assert stub.asked[-1][1] == "/api/chat/c/message?limit=50"
            assert chat.has_older


async def test_after_a_load_whose_second_page_failed_the_next_call_loads_the_newest() -> None:
    """The first one was older than what the program has seen."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        answers = [page(4, seq=4), refused(500, "internal"), page(5, 4, seq=5)]
        stub.answer = lambda *_: answers.pop(0)
        with pytest.raises(Refused):
            await chat.load()
        await chat.load_older()
        assert (shown(chat), chat.has_older) == ([(4, "text 4"), (5, "text 5")], True)


async def test_older_pages_may_be_asked_for_at_the_same_time() -> None:
    """Two calls load one page, while `load` starts over."""
    async with somebody() as (stub, client):
        chat = client.chat("c")

        def answer(_: str, path: str) -> Answer:
            return page(3, 2, seq=5) if "before=4" in path else page(5, 4, seq=5)

        stub.answer = answer
        await asyncio.gather(chat.load(2), chat.load(2))
        both = await asyncio.gather(chat.load_older(2), chat.load_older(2))
        assert [[one.seq for one in messages] for messages in both] == [[2, 3, 4, 5]] * 2
        loaded, _ = await asyncio.gather(chat.load(2), chat.load_older(2))
        assert [one.seq for one in loaded] == [4, 5]
        assert [seq for seq, _ in shown(chat)] in ([4, 5], [2, 3, 4, 5])


async def test_the_first_of_two_loads_has_messages_too() -> None:
    """The second starts over while the first waits."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        stub.answer = lambda *_: page(5, 4, seq=5)
        for loaded in await asyncio.gather(chat.load(), chat.load()):
            assert [one.seq for one in loaded] == [4, 5]


async def test_a_page_of_a_history_that_has_ended_is_asked_for_again() -> None:
    """The database is restored while the page is in flight."""
    async with somebody() as (stub, client):
        chat = client.chat("c")

        async def answer(*_: str) -> Answer:
            if len(stub.asked) > 1:
                return page(2, seq=2)
            stub.ready |= {"epoch": "f", "chats": {"c": 2}}
            await stub.sockets[0].close(code=1012)
            await until(lambda: client.cursor("c") == 2)
            return page(5, 4, seq=5)

        stub.answer = answer
        assert [one.seq for one in await chat.load()] == [2]
        await heard(stub, client, message(3))
        assert [seq for seq, _ in shown(chat)] == [2, 3]


async def test_older_messages_of_a_chat_that_is_not_loaded_are_the_newest() -> None:
    """`load_older` without `load` is `load`; at the beginning of the chat nothing is requested."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: page(5, 4, seq=5, more=False)
        for _ in range(2):
            assert [one.seq for one in await client.chat("c").load_older()] == [4, 5]
        assert len(stub.asked) == 1


async def test_a_page_that_is_overtaken_by_events_is_brought_up_to_date() -> None:
    """Events that arrive while it is in flight count once, whether it includes them or not."""
    async with somebody() as (stub, client):
        chat = client.chat("c")

        async def answer(_: str, path: str) -> Answer:
            if "before" in path:
                await heard(stub, client, edited(8, 3, "3, edited"))
                return page(3, 2, seq=7)
            await heard(stub, client, message(6), edited(7, 4, "4, edited"))
            return page(5, 4, seq=5)

        stub.answer = answer
        await chat.load()
        assert shown(chat) == [(4, "4, edited"), (5, "text 5"), (6, "text 6")]
        await chat.load_older()
        assert shown(chat)[:2] == [(2, "text 2"), (3, "3, edited")]

        async def newer(*_: str) -> Answer:
            return 200, {"messages": [message(9), message(6, "6, edited")], "seq": 10, "more": True}

        stub.answer = newer
        await chat.load()
        await heard(stub, client, message(9), edited(10, 6, "6, edited"), message(11))
        assert shown(chat) == [(6, "6, edited"), (9, "text 9"), (11, "text 11")]


async def test_a_page_from_before_all_that_is_known_is_asked_for_again() -> None:
    """A replica of the server may be behind what the socket has delivered."""
    async with somebody() as (stub, client):
        pages = [page(3, seq=3), page(5, 4, seq=5)]
        stub.answer = lambda *_: pages.pop(0)
        assert [one.seq for one in await client.chat("c").load()] == [4, 5]


async def test_the_oldest_of_very_many_messages_go() -> None:
    """They can be loaded again."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        stub.answer = lambda *_: page(5, seq=5, more=False)
        await chat.load()
        await heard(stub, client, *(message(seq) for seq in range(6, 5_508)))
        assert (len(chat.messages), chat.messages[-1].seq, chat.has_older) == (5_002, 5_507, True)


async def test_a_history_is_loaded_to_its_first_message_while_people_talk() -> None:
    """What the program has loaded is kept; only what comes after it is too much."""
    async with somebody() as (stub, client):
        chat, head = client.chat("c"), 9_000

        def answer(_: str, path: str) -> Answer:
            wanted = dict(parse_qsl(urlsplit(path).query))
            before = int(wanted.get("before", head + 1))
            first = max(1, before - int(wanted["limit"]))
            return page(*range(before - 1, first - 1, -1), seq=head, more=first > 1)

        async def say(count: int) -> None:
            nonlocal head
            head += count
            await heard(stub, client, *map(message, range(head - count + 1, head + 1)))

        stub.answer = answer
        await heard(stub, client, CREATED | {"seq": head})
        await chat.load(500)
        while chat.has_older and len(stub.asked) < 50:
            await say(1)
            await chat.load_older(500)
        assert (len(stub.asked), len(chat.messages)) == (18, 9_017)
        await say(500)
        assert (len(chat.messages), chat.has_older) == (9_517, False)
        await say(1)
        assert (len(chat.messages), chat.messages[0].seq, chat.has_older) == (9_017, 502, True)


@pytest.mark.parametrize("is_first", [True, False])
async def test_what_happens_between_a_load_and_the_first_socket_is_not_missed(
    is_first: bool,
) -> None:
    """Events begin where the page ends, whether it arrives before the socket or with it."""
    async with serving() as (stub, origin), Client(origin) as client:
        chat = client.chat("c")
        may_begin = stub.may_begin = asyncio.Event()
        stub.ready |= {"chats": {"c": 7, "d": 3}}

        async def answer(_: str, path: str) -> Answer:
            if "events" in path:
                return 200, {"events": [message(6), message(7)], "seq": 7, "more": False}
            if not is_first and len(stub.asked) == 1:
                may_begin.set()
                await client.until_ready()
                return page(4, 3, seq=5)
            return page(5, 4, seq=5) if is_first else page(7, 6, 5, 4, seq=7)

        stub.answer = answer
        await client.log_in("ann", "correct horse")
        await chat.load()
        may_begin.set()
        await until(lambda: client.cursor("c") == 7)
        assert [seq for seq, _ in shown(chat)] == [4, 5, 6, 7]
        await heard(stub, client, message(8))
        assert [seq for seq, _ in shown(chat)] == [4, 5, 6, 7, 8]
        assert client.cursor("d") == 3


async def test_an_upload_gives_all_that_the_server_says_of_the_file() -> None:
    """For a picture also its size in pixels, and whether it has a preview."""
    file: dict[str, Any] = {"id": "f", "name": "a.png", "type": "image/png", "size": 72}
    picture: dict[str, Any] = {"width": 20, "height": 10, "preview": True}
    async with somebody() as (stub, client):
        stub.answer = lambda *_: (201, {"file": file | picture})
        assert await client.chat("c").upload("a.png", b"bytes") == File(**file, **picture)
        stub.answer = lambda *_: (201, {"file": file})
        plain = await client.chat("c").upload("a.png", b"bytes")
        assert (plain.width, plain.height, plain.preview) == (None, None, False)
