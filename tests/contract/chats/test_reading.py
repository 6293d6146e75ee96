"""What participants read, while others change who takes part."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from chats import history
from chats.own import state, views
from common.database.pool import Pool, create_pool
from common.protocol.chats import (
    Chat,
    Done,
    EventPage,
    GetChat,
    GetEvents,
    GetMessages,
    MessagePage,
    RemoveParticipant,
    ViewsAnswer,
    ViewsRequest,
    ViewWanted,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


class InterruptedPool:
    """A pool whose user is stopped between its first statement and its second one, if there is
    one, and sees what happened meanwhile."""

    def __init__(self, pool: Pool, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._pool = pool
        self._meanwhile = meanwhile
        self._uses = 0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        self._uses += 1
        if self._uses == 2:
            await self._meanwhile()
        async with self._pool.connection() as connection:
            yield connection


async def remove_and_go_on(world: World, chat: Chat, owner: Person, removed: Person) -> None:
    """The removal is their last event; the message after it is not theirs."""
    removal = RemoveParticipant(
        user=owner.id, session=owner.session, chat=chat.id, key=new_id(), participant=removed.id
    )
    await world.call("remove_participant", removal, Done)
    await world.send(new_message(chat.id, owner, "we are alone now"))


async def read_events(pool: Pool, user: str, chat: str) -> EventPage:
    return await history.get_events(pool, GetEvents(user=user, chat=chat, after=0, limit=200))


async def read_messages(pool: Pool, user: str, chat: str) -> MessagePage:
    request = GetMessages(user=user, chat=chat, before=None, limit=50)
    return await history.get_messages(pool, request)


async def view(pool: Pool, user: str, chat: str) -> ViewsAnswer:
    wanted = ViewWanted(user=user, chat=chat, details=True, after=0, amount=50)
    return await views.get_views(pool, ViewsRequest(wanted=[wanted]))


async def read_chat(pool: Pool, user: str, chat: str) -> Chat:
    return await state.get_chat(pool, GetChat(user=user, chat=chat))


@pytest.mark.parametrize("read", [read_events, read_messages, view, read_chat])
async def test_nobody_reads_beyond_their_own_removal(
    stage: Stage, world: World, read: Callable[[Any, str, str], Awaitable[msgspec.Struct]]
) -> None:
    """A reader who is removed meanwhile gets a page of before, or a refusal."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.send(new_message(chat.id, ann, "all of us"))
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        meanwhile = partial(remove_and_go_on, world, chat, ann, ben)
        try:
            page = await read(InterruptedPool(pool, meanwhile), ben.id, chat.id)
        except Refusal as refusal:
            assert refusal.code == "not_found"  # noqa: PT017 - a page is as good
        else:
            assert b"alone" not in msgspec.json.encode(page)
