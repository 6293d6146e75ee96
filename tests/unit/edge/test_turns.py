"""Turns of large reads: a few of a user at a time."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from common.identity.tokens import Claims
from common.protocol.errors import Refusal
from edge.http.endpoint import RESPOND, create_endpoints
from edge.routes.chats import ChatRoutes
from edge.routes.messages import MessageRoutes
from edge.routes.search import SearchRoutes
from edge.turns import (
    LARGE_BYTES,
    LARGE_READS_AT_ONCE,
    READS_AT_ONCE,
    REMEMBERED_SECONDS,
    Turns,
)

CHAT = "00000000-0000-4000-8000-000000000000"


class Source:
    """Reads that end when the test says so."""

    def __init__(self) -> None:
        self.reading: list[str] = []
        self.end = asyncio.Event()
        self.page = b"{}"

    async def get_newest_messages(self, user: str, *_: object) -> bytes:
        self.reading.append(user)
        await self.end.wait()
        return self.page

    async def list_chats(self, wanted: Any) -> bytes:
        return await self.get_newest_messages(wanted.user)

    async def search(self, wanted: Any) -> bytes:
        return await self.get_newest_messages(wanted.user)

    async def get_page(self, wanted: Any) -> bytes:
        return await self.get_newest_messages(wanted.user)

    async def read(self, caller: Claims) -> bytes:
        return await self.get_newest_messages(caller.user)


def claims_of(user: str) -> Claims:
    return Claims(user=user, session="s", generation=0, expires=0)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def read(source: Source) -> Callable[[str], Awaitable[bytes]]:
    bound = Turns().bound(source.read, len)
    return lambda user: bound(caller=claims_of(user))


@pytest.fixture
def read_soon(source: Source) -> Callable[[str], Awaitable[bytes]]:
    """Refused after half a second."""
    bound = Turns(patience_seconds=0.5).bound(source.read, len)
    return lambda user: bound(caller=claims_of(user))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - of a list
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/chat", b""),
        ("/api/search", b"q=cake"),
        ("/api/chat/{chat_id:str}/message", b""),
        ("/api/chat/{chat_id:str}/message", b"before=9"),
        ("/api/chat/{chat_id:str}/events", b"after=2"),
    ],
)
async def test_large_reads_of_a_user_are_answered_in_turns(
    source: Source, path: str, query: bytes
) -> None:
    """Other users' reads do not wait for them, and every one is answered."""
    said: Any = source
    respond = respond_of(
        path, ChatRoutes(said, said, said), MessageRoutes(said, said, said), SearchRoutes(said)
    )

    def ask(user: str) -> asyncio.Task[Any]:
        request = make_request(user, query)
        return asyncio.create_task(respond(request))

    asked = [ask("ann") for _ in range(READS_AT_ONCE + 4)]
    await until(lambda: len(source.reading) == READS_AT_ONCE)
    asked.append(ask("ben"))
    await until(lambda: "ben" in source.reading)
    assert source.reading.count("ann") == READS_AT_ONCE
    source.end.set()
    assert [answer.content for answer in await asyncio.gather(*asked)] == [source.page] * len(asked)


async def test_a_long_list_is_compressed_before_the_turn_ends(source: Source) -> None:
    """In a thread: see the tests of answers."""
    said: Any = source
    source.page = b"x" * 1_000_000
    source.end.set()
    respond = respond_of("/api/chat", ChatRoutes(said, said, said))
    answer = await respond(make_request("ann", b"", (b"accept-encoding", b"gzip")))
    assert gzip.decompress(answer.content) == source.page


def respond_of(path: str, *routes: object) -> Any:
    nobody: Any = None
    turns = Turns()
    [respond] = [
        endpoint.opt[RESPOND]
        for of in routes
        for endpoint in create_endpoints(of, nobody, nobody, turns)
        if endpoint.paths == {path} and "GET" in endpoint.http_methods
    ]
    return respond


def make_request(user: str, query: bytes, *headers: tuple[bytes, bytes]) -> Any:
    return SimpleNamespace(
        scope={
            "user": claims_of(user), "query_string": query, "path_params": {"chat_id": CHAT},
            "headers": list(headers),
        }
    )  # fmt: skip


async def test_only_a_few_are_read_at_once_by_a_user_whose_answers_were_large(
    source: Source,
) -> None:
    """Those that are being read end first. A minute after the last large one it is as before."""
    now = 100.0
    bound = Turns(clock=lambda: now).bound(source.read, len)

    def ask(user: str, count: int) -> list[asyncio.Future[Any]]:
        return [asyncio.ensure_future(bound(caller=claims_of(user))) for _ in range(count)]

    source.page = b"x" * LARGE_BYTES
    asked = ask("ann", READS_AT_ONCE + LARGE_READS_AT_ONCE + 1)
    await until(lambda: len(source.reading) == READS_AT_ONCE)
    source.end.set()
    await asyncio.gather(*asked)
    source.end.clear()
    source.reading.clear()
    source.page = b"{}"
    asked = ask("ann", READS_AT_ONCE) + ask("ben", READS_AT_ONCE)
    await until(lambda: source.reading.count("ben") == READS_AT_ONCE)
    assert source.reading.count("ann") == LARGE_READS_AT_ONCE
    source.end.set()
    await asyncio.gather(*asked)
    source.end.clear()
    source.reading.clear()
    now += REMEMBERED_SECONDS
    asked = ask("ann", READS_AT_ONCE)
    await until(lambda: len(source.reading) == READS_AT_ONCE)
    source.end.set()
    await asyncio.gather(*asked)


async def test_large_answers_narrow_what_is_read_at_once_while_others_wait() -> None:
    """After the first large answers, turns are passed on only when fewer are being read."""
    reading, ended, most = 0, 0, 0

    async def read(caller: Claims) -> bytes:
        nonlocal reading, ended, most
        reading += 1
        if ended >= READS_AT_ONCE:
            most = max(most, reading)
        await asyncio.sleep(0)
        reading -= 1
        ended += 1
        return b"x" * LARGE_BYTES

    bound = Turns().bound(read, len)
    await asyncio.gather(*(bound(caller=claims_of("ann")) for _ in range(64)))
    assert most == LARGE_READS_AT_ONCE


async def test_a_large_list_counts_as_large_when_it_is_compressed(source: Source) -> None:
    """A compressed list of 4 MB may have 20 kB."""
    said: Any = source
    source.page = b"x" * LARGE_BYTES
    source.end.set()
    respond = respond_of("/api/chat", ChatRoutes(said, said, said))

    def ask() -> Any:
        return respond(make_request("ann", b"", (b"accept-encoding", b"gzip")))

    assert len((await ask()).content) < 20_000
    source.end.clear()
    source.reading.clear()
    asked = [asyncio.ensure_future(ask()) for _ in range(READS_AT_ONCE)]
    await until(lambda: len(source.reading) == LARGE_READS_AT_ONCE)
    source.end.set()
    await asyncio.gather(*asked)


async def test_a_turn_that_does_not_come_in_time_is_refused(
    source: Source, read_soon: Callable[[str], Awaitable[bytes]]
) -> None:
    """As any read for which chats has no time; later ones get their turns."""
    asked = [asyncio.ensure_future(read_soon("ann")) for _ in range(READS_AT_ONCE)]
    await until(lambda: len(source.reading) == READS_AT_ONCE)
    with pytest.raises(Refusal) as refused:
        await read_soon("ann")
    assert refused.value.code == "unavailable"
    source.end.set()
    await asyncio.gather(*asked)
    assert await asyncio.gather(*(read_soon("ann") for _ in range(9))) == [b"{}"] * 9


async def test_a_read_that_waited_has_the_time_that_is_left(
    source: Source, read_soon: Callable[[str], Awaitable[bytes]]
) -> None:
    """The balancer repeats requests that are not answered in time."""
    asked = [asyncio.ensure_future(read_soon("ann")) for _ in range(READS_AT_ONCE)]
    await until(lambda: len(source.reading) == READS_AT_ONCE)
    later = asyncio.ensure_future(read_soon("ann"))
    await asyncio.sleep(0)
    asked[0].cancel()
    await until(lambda: len(source.reading) == READS_AT_ONCE + 1)
    with pytest.raises(Refusal) as refused:
        await later
    assert refused.value.code == "unavailable"
    source.end.set()
    assert await asyncio.gather(*(read_soon("ann") for _ in range(9))) == [b"{}"] * 9


async def test_a_read_that_is_given_up_leaves_its_turn_to_the_next(
    source: Source, read: Callable[[str], Awaitable[bytes]]
) -> None:
    """Whether it had its turn, was waiting, or got it at the same moment."""
    asked = [asyncio.ensure_future(read("ann")) for _ in range(READS_AT_ONCE + 3)]
    first, waiting, called = asked[0], *asked[-3:-1]
    await until(lambda: len(source.reading) == READS_AT_ONCE)
    waiting.cancel()
    first.cancel()
    asyncio.get_running_loop().call_soon(called.cancel)  # `first` has passed its turn on by then
    await until(lambda: len(source.reading) == READS_AT_ONCE + 1)
    source.end.set()
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one).__name__ for one in (ended[0], *ended[-3:])] == [
        *["CancelledError"] * 3,
        "bytes",
    ]
    assert await asyncio.gather(*(read("ann") for _ in range(9))) == [b"{}"] * 9
