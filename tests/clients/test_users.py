"""Several users in turn on one object of the Python client, or on one store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
from hubbub_client import Client, MemoryStore, Stopped, Unauthenticated
from hubbub_client.rest import Tokens

from tests.clients.stub import Answer, Stub, message, refused, serving, somebody, until

LOG_OUT = ("POST", "/api/user/logout")


async def take(events: AsyncIterator[Any], number: int) -> list[int]:
    return [(await anext(events)).seq for _ in range(number)]


def be(stub: Stub, user: str, **ready: Any) -> None:
    """Makes this the user who logs in next."""
    stub.session = {**stub.session, "user": {"id": user}, "token": user}
    stub.ready |= {"user": user, **ready}


@pytest.mark.parametrize("is_logged_out", [True, False])
async def test_who_logs_in_next_begins_with_what_comes(is_logged_out: bool) -> None:
    """The next user gets neither the previous user's queued events nor their position in a chat."""
    store = MemoryStore()
    async with serving() as (stub, origin), Client(origin, store) as client:
        stub.answer = lambda *_: (200, {})
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await stub.hear(*(message(seq) for seq in range(6, 10)))
        await until(lambda: client.cursor("c") == 9)
        events = client.events()
        assert await take(events, 1) == [6]
        if is_logged_out:
            await client.log_out()
        be(stub, "ben", chats={"c": 12, "d": 7}, read={"c": 2, "d": 3})
        await client.log_in("ben", "correct horse")
        await client.until_ready()
        assert store.get("cursor c") == b"12"
        await stub.hear(message(13), message(8, chat="d"))
        assert sorted(await take(events, 2)) == [8, 13]
        assert not [path for _, path in stub.asked if "/events" in path]
        assert stub.connects[-1]["resume"] == {}
        assert store.get("user") == b"ben"


@pytest.mark.parametrize("is_logged_out", [True, False])
async def test_who_was_watched_for_the_user_before_is_watched_for_nobody_else(
    is_logged_out: bool,
) -> None:
    """The next user chooses whom to watch."""
    async with serving() as (stub, origin), Client(origin) as client:
        stub.answer = lambda *_: (200, {})
        await client.log_in("ann", "correct horse")
        await client.watch("cleo")
        await client.until_ready()
        await until(lambda: len(stub.said) == 1)
        if is_logged_out:
            await client.log_out()
        be(stub, "ben")
        await client.log_in("ben", "correct horse")
        await client.until_ready()
        await client.say({"type": "ping"})
        await until(lambda: {"type": "ping"} in stub.said)
        assert [one["type"] for one in stub.said] == ["watch", "ping"]


async def test_what_a_user_has_had_is_not_counted_for_the_next_one() -> None:
    """Not even an event that the program was processing when the next user logged in."""
    store = MemoryStore()
    async with serving() as (stub, origin), Client(origin, store) as client:
        stub.answer = lambda *_: (200, {})
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        await stub.hear(message(6), message(7))
        events = client.events()
        assert await take(events, 1) == [6]
        await client.log_out()
        assert await take(events, 1) == [7]
        assert store.names("") == []
        be(stub, "ben", chats={"c": 12})
        await client.log_in("ben", "correct horse")
        await client.until_ready()
        await stub.hear(message(13))
        assert await take(events, 1) == [13]
        assert store.get("cursor c") == b"12"


@pytest.mark.parametrize(("user", "resumed"), [("ann", {"c": 3}), ("ben", {})])
async def test_a_place_is_that_of_its_user(user: str, resumed: dict[str, int]) -> None:
    """When a session has ended, the same user continues from their position, and another one starts
    fresh."""
    store = MemoryStore()
    store.put("session", msgspec.json.encode(Tokens("ann", "a", "r", 0.0)))
    store.put("cursor c", b"3")
    store.put("epoch", b"e")
    async with serving() as (stub, origin):
        async with Client(origin, store) as client:
            client.rest.forget()
        be(stub, user)
        async with Client(origin, store) as client:
            await client.log_in(user, "correct horse")
            await client.until_ready()
            assert stub.connects[-1]["resume"] == resumed


async def test_a_place_is_not_that_of_whom_a_command_has_logged_in() -> None:
    """The command ignores positions."""
    store = MemoryStore()
    for name, value in (("user", b"ann"), ("cursor c", b"3"), ("epoch", b"e")):
        store.put(name, value)
    store.put("session", msgspec.json.encode(Tokens("ben", "a", "r", 1e12)))
    async with serving() as (stub, origin), Client(origin, store) as client:
        await client.until_ready()
        assert stub.connects[-1]["resume"] == {}
        assert client.user == "ben"


@pytest.mark.parametrize(
    "notice",
    [None, lambda stub: stub.sockets[-1].close(code=4502), lambda stub: stub.hear(message(8))],
)
async def test_a_log_out_ends_the_connection_at_once(
    notice: Callable[[Stub], Awaitable[Any]] | None,
) -> None:
    """Waiting calls end as those of a closed client do, and need not wait for the server to end the
    socket; nor does it matter if that, or a refused page of events, comes before the answer."""
    async with somebody() as (stub, client):

        async def answer(_: str, path: str) -> Answer:
            if path != "/api/user/logout":
                return refused(401, "unauthenticated")
            if notice is not None:
                await notice(stub)
                await until(lambda: client.rest.tokens is None)
            return 200, {}

        stub.answer = answer
        waiting = asyncio.create_task(anext(client.events()))
        await client.log_out()
        with pytest.raises(Stopped, match="1000 closed by the program"):
            await waiting
        with pytest.raises(Stopped):
            await client.until_ready()
        await until(lambda: stub.sockets[-1].closed)


class Leaving(NamedTuple):
    """A user with an unsent change, whose log-out is answered once `may_end` is set."""

    stub: Stub
    client: Client
    renaming: asyncio.Task[None]
    log_out: asyncio.Task[None]
    may_end: asyncio.Event


@asynccontextmanager
async def leaving(store: MemoryStore, end: Answer) -> AsyncIterator[Leaving]:
    """`end` is the answer to the log-out. Everything else is unavailable."""
    may_end = asyncio.Event()

    async def answer(_: str, path: str) -> Answer:
        if path != LOG_OUT[1]:
            return refused(503, "unavailable")
        await may_end.wait()
        return end

    async with serving() as (stub, origin), Client(origin, store) as client:
        await client.log_in("ann", "correct horse")
        await client.until_ready()
        stub.answer = answer
        renaming = asyncio.create_task(client.chat("c").rename("Garden"))
        log_out = asyncio.create_task(client.log_out())
        await until(lambda: LOG_OUT in stub.asked)
        yield Leaving(stub, client, renaming, log_out, may_end)


async def test_a_log_out_that_a_log_in_overtakes_takes_nothing_from_the_next_user() -> None:
    """Neither their session nor their unsent changes; those of whom has logged out are removed."""
    store = MemoryStore()
    async with leaving(store, refused(503, "unavailable")) as (
        stub,
        client,
        anns,
        log_out,
        may_end,
    ):
        be(stub, "ben")
        await client.log_in("ben", "correct horse")
        bens = asyncio.create_task(client.chat("c").rename("Balcony"))
        may_end.set()
        await log_out
        await client.until_ready()
        assert (client.user, stub.connects[-1]["token"]) == ("ben", "ben")
        assert (store.get("user"), [name.split()[1] for name in store.names("unsent ")]) == (
            b"ben", ["ben"],
        )  # fmt: skip
        stub.answer = lambda *_: (200, {})
        await bens
        with pytest.raises(Unauthenticated):
            await anns


async def test_a_log_out_that_a_log_in_of_the_same_user_overtakes_leaves_the_new_session() -> None:
    """It is neither forgotten nor logged out of by a repeat, and what is unsent belongs to it."""
    end = refused(401, "unauthenticated")
    async with leaving(MemoryStore(), end) as (stub, client, renaming, log_out, may_end):
        stub.session = {**stub.session, "token": "new"}
        await client.log_in("ann", "correct horse")
        may_end.set()
        await log_out
        await client.until_ready()
        assert (client.user, stub.connects[-1]["token"]) == ("ann", "new")
        assert client.rest.tokens == client._kept.tokens()
        assert stub.asked.count(LOG_OUT) == 1
        stub.answer = lambda *_: (200, {})
        await renaming


async def test_the_end_of_a_connection_does_not_end_that_of_the_next_user() -> None:
    """A page for the previous user may be refused just as it is cancelled."""
    async with somebody() as (stub, client):
        is_asked = asyncio.Event()

        async def fetch_events(*_: object) -> dict[str, Any]:
            try:
                is_asked.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise Unauthenticated(401, "unauthenticated", "Another user.") from None
            return {}

        client._connection._pulls._fetch_events = fetch_events
        await stub.hear(message(8))
        await is_asked.wait()
        be(stub, "ben")
        await client.log_in("ben", "correct horse")
        await until(lambda: len(stub.connects) == 2)
        await client.until_ready()


@pytest.mark.parametrize("again", [refused(503, "unavailable"), refused(401, "unauthenticated")])
@pytest.mark.parametrize(
    "begin",
    [
        lambda client: client.create_chat("Garden"),
        lambda client: client.chat("c").upload("a.txt", b"bytes"),
        lambda client: anext(client.chat("c").download("f")),
    ],
)
async def test_a_call_is_not_repeated_as_another_user(
    again: Answer, begin: Callable[[Client], Awaitable[Any]]
) -> None:
    """Repeats end with the session of the user who made the call."""
    may_answer = asyncio.Event()

    async def answer(*_: str) -> Answer:
        await may_answer.wait()
        return again

    async with somebody() as (stub, client):
        stub.answer = answer
        call = asyncio.ensure_future(begin(client))
        await until(lambda: len(stub.asked) == 1)
        be(stub, "ben")
        await client.log_in("ben", "correct horse")
        may_answer.set()
        with pytest.raises(Unauthenticated, match="Another user has logged in"):
            await call
        assert len(stub.asked) == 1


async def test_a_session_that_was_revoked_is_forgotten() -> None:
    """The next program logs in with the credentials that it is given; the user's position stays."""
    store = MemoryStore()
    async with serving() as (stub, origin):
        async with Client(origin, store) as client:
            await client.log_in("ann", "correct horse")
            await client.until_ready()
            events = client.events()
            waiting = asyncio.create_task(anext(events))
            await stub.sockets[-1].close(code=4502, message=b"revoked")
            with pytest.raises(Stopped) as ended:
                await waiting
            assert (ended.value.code, client.rest.tokens) == (4502, None)
        assert (store.get("session"), store.get("cursor c")) == (None, b"5")
