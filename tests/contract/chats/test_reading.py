"""What participants read while others change the participants."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from chats import history
from chats.own import state, views
from chats.own.lists import Lists
from chats.own.read_cache import ReadCache
from common.database.kept import KeptConnection
from common.database.pool import Pool, create_pool
from common.protocol.chats import (
    Chat,
    ChatPage,
    Done,
    EventPage,
    GetChat,
    GetEvents,
    GetMessages,
    ListChats,
    RemoveParticipant,
    RenameChat,
    ViewsRequest,
    ViewWanted,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.own import ChangeMine, Marker, Mine, MoveMarker
from common.protocol.pages import PagesRequest, PageWanted
from tests.contract.chats.conftest import Person, Stage, World, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


class InterruptedPool:
    """A pool whose user is paused before a statement other than the first, if there are that many,
    and then sees what changed meanwhile."""

    def __init__(self, pool: Pool, meanwhile: Callable[[], Awaitable[None]], stopped: int) -> None:
        self._pool = pool
        self._meanwhile = meanwhile
        self._stopped = stopped
        self._uses = 0
        self.kept = self
        self.put = pool.kept.put
        self.refuse_unsure = pool.refuse_unsure

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        await self._use()
        async with self._pool.connection() as connection:
            yield connection

    async def take(self) -> KeptConnection:
        await self._use()
        return await self._pool.kept.take()

    async def _use(self) -> None:
        self._uses += 1
        if self._uses == self._stopped:
            await self._meanwhile()


class BusyPool(InterruptedPool):
    """The same before each statement but the first."""

    async def _use(self) -> None:
        self._uses += 1
        if self._uses > 1:
            await self._meanwhile()


async def remove_and_go_on(world: World, chat: Chat, owner: Person, removed: Person) -> None:
    """The removal is the last event they see; the message after it is not visible to them."""
    removal = RemoveParticipant(
        user=owner.id, session=owner.session, chat=chat.id, key=new_id(), participant=removed.id
    )
    await world.call("remove_participant", removal, Done)
    await world.send(new_message(chat.id, owner, "we are alone now"))


async def read_events(pool: Pool, user: str, chat: str) -> bytes:
    return await history.get_events(pool, GetEvents(user=user, chat=chat, after=0, limit=200))


async def read_messages(pool: Pool, user: str, chat: str) -> bytes:
    request = GetMessages(user=user, chat=chat, before=None, limit=50)
    return await history.get_messages(pool, request)


async def read_pages(pool: Pool, user: str, chat: str) -> bytes:
    above = PageWanted(user=user, chat=chat, of="messages", before=None, after=0, limit=50)
    wanted = [msgspec.structs.replace(above, of="events"), above]
    return await history.get_pages(pool, PagesRequest(wanted=wanted))


async def view(pool: Pool, user: str, chat: str) -> bytes:
    wanted = ViewWanted(user=user, chat=chat, details=True, after=0, amount=50, own=True)
    answer = await views.get_views(pool, ReadCache(), ViewsRequest(wanted=[wanted]))
    return msgspec.json.encode(answer)


async def view_own(pool: Pool, user: str, chat: str) -> bytes:
    """The same as edge asks for it when a chat is read."""
    wanted = ViewWanted(user=user, chat=chat, details=False, after=0, amount=0, own=True)
    answer = await views.get_views(pool, ReadCache(), ViewsRequest(wanted=[wanted]))
    return msgspec.json.encode(answer)


async def read_chat(pool: Pool, user: str, chat: str) -> bytes:
    return msgspec.json.encode(await state.get_chat(pool, GetChat(user=user, chat=chat)))


async def list_chats(pool: Pool, user: str, _: str) -> bytes:
    request = ListChats(user=user, before=None, limit=10)
    return await Lists(pool, ReadCache()).list_chats(request)


READS = [read_events, read_messages, read_pages, view, view_own, read_chat, list_chats]


@pytest.mark.parametrize("stopped", [2, 3])
@pytest.mark.parametrize("read", READS)
async def test_nobody_reads_beyond_their_own_removal(
    stage: Stage,
    world: World,
    read: Callable[[Any, str, str], Awaitable[bytes]],
    stopped: int,
) -> None:
    """A reader who is removed meanwhile gets a page from before the removal, or a refusal."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.send(new_message(chat.id, ann, "all of us"))
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        meanwhile = partial(remove_and_go_on, world, chat, ann, ben)
        try:
            page = await read(InterruptedPool(pool, meanwhile, stopped), ben.id, chat.id)
        except Refusal as refusal:
            assert refusal.code == "not_found"  # noqa: PT017 - a page is valid too
        else:
            assert b"alone" not in page


@pytest.mark.parametrize("stopped", [2, 3])
@pytest.mark.parametrize("read", [view, view_own, read_chat, list_chats])
async def test_a_chat_and_what_is_the_readers_own_of_it_are_of_one_moment(
    stage: Stage,
    world: World,
    read: Callable[[Any, str, str], Awaitable[bytes]],
    stopped: int,
) -> None:
    """A client that continues with the events above its `seq` counts no message twice and misses
    none."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.send(new_message(chat.id, ann, "first"))

    async def go_on() -> None:
        await world.send(new_message(chat.id, ann, "meanwhile"))

    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        found = msgspec.json.decode(
            await read(InterruptedPool(pool, go_on, stopped), ben.id, chat.id)
        )
    [shown] = found.get("views") or found.get("chats") or [found]
    assert shown["last"]["seq"] == shown["seq"]
    assert shown["mine"]["unread"] == shown["seq"] - 1  # all events but the first are messages


@pytest.mark.parametrize("read", [view_own, read_chat, list_chats])
async def test_a_chat_is_of_one_moment_however_fast_it_goes_on(
    stage: Stage, world: World, read: Callable[[Any, str, str], Awaitable[bytes]]
) -> None:
    """Messages that its `seq` includes are counted, and the newest of them is `last`."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)

    async def go_on() -> None:
        await world.send(new_message(chat.id, ann, "meanwhile"))

    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        busy: Any = BusyPool(pool, go_on, 0)
        found = msgspec.json.decode(await read(busy, ben.id, chat.id))
    [shown] = found.get("views") or found.get("chats") or [found]
    assert shown["last"]["seq"] == shown["seq"]
    assert shown["mine"]["unread"] == shown["seq"] - 1


async def test_a_page_of_events_is_at_most_a_mebibyte(stage: Stage, world: World) -> None:
    """The whole answer is, even where the events alone would fill a mebibyte exactly."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.send(new_message(chat.id, ann, "x"))
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        page = await history.get_events(
            pool, GetEvents(user=ann.id, chat=chat.id, after=1, limit=1)
        )
        [first] = msgspec.json.decode(page, type=EventPage).events
        without = len(bytes(first)) - len("2") - len("x")
        texts = ["x" * (8_192 - without - len(str(seq))) for seq in range(3, 131)]
        await world.send(*(new_message(chat.id, ann, text) for text in texts))
        above = GetEvents(user=ann.id, chat=chat.id, after=2, limit=200)
        page = await history.get_events(pool, above)
    assert len(page) <= 2**20
    found = msgspec.json.decode(page, type=EventPage)
    assert (len(found.events), found.seq, found.more) == (127, 130, True)


async def test_what_is_held_is_what_a_direct_read_gives(stage: Stage, world: World) -> None:
    """After all kinds of changes, the list from memory equals the list read without a cache."""
    ann, ben = await world.make_people(2)
    chats = [await world.make_chat(ann, ben) for _ in range(3)]
    first = new_message(chats[0].id, ann, "read by all")

    async def send() -> None:
        await world.send(first)

    async def rename() -> None:
        request = RenameChat(
            user=ann.id, chat=chats[1].id, key=new_id(), chat_name="another", topic="of it"
        )
        await world.call("rename_chat", request, Done)

    async def mark() -> None:
        request = MoveMarker(user=ben.id, chat=chats[0].id, seq=2, back=False)
        await world.call("move_marker", request, Marker)

    async def archive() -> None:
        request = ChangeMine(user=ben.id, chat=chats[2].id, notify="none", archived=True)
        await world.call("change_mine", request, Mine)

    async def leave() -> None:
        request = RemoveParticipant(
            user=ben.id, session=ben.session, chat=chats[1].id, key=new_id(), participant=ben.id
        )
        await world.call("remove_participant", request, Done)

    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        lists = Lists(pool, ReadCache())
        for change in (send, rename, mark, archive, leave):
            await change()
            for by_activity in (False, True):
                request = ListChats(user=ben.id, before=None, limit=10, by_activity=by_activity)
                direct = await Lists(pool, ReadCache()).list_chats(request)
                assert await lists.list_chats(request) == direct
                assert await lists.list_chats(request) == direct
                assert msgspec.json.decode(direct, type=ChatPage)
