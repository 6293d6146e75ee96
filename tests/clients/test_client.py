"""What the program of the Python client receives while its server has trouble, and at the end."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlsplit

import pytest
from hubbub_client import (
    Chat,
    Client,
    HubbubError,
    InvalidCredentials,
    InvalidRequest,
    MemoryStore,
    NoAnswer,
    Presence,
    Restarted,
    Stopped,
    TooLarge,
    Typing,
)
from hubbub_client.inbox import MAX_WAITING
from hubbub_client.rest import Rest

from tests.clients.stub import (
    Answer,
    Stub,
    cut,
    message,
    refused,
    seq_of,
    serving,
    somebody,
    until,
)


async def hear(stream: AsyncIterator[Any], had: list[Any]) -> None:
    async for one in stream:
        had.append(one)


async def test_who_is_watched_is_said_on_each_socket() -> None:
    """The server forgets the list with the socket; the last list counts."""
    async with somebody() as (stub, client):
        await client.watch("ben")
        await client.watch("ben", "cat")
        await until(lambda: len(stub.said) == 2)
        await cut(stub, client)
        await until(lambda: len(stub.said) == 3)
        assert stub.said[1:] == [{"type": "watch", "users": ["ben", "cat"]}] * 2


async def test_calls_of_a_client_that_is_closed_have_no_answer() -> None:
    """Neither those in flight nor later ones."""

    async def answer(*_: str) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving() as (stub, origin):
        stub.answer = answer
        async with Client(origin) as client:
            await client.log_in("ann", "correct horse")
            chat = client.chat("c")
            calls = [asyncio.ensure_future(call) for call in (chat.load(), client.chats())]
            pieces = chat.download("f")
            calls.append(asyncio.ensure_future(anext(pieces)))
            await until(lambda: len(stub.asked) == 3)
        later = (chat.details(), client.log_in("ann", "correct horse"), anext(chat.download("f")))
        for call in (*calls, *later, chat.send("hello"), client.users("ben")):
            with pytest.raises(NoAnswer):
                await call


async def test_a_client_that_is_closed_during_a_log_in_does_not_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever logs in hears that it was closed."""
    async with serving() as (stub, origin):
        client = await Client(origin).__aenter__()
        logging_in = asyncio.create_task(client.log_in("ann", "correct horse"))
        close = client.outbox.close

        async def close_after_log_in() -> None:
            await close()
            await asyncio.wait([logging_in])

        monkeypatch.setattr(client.outbox, "close", close_after_log_in)
        await client.__aexit__()
        with pytest.raises(Stopped):
            await logging_in
        with pytest.raises(Stopped):
            await client.until_ready()
        assert stub.connects == []


@pytest.mark.parametrize("stream", [Client.events, Client.moments, Chat.download, Rest.download])
def test_a_program_may_close_what_it_iterates_over(stream: Callable[..., Any]) -> None:
    """`aclosing` of it passes a type checker."""
    assert get_origin(get_type_hints(stream)["return"]) is AsyncGenerator


async def test_who_is_watched_before_there_is_a_socket_is_said_on_the_first() -> None:
    """Nothing of the list is lost."""
    async with somebody() as (stub, client):
        stub.may_begin.clear()
        await stub.sockets[-1].close(code=1012)
        await until(lambda: client._connection.socket is None)
        await client.watch("ben")
        stub.may_begin.set()
        await until(lambda: stub.said == [{"type": "watch", "users": ["ben"]}])


@pytest.mark.parametrize(
    "failure",
    [
        refused(500, "internal"),
        refused(503, "unavailable"),
        (200, "<html>"),
        (200, b"<html>"),
        (200, {}),
        (200, {"events": 7, "more": False}),
        (200, {"events": [message(6), None], "more": False}),
        (200, {"events": [message(6), message(7, chat="d")], "more": False}),
        (200, {"events": [message(6), {"type": "message", "chat": "c", "seq": 7}], "more": False}),
        (200, {"events": [message(6), {"type": "new", "chat": "c", "seq": "7"}], "more": False}),
    ],
)
async def test_a_page_of_events_that_does_not_come_is_asked_for_again(failure: Answer) -> None:
    """Once a second, whatever the answer: only 404 and the end of the session end a pull."""
    async with somebody() as (stub, client):
        page = 200, {"events": [message(6), message(7)], "seq": 7, "more": False}
        answers = [failure, page]
        times: list[float] = []

        def answer(*_: str) -> Answer:
            times.append(time.monotonic())
            return answers.pop(0)

        stub.answer = answer
        had: list[Any] = []
        hearing = asyncio.create_task(hear(client.events(), had))
        await stub.hear(message(7))
        await until(lambda: len(had) == 2)
        assert [event.seq for event in had] == [6, 7]
        assert times[1] - times[0] >= 0.99
        hearing.cancel()


async def test_everybody_hears_of_the_end() -> None:
    """Events and moments first yield what is left; asking again gives the same error again."""
    async with somebody() as (stub, client):
        moments: list[Any] = []
        presence = {"type": "presence", "users": {"ben": "online"}}
        await stub.hear(presence, {"type": "typing", "chat": "c", "user": "ben"}, message(6))
        await until(lambda: client.cursor("c") == 6)
        await stub.sockets[-1].close(code=4503, message=b"too many")
        for stream in (client.events(), client.moments(), client.moments(), client.events()):
            with pytest.raises(Stopped) as ended:
                await hear(stream, moments)
            assert ended.value.code == 4503
        assert [type(one) for one in moments[1:]] == [Presence, Typing]
        with pytest.raises(Stopped):
            await client.until_ready()
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        hearing = asyncio.create_task(hear(client.moments(), moments))
        await stub.hear(presence)
        await until(lambda: len(moments) == 4)
        hearing.cancel()


async def test_who_waits_hears_that_the_program_has_closed_the_client() -> None:
    """Every waiting call ends; otherwise it would wait for ever."""
    async with somebody() as (_, client):
        streams = (client.events(), client.moments(), client.moments())
        waiting = [asyncio.create_task(hear(stream, [])) for stream in streams]
        await asyncio.sleep(0)
    heard = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20)
    assert [isinstance(one, HubbubError) and str(one) for one in heard] == [
        "1000 closed by the program"
    ] * 3
    with pytest.raises(Stopped):
        await client.until_ready()


@pytest.mark.parametrize(
    ("text", "key", "answer", "refusal"),
    [
        ("x" * 70_000, None, refused(413, "too_large"), TooLarge),
        ("hello", "no UUID", refused(400, "invalid_request"), InvalidRequest),
    ],
)
async def test_what_a_socket_would_not_answer_is_refused_by_a_call(
    text: str, key: str | None, answer: Answer, refusal: type[HubbubError]
) -> None:
    """An oversized frame would close the socket, and the refusal of a malformed client id would not
    name it: both are sent as calls."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: answer
        with pytest.raises(refusal):
            await client.chat("c").send(text, key=key)
        assert (stub.asked, stub.said) == ([("POST", "/api/chat/c/message")], [])


async def test_one_key_in_two_chats_is_two_messages() -> None:
    """Each gets its own answer, although socket answers are matched by key."""
    key = "01a225cf-28aa-738c-ac9f-76fb15ba32db"
    async with somebody() as (stub, client):
        info = {"messageId": "m9", "seq": 9, "at": "t9"}
        stub.answer = lambda *_: (201, {"messageInfo": info})
        first = asyncio.create_task(client.chat("c").send("one", key=key))
        await until(lambda: len(stub.said) == 1)
        second = await client.chat("d").send("two", key=key)
        answer = {"type": "sent", "chat": "c", "clientId": key, "messageId": "m6"}
        await stub.hear({**answer, "seq": 6, "at": "t6"})
        assert (second.message_id, (await first).message_id) == ("m9", "m6")
        assert stub.asked == [("POST", "/api/chat/d/message")]


async def test_another_history_counts_from_when_the_program_has_heard_of_it() -> None:
    """Events queued before the notice belong to the old history; those queued behind it have not
    been delivered."""
    store = MemoryStore()

    def kept() -> dict[str, bytes | None]:
        return {name: store.get(name) for name in ("epoch", "cursor c", "cursor d")}

    async with serving() as (stub, origin), Client(origin, store) as client:
        stub.ready["chats"] = {"c": 5, "d": 5}
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await stub.hear(message(6))
        stub.ready |= {"epoch": "f", "chats": {"c": 2, "d": 3}}
        await cut(stub, client)
        await stub.hear(message(3), message(4, chat="d"))
        await until(lambda: client.cursor("d") == 4)
        stub.ready["chats"] = {"c": 3, "d": 1}
        await cut(stub, client)
        await stub.hear(message(2, chat="d"))
        await until(lambda: client.cursor("d") == 2)
        stages = []
        async for event in client.events():
            stages.append((event, kept()))
            if len(stages) == 6:
                break
        shown = [event.chat if isinstance(event, Restarted) else event.seq for event, _ in stages]
        assert shown == [6, None, 3, 4, "d", 2]
        old, new = {"epoch": b"e"}, {"epoch": b"f"}
        assert [one for _, one in stages] == [
            {**old, "cursor c": b"5", "cursor d": b"5"},
            {**old, "cursor c": b"6", "cursor d": b"5"},
            {**new, "cursor c": b"2", "cursor d": b"3"},
            {**new, "cursor c": b"3", "cursor d": b"3"},
            {**new, "cursor c": b"3", "cursor d": b"4"},
            {**new, "cursor c": b"3", "cursor d": b"1"},
        ]


async def test_another_history_counts_for_a_program_that_leaves_its_loop_at_the_notice() -> None:
    """It reads everything again and starts another loop. Otherwise each later program would get
    the notice again, and miss what happened while none ran."""
    store = MemoryStore()
    for name, value in {"user": b"ann", "epoch": b"before", "cursor c": b"99"}.items():
        store.put(name, value)
    async with serving() as (stub, origin), Client(origin, store) as client:
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await stub.hear(message(6), message(7))
        had = []
        for epoch in (b"before", b"e", b"e"):
            async for event in client.events():
                had.append(event.chat if isinstance(event, Restarted) else event.seq)
                break
            assert store.get("epoch") == epoch
    assert (had, store.get("cursor c")) == ([None, 6, 7], b"6")


async def test_a_log_in_that_is_refused_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bot whose password is wrong ends without warnings about open connections."""
    monkeypatch.setenv("HUBBUB_USERNAME", "ann")
    client = Client.from_environment()

    async def refuse(*_: str) -> None:
        raise InvalidCredentials(401, "invalid_credentials", "No.")

    monkeypatch.setattr(client.rest, "log_in", refuse)
    with pytest.raises(InvalidCredentials):
        async with client:
            pass
    assert client.rest.http.closed


async def test_what_nobody_has_listened_to_for_long_comes_again() -> None:
    """More than fits into the queue of `events`: the first reader still loses nothing."""
    async with somebody() as (stub, client):
        events = [message(seq) for seq in range(6, MAX_WAITING + 7)]
        await stub.hear(*events)
        await until(lambda: client.cursor("c") == events[-1]["seq"])
        stub.ready |= {"chats": {"c": events[-1]["seq"]}, "behind": ["c"]}
        stub.answer = lambda *_: (200, {"events": events[:2], "more": False})
        heard = client.events()
        assert [seq_of(await anext(heard)) for _ in range(2)] == [6, 7]
        assert stub.connects[-1]["resume"] == {"c": 5}


async def drop(stub: Stub, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events 6 and 7, which nobody has listened to."""
    monkeypatch.setattr("hubbub_client.inbox.MAX_WAITING", 1)
    await stub.hear(message(6), message(7))
    await until(lambda: client.cursor("c") == 7)


async def test_what_was_dropped_comes_again_after_the_end_of_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing that follows it counts as processed before."""
    store = MemoryStore()
    async with serving() as (stub, origin), Client(origin, store) as client:
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await drop(stub, client, monkeypatch)
        await stub.hear(message(8))
        await until(lambda: client.cursor("c") == 8)
        await stub.sockets[-1].close(code=4503)
        await until(lambda: client._ended is not None)
        with pytest.raises(Stopped):
            await anext(client.events())
        assert store.get("cursor c") == b"5"
        await client.log_in("ann", "correct horse")
        heard = client.events()
        first = asyncio.ensure_future(anext(heard))
        await until(lambda: stub.connects[-1]["resume"] == {"c": 5})
        await client.until_ready()
        await stub.hear(message(6))
        assert seq_of(await first) == 6


@pytest.mark.parametrize(
    ("ready", "kept"),
    [({"epoch": "f"}, {"c": 3, "d": 4}), ({}, {"c": 3, "d": 5})],
)
async def test_a_history_that_begins_after_events_were_dropped_counts_at_once(
    monkeypatch: pytest.MonkeyPatch, ready: dict[str, Any], kept: dict[str, int]
) -> None:
    """The first loop continues in it: of all chats, or of the one whose history it is."""
    async with serving() as (stub, origin), Client(origin) as client:
        stub.ready["chats"] = {"c": 5, "d": 5}
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await drop(stub, client, monkeypatch)
        await stub.hear(message(6, chat="d"))
        await until(lambda: client.cursor("d") == 6)
        stub.ready |= {"chats": {"c": 3, "d": 4 if ready else 6}, **ready}
        await cut(stub, client)
        first = asyncio.ensure_future(anext(client.events()))
        await until(lambda: stub.connects[-1]["resume"] == kept)
        assert stub.connects[-1]["epoch"] == stub.ready["epoch"]
        first.cancel()


async def test_a_program_that_is_slow_has_few_more_events_waiting_than_it_may() -> None:
    """However many chats it is behind in: few pages are in flight at a time. It gets each event
    once."""
    chats = {f"c{number}": 400 for number in range(100)}
    async with serving() as (stub, origin), Client(origin, from_start=True) as client:

        def answer(_: str, path: str) -> Answer:
            chat, after = path.split("/")[3], int(dict(parse_qsl(urlsplit(path).query))["after"])
            events = [message(after + number + 1, chat=chat) for number in range(200)]
            return 200, {"events": events, "seq": 400, "more": after < 200}

        stub.answer = answer
        stub.ready |= {"chats": chats, "behind": list(chats)}
        had: set[tuple[str, int]] = set()
        taken = client.events()
        first = asyncio.ensure_future(anext(taken))
        await client.log_in("ann", "correct horse")
        await until(lambda: len(client._inbox.waiting) > MAX_WAITING)
        most, event = 0, await first
        for number in range(40_000):
            event = await anext(taken) if number > 0 else event
            assert not isinstance(event, Restarted)
            had.add((event.chat, event.seq))
            most = max(most, len(client._inbox.waiting))
        assert len(had) == 40_000
        assert most <= MAX_WAITING + 8 * 200
