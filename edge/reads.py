"""Cached reads: chats, their newest messages, and profiles.

Permission to read is never cached: each read of a chat asks chats, many readers in one call, and
the answer says which state the chat is in now. So the result is what a direct read would have
returned at that moment. Profiles have no version: they are not cached, and concurrent readers share
a call. Knows nothing of HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
from prometheus_client import Counter

from common.calls.calls import Calls
from common.calls.lanes import Lanes, Spacing
from common.process.memory_cache import MemoryCache
from common.protocol.chats import (
    Chat,
    View,
    ViewsAnswer,
    ViewsRequest,
    ViewWanted,
)
from common.protocol.errors import not_found
from common.protocol.pages import PagesRequest, PageWanted, encode_message_page, read_pages
from common.protocol.users import ListPeople, PeopleFound, Person
from edge.cache.nodes import CacheNodes
from edge.cache.single_flight import SingleFlight
from edge.cache.tail import Tail, begin_tail
from edge.metrics import READS
from edge.upstream import Chats, Users

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_VIEWS_A_CALL: Final = 32
MAX_PAGES_A_CALL: Final = 16
MAX_BYTES_A_CALL: Final = 40_000_000  # 16 pages of the default size
MAX_SHOWN_BYTES: Final = 50_000  # of a message: JSON takes six bytes for U+0001
MAX_PEOPLE_A_CALL: Final = 100
# Readers within the pause share a call; a single one is not delayed. After a call of a crowd, those
# that read again get as long once more to join the next.
SPACING: Final = Spacing(pause_seconds=0.002, crowd=4, returning=True)
MAX_LOADS: Final = 64  # at a time; below the connections to a cache node
MEMORY_SECONDS: Final = 600.0
PLACE_BYTES: Final = 36  # what CPython needs to store the end of each message
MAX_EVENTS_PAGE_BYTES: Final = 2**20
LEAST_AMOUNT: Final = 51  # a page of the default size, and one more

_NO_PAGE: Final = b"null"

_encode = msgspec.json.encode
_decode_chat = msgspec.json.Decoder(Chat).decode


class Reads(Protocol):
    """The reads that routes need, whatever their source; a page of messages as JSON. Each raises
    Refusal not_found, or unavailable."""

    async def get_chat(self, user: str, chat: str) -> Chat: ...

    async def get_newest_messages(self, user: str, chat: str, limit: int) -> bytes: ...

    async def get_page(self, wanted: PageWanted) -> bytes: ...

    async def get_person(self, person: str) -> Person: ...


class DirectReads:
    """Without a cache: each read is a call to the service that owns what is read."""

    def __init__(self, chats: Chats, users: Users) -> None:
        self._chats = chats
        self.get_chat = chats.get_chat
        self.get_person = users.get_person

    async def get_newest_messages(self, user: str, chat: str, limit: int) -> bytes:
        return await self._chats.get_messages(user, chat, None, limit)

    async def get_page(self, wanted: PageWanted) -> bytes:
        if wanted.of == "events":
            after = wanted.after or 0
            return await self._chats.get_events(wanted.user, wanted.chat, after, wanted.limit)
        return await self._chats.get_messages(
            wanted.user, wanted.chat, wanted.before, wanted.limit, wanted.after
        )


class _ViewInEpoch(msgspec.Struct):
    """A view and the epoch of its database."""

    epoch: str
    view: View


def _share(
    service: Calls,
    fetch: Callable[[str, list[Item], float], Awaitable[Sequence[Result]]],
    most: int,
    size_of: Callable[[Item], int] = lambda _: 0,
) -> Lanes[Item, Result]:
    """Concurrent readers share a call, up to limits; each replica has one call at a time."""
    return Lanes(
        service.preferred,
        fetch,
        max_items=most,
        size_of=size_of,
        max_size=MAX_BYTES_A_CALL,
        spacing=SPACING,
    )


class CachedReads:
    """Uses what this process holds (`memory`) and what the cache nodes hold."""

    def __init__(
        self,
        chats: Calls,
        users: Calls,
        direct: DirectReads,
        memory: MemoryCache,
        cache: CacheNodes,
    ) -> None:
        self._chats = chats
        self._users = users
        self._direct = direct
        self._memory = memory
        self._cache = cache
        self._views = _share(chats, self._fetch_views, MAX_VIEWS_A_CALL, _most_of_view)
        self._pages = _share(chats, self._fetch_pages, MAX_PAGES_A_CALL, _most_of_page)
        self._people = _share(users, self._fetch_people, MAX_PEOPLE_A_CALL)
        self._counters: dict[tuple[str, str], Counter] = {}  # looking up a label takes longer
        self._shown = SingleFlight[Chat | None](asyncio.Semaphore(MAX_LOADS))

    def _count(self, of: str, source: str) -> None:
        counter = self._counters.get((of, source))
        if counter is None:
            counter = self._counters[of, source] = READS.labels(of, source)
        counter.inc()

    async def get_chat(self, user: str, chat: str) -> Chat:
        wanted = ViewWanted(user=user, chat=chat, details=False, after=0, amount=0, own=True)
        found = await self._allowed_view(wanted)
        key = _chat_key(found, chat)
        shown: Chat | None = self._memory.get(key)
        if shown is None:
            wanted = msgspec.structs.replace(wanted, details=True, own=False)
            shown = await self._shown.join(key, lambda: self._load_chat(key, wanted))
        else:
            self._count("chat", "memory")
        if shown is None:
            # It has just changed, or the reader that loaded it for us may no longer read it.
            return await self._direct.get_chat(user, chat)
        view = found.view
        return msgspec.structs.replace(shown, seq=view.seq, last=view.last, mine=view.mine)

    async def _load_chat(self, key: str, wanted: ViewWanted) -> Chat | None:
        """None if that state is outdated, or the reader may not see it."""
        data = await self._cache.get(key)
        if data is not None:
            self._count("chat", "node")
            shown = _decode_chat(data)
        else:
            self._count("chat", "owner")
            found = await self._views.fetch(wanted.chat, wanted)
            if found.view.chat is None or _chat_key(found, wanted.chat) != key:
                return None
            shown = found.view.chat
            data = _encode(shown)
            await self._cache.put(key, data)
        self._memory.put(key, shown, 2 * len(data), MEMORY_SECONDS)
        return shown

    async def get_newest_messages(self, user: str, chat: str, limit: int) -> bytes:
        key = f"tail:{chat}"
        tail: Tail = self._memory.get(key) or Tail()
        self._count("messages", "memory" if tail.seq else "owner")
        tail, page = await self._read_on(tail, user, chat, limit)
        if page is None:  # too little is held, or it is from before a restore of the database
            tail, page = await self._read_on(Tail(), user, chat, limit)
        held: Tail = self._memory.get(key) or Tail()
        if (held.epoch, held.seq, len(held.ends)) != (tail.epoch, tail.seq, len(tail.ends)):
            size = len(tail.joined) + PLACE_BYTES * len(tail.ends)
            self._memory.put(key, tail, size, MEMORY_SECONDS)
        assert page is not None
        messages, more = page
        return encode_message_page(messages, tail.seq, more=more)

    async def _read_on(
        self, tail: Tail, user: str, chat: str, limit: int
    ) -> tuple[Tail, tuple[bytes, bool] | None]:
        amount = max(limit + 1, LEAST_AMOUNT)
        wanted = ViewWanted(user=user, chat=chat, details=False, after=tail.seq, amount=amount)
        found = await self._allowed_view(wanted)
        epoch, view = found.epoch, found.view
        if not tail.seq:
            newest = [bytes(message) for message in view.messages]
            tail = begin_tail(epoch, view.seq, newest, amount)
        elif epoch != tail.epoch or view.seq < tail.seq or len(view.events) >= amount:
            return tail, None  # the last: there may be more events than requested
        else:
            tail = tail.follow(view.seq, [bytes(event) for event in view.events])
        return tail, tail.page(limit)

    async def get_page(self, wanted: PageWanted) -> bytes:
        """Not cached: what is far from the head is seldom read twice."""
        page = await self._pages.fetch(wanted.chat, wanted)
        if page == _NO_PAGE:
            raise not_found()
        return page

    async def _fetch_pages(
        self, chat: str, wanted: list[PageWanted], seconds: float
    ) -> list[bytes]:
        return read_pages(
            await self._chats.fetch("pages", PagesRequest(wanted=wanted), key=chat, timeout=seconds)
        )

    async def get_person(self, person: str) -> Person:
        """Not cached: the earlier answer is what is shown."""
        found = await self._people.fetch(person, person)
        if found is None:
            raise not_found()
        return found

    async def _fetch_people(
        self, first: str, people: list[str], seconds: float
    ) -> list[Person | None]:
        request = ListPeople(people=people)
        answer = await self._users.call(
            "list_people", request, PeopleFound, key=first, timeout=seconds
        )
        found = {person.id: person for person in answer.users}
        return [found.get(person) for person in people]

    async def _allowed_view(self, wanted: ViewWanted) -> _ViewInEpoch:
        found = await self._views.fetch(wanted.chat, wanted)
        if not found.view.allowed:
            raise not_found()
        return found

    async def _fetch_views(
        self, chat: str, wanted: list[ViewWanted], seconds: float
    ) -> list[_ViewInEpoch]:
        answer = await self._chats.call(
            "views", ViewsRequest(wanted=wanted), ViewsAnswer, key=chat, timeout=seconds
        )
        return [_ViewInEpoch(answer.epoch, view) for view in answer.views]


def _most_of_view(wanted: ViewWanted) -> int:
    """In bytes. What happened since the newest messages were read is seldom much."""
    return 0 if wanted.after else wanted.amount * MAX_SHOWN_BYTES


def _most_of_page(wanted: PageWanted) -> int:
    """In bytes; chats cuts pages of events."""
    most = wanted.limit * MAX_SHOWN_BYTES
    return min(most, MAX_EVENTS_PAGE_BYTES) if wanted.of == "events" else most


def _chat_key(found: _ViewInEpoch, chat: str) -> str:
    """Differs from 0.1.0, whose edges put chats without topics into the nodes."""
    return f"shown:{found.epoch}:{chat}:{found.view.version}"
