"""Changes over both databases if one side dies in the middle; the model in tests/properties covers
all interleavings, this uses the real servers.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import psycopg
import pytest
import pytest_asyncio

from chats.log.encoding import UNSTAMPED, draft_event
from chats.membership.chats import CHANGED
from chats.store.changes import (
    Aborted,
    Change,
    Moved,
    Repeated,
    ResultKey,
    TooOld,
    begin_attempt,
    commit_change,
)
from chats.store.decisions import decide
from common.database.pool import Pool, create_pool
from common.protocol.chats import (
    AddParticipants,
    Chat,
    CreateChat,
    DecisionAnswer,
    DecisionRequest,
    Done,
    ForgetDecisions,
    GetChat,
)
from common.protocol.errors import Refusal
from common.protocol.events import ParticipantAdded
from common.protocol.ids import new_id
from common.protocol.users import Empty, PrepareMemberships
from tests.contract.chats.conftest import Person, Stage, World, running_world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(stage: Stage, world: World) -> AsyncIterator[Pool]:
    """A coordinator's pool, for tests that act as the coordinator."""
    async with create_pool(stage.chats_database_url, size=4) as pool:
        yield pool


def addition(chat: Chat, person: Person, version: int = 1) -> Change:
    assert chat.owner is not None
    event = ParticipantAdded(chat=chat.id, by=chat.owner, users=[person.id], **UNSTAMPED)
    return Change(
        chat=chat.id,
        version=version,
        name=chat.chat_name,
        owner=chat.owner,
        topic=None,
        kind="participant.added",
        by=chat.owner,
        draft=draft_event(event),
        controls=None,
        joining=(person.id,),
    )


async def commit(
    pool: Pool, change: Change, transaction: str, *, key: str = "", began: datetime | None = None
) -> None:
    result_key = ResultKey(change.by, f"add_participants {change.chat}", key or new_id())
    attempt = await begin_attempt(pool, result_key)
    await commit_change(
        pool,
        change,
        result_key,
        CHANGED,
        transaction=transaction,
        began=began or attempt.began,
        max_age_seconds=20,
    )


async def prepare(world: World, chat: Chat, owner: Person, person: Person) -> str:
    """Returns the id of a transaction that users has prepared."""
    transaction = new_id()
    request = PrepareMemberships(
        transaction=transaction,
        user=owner.id,
        session=owner.session,
        chat=chat.id,
        add=[person.id],
        remove=[],
        remove_all=False,
    )
    await world.call_users("prepare", request, Empty)
    return transaction


async def decide_commit_and_die(pool: Pool) -> None:
    """The state left by a coordinator that dies after users has finished."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO decisions VALUES (gen_random_uuid(), true, now() - interval '11 seconds')"
        )


async def until_added(world: World, request: AddParticipants) -> None:
    """Repeats the call with its key, as clients do, while it is refused as unavailable: on a busy
    machine the resolver, which it waits for, may run only after the call's timeout."""
    async with asyncio.timeout(30):
        while True:
            try:
                await world.call("add_participants", request, Done)
                return
            except Refusal as refusal:
                if refusal.code != "unavailable":
                    raise


async def test_a_coordinator_that_dies_before_its_commit_leaves_nothing(
    world: World, pool: Pool
) -> None:
    """users' resolver asks, which writes an abort; the dead coordinator's commit would fail; the
    chat can be changed again."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    transaction = await prepare(world, chat, ann, bob)
    again = AddParticipants(
        user=ann.id, session=ann.session, chat=chat.id, key=new_id(), users=[bob.id]
    )
    await until_added(world, again)
    assert not await decide(pool, transaction)
    with pytest.raises(Aborted):
        await commit(pool, addition(chat, bob, version=2), transaction)
    await world.until_memberships_are(bob, {chat.id})
    assert len(await world.read_events(chat.id, ann)) == 2


async def test_a_coordinator_that_dies_after_its_commit_is_followed(
    stage: Stage, world: World, pool: Pool
) -> None:
    """users' resolver commits what chats has decided, and the decision is dropped."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    transaction = await prepare(world, chat, ann, bob)
    await commit(pool, addition(chat, bob), transaction)
    shown = await world.call("get_chat", GetChat(user=bob.id, chat=chat.id), Chat)
    assert shown.participant_count == 2
    await world.until_memberships_are(bob, {chat.id})
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        query = "SELECT count(*) FROM decisions WHERE transaction = %s"
        async with asyncio.timeout(30):
            while connection.execute(query, (transaction,)).fetchone() != (0,):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_what_may_not_be_committed_is_not(world: World, pool: Pool) -> None:
    """Another version of the chat, a transaction that began too long ago, a known key, a decision
    that already exists: nothing of any of them is stored."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    change, key, transaction = addition(chat, bob), new_id(), new_id()
    result_key = ResultKey(ann.id, f"add_participants {chat.id}", key)
    began = (await begin_attempt(pool, result_key)).began
    with pytest.raises(Moved):
        await commit(pool, change._replace(version=2), transaction)
    with pytest.raises(TooOld):
        await commit(pool, change, transaction, began=began - timedelta(seconds=21))
    assert len(await world.read_events(chat.id, ann)) == 1
    await commit(pool, change, transaction, key=key)
    assert await decide(pool, transaction)
    later = change._replace(version=2, joining=(new_id(),))
    with pytest.raises(Repeated):
        await commit(pool, later, new_id(), key=key)
    with pytest.raises(Aborted):
        await commit(pool, later, transaction)
    assert len(await world.read_events(chat.id, ann)) == 2


async def test_asking_decides(world: World) -> None:
    """The first to ask about an undecided transaction aborts it for all; an abort is not
    forgotten."""
    transaction = new_id()
    request = DecisionRequest(transaction=transaction)
    answers = await asyncio.gather(
        *(world.call("decide", request, DecisionAnswer, n % 2) for n in range(6))
    )
    assert {answer.decision for answer in answers} == {"abort"}
    await world.call("forget", ForgetDecisions(transactions=[transaction]), Done)
    assert (await world.call("decide", request, DecisionAnswer)).decision == "abort"


async def test_decisions_of_finished_commits_are_dropped(
    stage: Stage, world: World, pool: Pool
) -> None:
    """Once users has acknowledged, chats keeps no row; if the coordinator died in between, it drops
    the row a little later."""
    await decide_commit_and_die(pool)
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    await world.until_memberships_are(bob, {chat.id})
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        async with asyncio.timeout(30):
            query = "SELECT count(*) FROM decisions WHERE committed"
            while connection.execute(query).fetchone() != (0,):  # noqa: ASYNC110 - polls a server
                await asyncio.sleep(0.05)


async def test_without_users_nothing_changes_and_sends_go_on(stage: Stage, world: World) -> None:
    """A change and its repeats are refused as unavailable; messages need only chats."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    apart = stage._replace(topic_prefix="apart:")  # else it would find users by its lease
    async with running_world(apart, replicas=1, with_users=False) as lonely:
        request = CreateChat(
            user=ann.id, session=ann.session, key=new_id(), chat_name="N", participants=[]
        )
        with pytest.raises(Refusal, match="unavailable"):
            await lonely.call("create_chat", request, Chat)
        assert len(await lonely.read_events(chat.id, ann)) == 1
    made = await world.call("create_chat", request, Chat)
    await world.until_memberships_are(ann, {chat.id, made.id})
