"""Cached reads: which calls reach the services with cold caches and without permission to read."""

import asyncio
from typing import Any, Literal

import msgspec
import pytest

from common.calls.calls import Calls
from common.process.memory_cache import MemoryCache
from common.protocol.chats import Chat, View, ViewsAnswer, ViewsRequest
from common.protocol.errors import Refusal
from common.protocol.pages import PagesRequest, PageWanted, encode_message_page, encode_pages
from common.protocol.users import PeopleFound, Person
from edge.cache.nodes import CacheNodes
from edge.reads import (
    MAX_PAGES_A_CALL,
    MAX_PEOPLE_A_CALL,
    MAX_VIEWS_A_CALL,
    CachedReads,
    DirectReads,
)
from edge.upstream import Chats, Users


class Services(Calls):
    """chats and users: one chat, whose readers and state the test sets."""

    def __init__(self) -> None:
        self.readers = {"ann", "ben"}
        self.epoch, self.version, self.seq = "e1", 1, 7
        self.calls: list[ViewsRequest] = []
        self.pages: list[PagesRequest] = []
        self.people: list[list[str]] = []
        self.now = self.most = 0
        self.display_name = "Ann"

    def preferred(self, key: str) -> str:
        return "replica"

    async def call(self, name: str, request: Any, answer: Any, **_: Any) -> Any:
        if name == "list_people":
            self.people.append(request.people)
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return PeopleFound(
                users=[
                    Person(id=person, username="ann", display_name=self.display_name)
                    for person in dict.fromkeys(request.people)
                    if person != "nobody"
                ]
            )
        assert name == "views", name
        self.calls.append(request)
        await asyncio.sleep(0.001)
        return ViewsAnswer(epoch=self.epoch, views=[self._view(w) for w in request.wanted])

    async def fetch(self, name: str, request: Any, **_: Any) -> bytes:
        assert name == "pages", name
        self.pages.append(request)
        await asyncio.sleep(0.001)
        return encode_pages([self._page(wanted) for wanted in request.wanted])

    def _page(self, wanted: PageWanted) -> bytes:
        if wanted.user not in self.readers:
            return b"null"
        return encode_message_page(b'{"seq":%d}' % wanted.limit, self.seq, more=True)

    def _view(self, wanted: Any) -> View:
        if wanted.user not in self.readers:
            return View(allowed=False)
        shown = Chat(
            id=wanted.chat, chat_name=f"{self.epoch} {self.version}", participants=["ann"],
            participant_count=1, owner="ann", seq=self.seq, kind="group",
        )  # fmt: skip
        return View(
            allowed=True,
            version=self.version,
            seq=self.seq,
            chat=shown if wanted.details else None,
        )


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def reads(services: Services, monkeypatch: pytest.MonkeyPatch) -> CachedReads:
    """Without cache nodes: as when all of them are dead. A thousand may take their time."""
    monkeypatch.setattr("common.calls.lanes.DEADLINE_SECONDS", 60.0)
    direct = DirectReads(Chats(services), Users(services))
    return CachedReads(services, services, direct, MemoryCache(1_000_000), CacheNodes([]))


async def test_cold_caches_are_no_stampede(services: Services, reads: CachedReads) -> None:
    """A thousand readers of one chat cause few calls, and its details are read once; a thousand
    readers of different users cause few calls too, one at a time."""
    shown = await asyncio.gather(*(reads.get_chat("ann", "c") for _ in range(1_000)))
    assert {chat.seq for chat in shown} == {7}
    assert len(services.calls) <= 1_000 // MAX_VIEWS_A_CALL + 4
    assert sum(w.details for call in services.calls for w in call.wanted) == 1
    names = [str(number) for number in range(1_000)]
    await asyncio.gather(*(reads.get_person(name) for name in names * 3))
    assert len(services.people) <= 3_000 // MAX_PEOPLE_A_CALL + 4
    assert services.most == 1


async def test_a_person_is_shown_as_they_are_now(services: Services, reads: CachedReads) -> None:
    """A read that starts after a change was answered sees it, even if it joins earlier reads; an
    unknown user is not found, without an effect on other reads."""
    before = asyncio.create_task(reads.get_person("a"))
    await asyncio.sleep(0.0005)
    services.display_name = "Anna"
    found = await asyncio.gather(
        reads.get_person("a"), reads.get_person("nobody"), reads.get_person("b"),
        return_exceptions=True,
    )  # fmt: skip
    await before
    assert [getattr(one, "display_name", None) for one in found] == ["Anna", None, "Anna"]
    assert isinstance(found[1], Refusal)
    assert found[1].code == "not_found"
    assert (await reads.get_person("a")).display_name == "Anna"


async def test_permission_is_asked_at_every_read(services: Services, reads: CachedReads) -> None:
    """Cached data is never shown to a user who may no longer see it."""
    await reads.get_chat("ben", "c")
    await reads.get_newest_messages("ben", "c", 10)
    services.readers.remove("ben")
    with pytest.raises(Refusal, match="not_found"):
        await reads.get_chat("ben", "c")
    with pytest.raises(Refusal, match="not_found"):
        await reads.get_newest_messages("ben", "c", 10)


async def test_another_state_is_never_shown_from_the_cache(
    services: Services, reads: CachedReads
) -> None:
    """A new version, or a database restored to an old one, is another state; the seq is always
    the current one."""
    assert (await reads.get_chat("ann", "c")).chat_name == "e1 1"
    services.seq = 9
    assert (await reads.get_chat("ann", "c")).seq == 9
    services.version = 2
    assert (await reads.get_chat("ann", "c")).chat_name == "e1 2"
    services.epoch = "e2"
    assert (await reads.get_chat("ann", "c")).chat_name == "e2 2"


class NodesWithOld(CacheNodes):
    """Edges of 0.1.0 have stored the chat there in their form."""

    async def get(self, key: str) -> bytes | None:
        old = Chat(
            id="c", chat_name="without its topic", participants=["ann"], participant_count=1,
            owner="ann", seq=7, kind="group",
        )  # fmt: skip
        return msgspec.json.encode(old) if key == "chat:e1:c:1" else None


async def test_what_the_release_before_holds_is_not_shown(services: Services) -> None:
    """The previous release stores fewer fields of a chat."""
    direct = DirectReads(Chats(services), Users(services))
    nodes = NodesWithOld([])
    reads = CachedReads(services, services, direct, MemoryCache(1_000_000), nodes)
    assert (await reads.get_chat("ann", "c")).chat_name == "e1 1"


async def test_pages_that_are_wanted_at_once_share_calls(
    services: Services, reads: CachedReads
) -> None:
    """Each reader gets their own page, its bytes unchanged, or is refused alone."""

    async def read(user: str, limit: int) -> bytes:
        wanted = PageWanted(user=user, chat="c", of="messages", before=None, after=3, limit=limit)
        return await reads.get_page(wanted)

    asked = [read("ann" if n % 3 else "eve", n % 50 + 1) for n in range(1, 200)]
    pages = await asyncio.gather(*asked, return_exceptions=True)
    for n, page in enumerate(pages, 1):
        if n % 3:
            assert page == b'{"messages":[{"seq":%d}],"seq":7,"more":true}' % (n % 50 + 1)
        else:
            assert isinstance(page, Refusal)
            assert page.code == "not_found"
    assert len(services.pages) <= 200 // MAX_PAGES_A_CALL + 2


async def test_a_call_has_no_more_pages_than_could_be_read_in_its_time(
    services: Services, reads: CachedReads
) -> None:
    """A message may be 50 kB of JSON. Full pages of messages travel in smaller calls than those of
    events, which chats cuts."""
    of: Literal["messages", "events"]
    for of, most in (("messages", 8), ("events", MAX_PAGES_A_CALL)):
        services.pages.clear()
        wanted = PageWanted(user="ann", chat="c", of=of, before=None, after=3, limit=100)
        await asyncio.gather(*(reads.get_page(wanted) for _ in range(60)))
        assert max(len(call.wanted) for call in services.pages) == most


async def test_a_call_has_no_more_newest_messages_than_could_be_read_in_its_time(
    services: Services, reads: CachedReads
) -> None:
    """Views without messages, which are small, are not limited by it."""
    await asyncio.gather(*(reads.get_newest_messages("ann", f"c{n}", 99) for n in range(60)))
    assert max(len(call.wanted) for call in services.calls) == 8
    services.calls.clear()
    await asyncio.gather(*(reads.get_chat("ann", "c") for _ in range(100)))
    assert max(len(call.wanted) for call in services.calls) == MAX_VIEWS_A_CALL
