"""Participants: adding, removing, leaving, and who owns the chat after that."""

import asyncio
from asyncio import Event
from typing import Any

import psycopg
import pytest

from chats.membership import participants
from common.protocol.chats import (
    AddParticipants,
    Chat,
    DeleteChat,
    Done,
    GetChat,
    RemoveParticipant,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


def add(owner: Person, chat: str, *people: str, key: str = "") -> AddParticipants:
    return AddParticipants(
        user=owner.id, session=owner.session, chat=chat, key=key or new_id(), users=list(people)
    )


def remove(caller: Person, chat: str, person: Person) -> RemoveParticipant:
    return RemoveParticipant(
        user=caller.id, session=caller.session, chat=chat, key=new_id(), participant=person.id
    )


async def test_an_addition_is_one_event(world: World) -> None:
    """It lists the new participants, in the request's order; they see the whole history and can
    send."""
    ann, bob, cid, dan = await world.make_people(4)
    chat = await world.make_chat(ann, bob)
    request = add(ann, chat.id, dan.id, bob.id, cid.id, dan.id)
    assert (await world.call("add_participants", request, Done)).changed
    shown = await world.call("get_chat", GetChat(user=dan.id, chat=chat.id), Chat)
    assert shown.participants == [bob.id, ann.id, dan.id, cid.id]
    assert shown.participant_count == 4
    created, added = await world.read_events(chat.id, cid)
    assert created["participantCount"] == 2
    assert added == {
        "type": "participant.added",
        "chat": chat.id,
        "seq": 2,
        "at": added["at"],
        "by": ann.id,
        "users": [dan.id, cid.id],
    }
    assert (await world.send(new_message(chat.id, cid)))[0].seq == 3
    for person in (cid, dan):
        await world.until_memberships_are(person, {chat.id})


async def test_adding_who_is_in_changes_nothing(world: World) -> None:
    """No event, and the answer says so; the first result is kept for its key."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    request = add(ann, chat.id, bob.id, ann.id)
    assert not (await world.call("add_participants", request, Done)).changed
    await world.call("remove_participant", remove(ann, chat.id, bob), Done)
    assert not (await world.call("add_participants", request, Done)).changed
    assert len(await world.read_events(chat.id, ann)) == 2


async def test_a_repeated_addition_is_one_event(world: World) -> None:
    """The same key, in parallel on two replicas, also if the user has left since."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    request = add(ann, chat.id, bob.id)
    answers = await asyncio.gather(
        *(world.call("add_participants", request, Done, n % 2) for n in range(8))
    )
    assert all(answer.changed for answer in answers)
    await world.call("remove_participant", remove(bob, chat.id, bob), Done)
    assert (await world.call("add_participants", request, Done)).changed
    assert len(await world.read_events(chat.id, ann)) == 3


def wait_before_the_plan(monkeypatch: pytest.MonkeyPatch, read: str) -> tuple[Event, Event]:
    """Makes the first call of this reader of chats wait. Returns two events: it has arrived, and it
    may continue."""
    is_there, may_plan = Event(), Event()
    original = getattr(participants, read)

    async def wait_once(*arguments: Any) -> Any:
        if not is_there.is_set():
            is_there.set()
            await may_plan.wait()
        return await original(*arguments)

    monkeypatch.setattr(participants, read, wait_once)
    return is_there, may_plan


async def test_an_addition_that_another_replica_overtakes_is_answered_as_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other replica adds for the same key after the first has looked for a known result."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    is_there, may_plan = wait_before_the_plan(monkeypatch, "chat_for_owner")
    request = add(ann, chat.id, bob.id)
    overtaken = asyncio.create_task(world.call("add_participants", request, Done, 0))
    await is_there.wait()
    assert (await world.call("add_participants", request, Done, 1)).changed
    may_plan.set()
    assert (await overtaken).changed


async def test_a_removal_that_another_replica_overtakes_is_answered_as_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first request would get `not_found`, since there is no one left to remove."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    is_there, may_plan = wait_before_the_plan(monkeypatch, "chat_for_participant")
    request = remove(bob, chat.id, bob)
    overtaken = asyncio.create_task(world.call("remove_participant", request, Done, 0))
    await is_there.wait()
    assert (await world.call("remove_participant", request, Done, 1)).changed
    may_plan.set()
    assert (await overtaken).changed


async def test_unknown_people_refuse_the_whole_addition(world: World) -> None:
    """But 404 and 403 come first, and nobody is added."""
    ann, bob, eve = await world.make_people(3)
    chat = await world.make_chat(ann, bob)
    ghost = new_id()
    for caller, code in ((eve, "not_found"), (bob, "forbidden"), (ann, "unknown_user")):
        with pytest.raises(Refusal, match=code):
            await world.call("add_participants", add(caller, chat.id, eve.id, ghost), Done)
    assert len(await world.read_events(chat.id, ann)) == 1
    assert await world.chats_in_users(eve) == []


async def test_a_removal_names_the_owner_after_it(world: World) -> None:
    """The owner removes anyone; a user who was removed and added again sees the whole history."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    await world.call("remove_participant", remove(ann, chat.id, bob), Done)
    removed = (await world.read_events(chat.id, ann))[1]
    assert removed == {
        "type": "participant.removed",
        "chat": chat.id,
        "seq": 2,
        "at": removed["at"],
        "by": ann.id,
        "users": [bob.id],
        "owner": ann.id,
    }
    await world.until_memberships_are(bob, set())
    await world.call("add_participants", add(ann, chat.id, bob.id), Done)
    assert len(await world.read_events(chat.id, bob)) == 3


async def test_who_may_remove_whom(world: World) -> None:
    """Not a participant: 404, checked before 403 for a participant who removes another one."""
    ann, bob, cid, eve = await world.make_people(4)
    chat = await world.make_chat(ann, bob, cid)
    for caller, person, code in (
        (eve, bob, "not_found"),
        (bob, eve, "not_found"),
        (ann, eve, "not_found"),
        (bob, cid, "forbidden"),
        (bob, ann, "forbidden"),
    ):
        with pytest.raises(Refusal, match=code):
            await world.call("remove_participant", remove(caller, chat.id, person), Done)
    await world.call("remove_participant", remove(bob, chat.id, bob), Done)
    with pytest.raises(Refusal, match="not_found"):
        await world.call("remove_participant", remove(bob, chat.id, bob), Done)


async def test_ownership_passes_to_the_longest_standing(world: World) -> None:
    """The first of `participants` owns the chat when the owner leaves; later ones are appended."""
    ann, bob, cid = await world.make_people(3)
    chat = await world.make_chat(ann, bob)
    await world.call("add_participants", add(ann, chat.id, cid.id), Done)
    await world.call("remove_participant", remove(ann, chat.id, ann), Done)
    assert (await world.read_events(chat.id, bob))[-1]["owner"] == bob.id
    await world.call("add_participants", add(bob, chat.id, ann.id), Done)
    await world.call("remove_participant", remove(bob, chat.id, bob), Done)
    shown = await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
    assert (shown.owner, shown.participants) == (cid.id, [cid.id, ann.id])


async def test_the_last_one_out_deletes_the_chat(stage: Stage, world: World) -> None:
    """It is one event, chat.deleted, and nobody has the chat any more."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.call("remove_participant", remove(ann, chat.id, ann), Done)
    with pytest.raises(Refusal, match="not_found"):
        await world.read_events(chat.id, ann)
    await world.until_memberships_are(ann, set())
    with psycopg.connect(stage.chats_database_url) as connection:
        query = "SELECT kind FROM log WHERE chat = %s ORDER BY seq"
        log = connection.execute(query, (chat.id,)).fetchall()
    assert log == [("chat.created",), ("chat.deleted",)]


async def test_a_chat_holds_ten_thousand(stage: Stage, world: World) -> None:
    """The 10,000th is added, the next one refused; lists are cut at 1,000, counts are not."""
    ann, bob, cid = await world.make_people(3)
    chat = await world.make_chat(ann)
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO participants SELECT %s, gen_random_uuid(), 1 + n"
            " FROM generate_series(1, 9998) n",
            (chat.id,),
        )
        connection.execute("UPDATE chats SET participant_count = 9999 WHERE id = %s", (chat.id,))
    await world.call("add_participants", add(ann, chat.id, bob.id), Done)
    with pytest.raises(Refusal, match="invalid_request"):
        await world.call("add_participants", add(ann, chat.id, cid.id), Done)
    shown = await world.call("get_chat", GetChat(user=bob.id, chat=chat.id), Chat)
    assert (len(shown.participants), shown.participant_count) == (1_000, 10_000)


async def test_parallel_changes_of_one_chat_are_serial(world: World) -> None:
    """Many calls change one chat at once on two replicas: each change is one event, memberships and
    participants agree."""
    ann, *others = await world.make_people(9)
    chat = await world.make_chat(ann)
    await asyncio.gather(
        *(
            world.call("add_participants", add(ann, chat.id, person.id), Done, n % 2)
            for n, person in enumerate(others)
        )
    )
    leaving = others[::2]
    await asyncio.gather(
        *(
            world.call("remove_participant", remove(person, chat.id, person), Done, n % 2)
            for n, person in enumerate(leaving)
        )
    )
    shown = await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
    assert set(shown.participants) == {ann.id, *(p.id for p in others[1::2])}
    events = await world.read_events(chat.id, ann)
    assert [event["seq"] for event in events] == list(range(1, 14))
    for person in others:
        expected = set() if person in leaving else {chat.id}
        await world.until_memberships_are(person, expected)


async def test_deletion_against_addition_is_serialisable(world: World) -> None:
    """Deleting a chat while a user is added: both orders are possible, and nothing in between."""
    ann, *others = await world.make_people(5)
    for person in others:
        chat = await world.make_chat(ann)
        deletion = DeleteChat(user=ann.id, session=ann.session, chat=chat.id, key=new_id())
        answers = await asyncio.gather(
            world.call("delete_chat", deletion, Done),
            world.call("add_participants", add(ann, chat.id, person.id), Done, 1),
            return_exceptions=True,
        )
        assert isinstance(answers[0], Done)
        assert isinstance(answers[1], Done) or getattr(answers[1], "code", "") == "not_found"
        await world.until_memberships_are(person, set())
        await world.until_memberships_are(ann, set())
