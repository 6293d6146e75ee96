"""What the Python client's outbox keeps, sends and reports to its callers, without a server."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hubbub_client.errors import Forbidden, NoAnswer, RateLimited, Unauthenticated, Unavailable
from hubbub_client.outbox import Change, Outbox
from hubbub_client.store import MemoryStore

PATIENCE_SECONDS = 60.0


def change(key: str, chat: str = "c") -> Change:
    return Change(key, chat, "POST", f"/api/chat/{chat}/message", {"message": key})


class Server:
    """Answers each attempt, or raises `error`; while `is_there` is false, attempts wait."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.times: list[float] = []  # when
        self.error: Exception | None = None
        self.is_there = asyncio.Event()
        self.is_there.set()
        self.was_asked = asyncio.Event()

    async def perform(self, change: Change) -> dict[str, Any]:
        self.asked.append(change.key)
        self.times.append(asyncio.get_running_loop().time())
        self.was_asked.set()
        error = self.error
        await self.is_there.wait()
        if error is not None:
            raise error
        return {"key": change.key}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def outbox(store: MemoryStore, server: Server) -> Outbox:
    """No user has logged in yet."""
    return Outbox(store, server.perform)


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """Checks that nothing is left for asyncio to complain about."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    yield found
    assert found == []


def keys(store: MemoryStore) -> list[str]:
    return [name.rpartition(" ")[2] for name in store.names("unsent ")]


async def until_asked(server: Server, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(server.asked) < count:
            server.was_asked.clear()
            await server.was_asked.wait()


async def test_an_ended_session_keeps_what_is_unsent(
    store: MemoryStore, server: Server, outbox: Outbox
) -> None:
    """All callers are told, including those of queued changes; nothing more is sent until the
    log-in."""
    outbox.resume("ann")
    server.error = Unauthenticated(401, "unauthenticated", "The session has ended.")
    puts = [outbox.put(change(key, chat)) for key, chat in (("1", "c"), ("2", "c"), ("3", "d"))]
    heard = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(one) for one in heard] == [Unauthenticated] * 3
    assert str(heard[0]).startswith(
        "unauthenticated: The session has ended. What is unsent is kept"
    )
    asked = len(server.asked)
    with pytest.raises(Unauthenticated):
        await outbox.put(change("4"))
    with pytest.raises(Unauthenticated):
        await outbox.empty()
    assert (len(server.asked), len(outbox)) == (asked, 4)
    assert keys(store) == ["1", "2", "3", "4"]
    server.error, server.asked = None, []
    outbox.resume("ann")
    await outbox.empty()
    assert (sorted(server.asked), keys(store), len(outbox)) == (["1", "2", "3", "4"], [], 0)
    assert [key for key in server.asked if key != "3"] == ["1", "2", "4"]


async def test_what_an_earlier_program_left_outlives_an_ended_session(
    store: MemoryStore, server: Server, outbox: Outbox
) -> None:
    """The next program retries it as often as necessary."""
    outbox.resume("ann")
    server.error = Unauthenticated(401, "unauthenticated", "The session has ended.")
    with pytest.raises(Unauthenticated):
        await outbox.put(change("1"))
    for _ in range(2):
        following = Outbox(store, server.perform)
        following.resume("ann")
        with pytest.raises(Unauthenticated):
            await following.empty()
    server.error = None
    following = Outbox(store, server.perform)
    following.resume("ann")
    await following.empty()
    assert (server.asked, keys(store)) == (["1"] * 4, [])


async def test_a_closed_outbox_tells_that_there_was_no_answer(
    store: MemoryStore, server: Server, outbox: Outbox
) -> None:
    """No caller is cancelled; the changes stay in the store, and nothing restarts the outbox."""
    outbox.resume("ann")
    server.is_there.clear()
    callers = [asyncio.create_task(outbox.put(change(key))) for key in ("1", "2")]
    await until_asked(server, 1)
    await outbox.close()
    heard = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(one) for one in heard] == [NoAnswer, NoAnswer]
    outbox.resume("ann")
    with pytest.raises(NoAnswer):
        await outbox.put(change("3"))
    assert (server.asked, keys(store)) == (["1"], ["1", "2", "3"])


async def test_a_change_is_never_sent_as_another_user(
    store: MemoryStore, server: Server, outbox: Outbox
) -> None:
    """It waits for its own user, and its awaiting caller is told."""
    outbox.resume("ann")
    server.is_there.clear()
    anns = asyncio.create_task(outbox.put(change("ann's")))
    await until_asked(server, 1)
    outbox.resume("ben")
    with pytest.raises(Unauthenticated, match="Another user has logged in"):
        await anns
    server.is_there.set()
    server.asked = []
    await outbox.put(change("ben's"))
    assert (server.asked, keys(store)) == (["ben's"], ["ann's"])
    outbox.forget("ben")  # he logs out
    assert keys(store) == ["ann's"]
    outbox.resume("ann")
    await outbox.empty()
    assert (server.asked, keys(store)) == (["ben's", "ann's"], [])


async def test_a_change_is_resumed_once(server: Server, outbox: Outbox) -> None:
    """However often the user logs in while it is in flight."""
    outbox.resume("ann")
    server.is_there.clear()
    caller = asyncio.create_task(outbox.put(change("1")))
    await until_asked(server, 1)
    outbox.resume("ann")
    outbox.resume("ann")
    assert len(outbox) == 1
    server.is_there.set()
    assert await caller == {"key": "1"}
    await outbox.empty()
    assert server.asked == ["1"]


async def test_one_key_in_two_chats_is_kept_twice(
    store: MemoryStore, server: Server, outbox: Outbox
) -> None:
    """The answer to one leaves the other for the next program."""
    outbox.resume("ann")
    server.is_there.clear()
    callers = [asyncio.create_task(outbox.put(change("1", chat))) for chat in ("c", "d")]
    await until_asked(server, 2)
    assert keys(store) == ["1", "1"]
    server.is_there.set()
    await asyncio.gather(*callers)
    assert keys(store) == []


async def test_nothing_is_kept_of_nobody(store: MemoryStore, outbox: Outbox) -> None:
    """Before a log-in, and after a log-out, which drops the user's unsent changes."""
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await outbox.put(change("1"))
        assert store.names("") == []
        outbox.resume("ann")
        outbox.forget("ann")


async def test_a_store_that_fails_holds_up_nothing(server: Server) -> None:
    """If it cannot remove a change, the caller still gets the answer, and the next change is
    sent."""

    class Full(MemoryStore):
        def remove(self, name: str) -> None:
            raise OSError("No space left on device")

    outbox = Outbox(Full(), server.perform)
    outbox.resume("ann")
    answers = await asyncio.gather(outbox.put(change("1")), outbox.put(change("2")))
    assert [*answers] == [{"key": "1"}, {"key": "2"}]
    server.error = Forbidden(403, "forbidden", "No.")
    with pytest.raises(Forbidden):
        await outbox.put(change("3"))
    await outbox.empty()


async def test_a_refusal_that_names_a_time_holds_back_all_chats(
    server: Server, outbox: Outbox
) -> None:
    """A few changes are under way at once, whatever the number of chats; none is sent before the
    time, and then all are."""
    outbox.resume("ann")
    server.error = RateLimited(429, "rate_limited", "Too many messages.", retry_after=0.5)
    server.is_there.clear()
    began = asyncio.get_running_loop().time()
    puts = [asyncio.create_task(outbox.put(change(str(n), f"c{n}"))) for n in range(300)]
    await until_asked(server, 10)
    server.error = None
    server.is_there.set()
    await until_asked(server, 11)
    assert asyncio.get_running_loop().time() - began >= 0.5
    assert [answer["key"] for answer in await asyncio.gather(*puts)] == [str(n) for n in range(300)]
    assert len(server.asked) == 310


async def test_a_call_that_is_unavailable_holds_back_only_its_chat(
    server: Server, outbox: Outbox
) -> None:
    """Whatever time is named: it may come from a proxy."""
    outbox.resume("ann")
    server.error = Unavailable(503, "unavailable", "Maintenance.", retry_after=3_600.0)
    waiting = asyncio.create_task(outbox.put(change("1", "c1")))
    await until_asked(server, 1)
    server.error = None
    assert await outbox.put(change("2", "c2")) == {"key": "2"}
    assert not waiting.done()
    outbox.hurry()
    assert await waiting == {"key": "1"}


async def test_few_changes_are_under_way_at_once(server: Server, outbox: Outbox) -> None:
    """Each answer lets the next one go, in the order of the calls."""
    outbox.resume("ann")
    server.is_there.clear()
    puts = [asyncio.create_task(outbox.put(change(str(n), f"c{n}"))) for n in range(300)]
    await until_asked(server, 10)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(server.asked) == 10
    server.is_there.set()
    await asyncio.gather(*puts)
    assert server.asked == [str(n) for n in range(300)]


async def test_the_pauses_of_a_change_that_gets_no_answer_grow(
    server: Server, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy without a server is not asked in vain by all chats at once; the next change begins
    with a short pause again."""
    monkeypatch.setattr("hubbub_client.pace.FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("hubbub_client.pace.MAX_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("hubbub_client.pace.random.random", lambda: 1.0)
    outbox.resume("ann")
    for error in (NoAnswer("gone"), Unavailable(502, "unavailable", "")):
        server.asked, server.times, server.error = [], [], error
        sending = asyncio.create_task(outbox.put(change("1")))
        await until_asked(server, 6)
        server.error = None
        await sending
        pauses = [after - before for before, after in pairwise(server.times)]
        least = [0.02, 0.04, 0.08, 0.1, 0.1, 0.1]
        assert all(pause > 0.9 * bound for pause, bound in zip(pauses, least, strict=True))


async def test_a_new_socket_ends_all_pauses(
    server: Server, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of single chats, and one for all of them."""
    monkeypatch.setattr("hubbub_client.pace.FIRST_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr("hubbub_client.pace.MAX_PAUSE_SECONDS", 60.0)
    monkeypatch.setattr("hubbub_client.pace.random.random", lambda: 1.0)
    outbox.resume("ann")
    for error in (NoAnswer("gone"), RateLimited(429, "rate_limited", "", retry_after=60.0)):
        server.asked, server.error = [], error
        server.is_there.clear()
        puts = [asyncio.create_task(outbox.put(change(str(n), f"c{n}"))) for n in range(10)]
        await until_asked(server, 10)
        server.error = None
        server.is_there.set()
        for _ in range(10):  # all are refused, and wait
            await asyncio.sleep(0)
        assert len(server.asked) == 10
        outbox.hurry()
        await asyncio.gather(*puts)
        assert len(server.asked) == 20
