"""Rules for names of chats and lengths: chats enforces them for every caller, and so do its
tables.
"""

from typing import Any

import psycopg
import pytest

from common.protocol.chats import AddParticipants, Chat, ChatPage, Done, ListChats
from common.protocol.errors import Refusal
from common.protocol.fields import WHITE_SPACE
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Stage, World
from tests.contract.chats.test_chats import create, rename

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG_NAMES = ("", "x" * 129, "  ", "".join(sorted(WHITE_SPACE)), "a\0b", "\ud800")
RIGHT_NAMES = ("x", "\U0001f600" * 128, " x ", "\u200b", "\x1f", "\u3000x")


async def fields_refused(world: World, name: str, request: Any, answer: Any) -> list[str]:
    with pytest.raises(Refusal) as refused:
        await world.call(name, request, answer)
    assert refused.value.code == "invalid_request"
    return [error["field"] for error in refused.value.errors or []]


async def test_a_name_that_breaks_a_rule_is_refused(world: World) -> None:
    """No chat is created or renamed with it, whoever calls."""
    ann = await world.make_person()
    for name in WRONG_NAMES[:-1]:  # a lone surrogate is not even JSON
        request = create(ann, [], name=name)
        assert await fields_refused(world, "create_chat", request, Chat) == ["chatName"]
    page = await world.call("list_chats", ListChats(user=ann.id, before=None, limit=10), ChatPage)
    assert page.chats == []
    chat = await world.call("create_chat", create(ann, []), Chat)
    for name in WRONG_NAMES[:-1]:
        renaming = rename(ann, chat.id, name)
        assert await fields_refused(world, "rename_chat", renaming, Done) == ["chatName"]


@pytest.mark.parametrize("ids", [[new_id() for _ in range(1001)], ["x"], [new_id().upper()]])
async def test_lists_of_participants_are_judged(world: World, ids: list[str]) -> None:
    """At most 1,000 entries, each an id."""
    ann = await world.make_person()
    request = create(ann, ids)
    assert await fields_refused(world, "create_chat", request, Chat) == ["participants"]
    chat = await world.call("create_chat", create(ann, []), Chat)
    more = AddParticipants(user=ann.id, session=ann.session, chat=chat.id, key=new_id(), users=ids)
    assert await fields_refused(world, "add_participants", more, Done) == ["userIds"]


async def test_no_row_breaks_a_rule(world: World, stage: Stage) -> None:
    """The database refuses what the service refuses, and nothing else."""
    insert = "INSERT INTO chats (id, name, owner, participant_count) VALUES (%s, %s, %s, %s)"
    async with await psycopg.AsyncConnection.connect(
        stage.chats_database_url, autocommit=True
    ) as connection:
        for name in RIGHT_NAMES:
            await connection.execute(insert, (new_id(), name, new_id(), 0))
        for name in [*WRONG_NAMES[:4], *WHITE_SPACE]:
            with pytest.raises(psycopg.errors.CheckViolation):
                await connection.execute(insert, (new_id(), name, new_id(), 0))
        for count in (-1, 10_001):
            with pytest.raises(psycopg.errors.CheckViolation):
                await connection.execute(insert, (new_id(), "x", new_id(), count))
