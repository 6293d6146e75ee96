"""Joining with an invitation: a join that a crash interrupted is completed automatically."""

import asyncio

import psycopg
import pytest

from common.protocol.chats import Chat, Done, GetChat, JoinChat, RemoveParticipant, RenameChat
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World
from tests.contract.chats.test_chats import create

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def remember_join(
    stage: Stage, person: Person, chat: str, inviter: Person, *, seconds_ago: float = 60
) -> str:
    """Does what users does in the transaction that uses an invitation. Returns the key of the
    join."""
    key = new_id()
    async with await psycopg.AsyncConnection.connect(
        stage.users_database_url, autocommit=True
    ) as connection:
        await connection.execute(
            "INSERT INTO joins (user_id, chat, inviter, key, since)"
            " VALUES (%s, %s, %s, %s, now() - make_interval(secs => %s))",
            (person.id, chat, inviter.id, key, seconds_ago),
        )
    return key


async def count_joins(stage: Stage) -> int:
    async with await psycopg.AsyncConnection.connect(stage.users_database_url) as connection:
        row = await (await connection.execute("SELECT count(*) FROM joins")).fetchone()
    assert row is not None
    return int(row[0])


async def until_no_join_is_left(stage: Stage) -> None:
    async with asyncio.timeout(20):
        while await count_joins(stage):  # noqa: ASYNC110 - polls a database
            await asyncio.sleep(0.05)


async def participants(world: World, chat: str, person: Person) -> list[str]:
    shown = await world.call("get_chat", GetChat(user=person.id, chat=chat), Chat)
    return shown.participants


async def test_a_join_that_was_left_over_is_done(world: World, stage: Stage) -> None:
    """In both services, and then it is dropped."""
    ann, ben = await world.make_people(2)
    chat = (await world.call("create_chat", create(ann, []), Chat)).id
    await remember_join(stage, ben, chat, ann)
    await until_no_join_is_left(stage)
    assert await participants(world, chat, ann) == [ann.id, ben.id]
    await world.until_memberships_are(ben, {chat})


async def test_a_join_of_a_chat_that_is_no_more_its_inviters_is_forgotten(
    world: World, stage: Stage
) -> None:
    """Nobody is added, and it is not retried for ever."""
    ann, ben, cat = await world.make_people(3)
    chat = (await world.call("create_chat", create(cat, [ann.id]), Chat)).id
    await remember_join(stage, ben, chat, ann)
    await until_no_join_is_left(stage)
    assert await participants(world, chat, cat) == [ann.id, cat.id]


async def test_who_was_removed_since_does_not_come_back_by_a_join_that_was_left_over(
    world: World, stage: Stage
) -> None:
    """users may die before it learns that the user was added: repeating the join with its key adds
    nobody."""
    ann, ben = await world.make_people(2)
    chat = (await world.call("create_chat", create(ann, []), Chat)).id
    key = await remember_join(stage, ben, chat, ann, seconds_ago=0)
    join = JoinChat(user=ben.id, chat=chat, inviter=ann.id, key=key)
    assert (await world.call("join_chat", join, Done)).changed
    removal = RemoveParticipant(
        user=ann.id, session=ann.session, chat=chat, key=new_id(), participant=ben.id
    )
    await world.call("remove_participant", removal, Done)
    await until_no_join_is_left(stage)
    await world.call("join_chat", join, Done)  # one that was under way meanwhile
    assert await participants(world, chat, ann) == [ann.id]


async def test_leaving_and_removal_cancel_a_join_that_waits(world: World, stage: Stage) -> None:
    """A user who takes an invitation again while they are removed does not come back by it."""
    ann, ben, cat = await world.make_people(3)
    chat = (await world.call("create_chat", create(ann, [ben.id, cat.id]), Chat)).id
    for person, by in ((ben, ann), (cat, cat)):
        key = await remember_join(stage, person, chat, ann, seconds_ago=0)
        removal = RemoveParticipant(
            user=by.id, session=by.session, chat=chat, key=new_id(), participant=person.id
        )
        await world.call("remove_participant", removal, Done)
        join = JoinChat(user=person.id, chat=chat, inviter=ann.id, key=key)
        with pytest.raises(Refusal) as refused:
            await world.call("join_chat", join, Done)
        assert refused.value.code == "unauthenticated"
    assert await count_joins(stage) == 0
    assert await participants(world, chat, ann) == [ann.id]


async def test_nobody_joins_whom_users_does_not_know_of(world: World) -> None:
    """Without a session, a call of chats alone changes no membership."""
    ann, ben = await world.make_people(2)
    chat = (await world.call("create_chat", create(ann, []), Chat)).id
    request = JoinChat(user=ben.id, chat=chat, inviter=ann.id, key=new_id())
    with pytest.raises(Refusal) as refused:
        await world.call("join_chat", request, Done)
    assert refused.value.code == "unauthenticated"
    rename = RenameChat(user=ann.id, chat=chat, key=new_id(), chat_name="still there")
    await world.call("rename_chat", rename, Done)
    assert await participants(world, chat, ann) == [ann.id]
