"""Chats: creating, renaming, deleting, listing, and the events of each."""

import asyncio

import msgspec
import pytest
from msgspec import UNSET

from common.protocol.chats import (
    AddParticipants,
    Chat,
    ChatPage,
    CreateChat,
    DeleteChat,
    Done,
    GetChat,
    GetMessages,
    ListChats,
    MessagePage,
    RenameChat,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, World, code_of, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


def create(owner: Person, participants: list[str], key: str = "", name: str = "N") -> CreateChat:
    return CreateChat(
        user=owner.id,
        session=owner.session,
        key=key or new_id(),
        chat_name=name,
        participants=participants,
    )


def delete(person: Person, chat: str, key: str = "") -> DeleteChat:
    return DeleteChat(user=person.id, session=person.session, chat=chat, key=key or new_id())


def rename(person: Person, chat: str, name: str) -> RenameChat:
    return RenameChat(user=person.id, chat=chat, key=new_id(), chat_name=name)


async def test_participants_keep_their_order(world: World) -> None:
    """Duplicates collapse; the creator is appended if absent, and is the owner."""
    ann, bob, cid = await world.make_people(3)
    chat = await world.call("create_chat", create(ann, [cid.id, bob.id, cid.id]), Chat)
    assert chat.participants == [cid.id, bob.id, ann.id]
    assert (chat.owner, chat.participant_count, chat.seq) == (ann.id, 3, 1)
    assert await world.call("get_chat", GetChat(user=bob.id, chat=chat.id), Chat) == chat
    [event] = await world.read_events(chat.id, bob)
    assert event == {
        "type": "chat.created",
        "chat": chat.id,
        "seq": 1,
        "at": event["at"],
        "by": ann.id,
        "chatName": "N",
        "participants": chat.participants,
        "participantCount": 3,
        "owner": ann.id,
        "kind": "group",
    }


async def test_topic_stays_until_it_is_taken_away(world: World) -> None:
    """The chat has it, and so do events that show the chat and the snapshots of later
    participants."""
    ann, bob = await world.make_people(2)
    chat = await world.call("create_chat", create(ann, []), Chat)
    for fields in ({"topic": "T"}, {"chat_name": "M"}):
        request = RenameChat(user=ann.id, chat=chat.id, key=new_id(), **fields)
        await world.call("rename_chat", request, Done)
    shown = await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
    assert (shown.chat_name, shown.topic) == ("M", "T")
    added = AddParticipants(
        user=ann.id, session=ann.session, chat=chat.id, key=new_id(), users=[bob.id]
    )
    await world.call("add_participants", added, Done)
    assert (await world.call("get_chat", GetChat(user=bob.id, chat=chat.id), Chat)).topic == "T"
    cleared = RenameChat(user=ann.id, chat=chat.id, key=new_id(), topic=None)
    await world.call("rename_chat", cleared, Done)
    shown = await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
    assert (shown.chat_name, shown.topic) == ("M", UNSET)
    events = await world.read_events(chat.id, ann)
    updates = [e for e in events if e["type"] == "chat.updated"]
    assert [(e["chatName"], e.get("topic")) for e in updates] == [
        ("N", "T"), ("M", "T"), ("M", None)
    ]  # fmt: skip


async def test_a_creator_in_the_list_stays_where_they_are(world: World) -> None:
    """The creator keeps their place in the list; an empty list creates a chat of one."""
    ann, bob = await world.make_people(2)
    chat = await world.call("create_chat", create(ann, [ann.id, bob.id]), Chat)
    assert chat.participants == [ann.id, bob.id]
    assert (await world.make_chat(ann)).participants == [ann.id]


async def test_unknown_participants_refuse_the_whole_chat(world: World) -> None:
    """The refusal lists the unknown ids, and neither service stores anything."""
    ann, bob = await world.make_people(2)
    ghosts = [new_id(), new_id()]
    with pytest.raises(Refusal) as refused:
        await world.call("create_chat", create(ann, [ghosts[0], bob.id, ghosts[1]]), Chat)
    assert refused.value.code == "unknown_user"
    assert [error["id"] for error in refused.value.errors or []] == ghosts
    page = await world.call("list_chats", ListChats(user=bob.id, before=None, limit=9), ChatPage)
    assert page.chats == []
    assert await world.chats_in_users(bob) == []


async def test_a_repeated_creation_is_one_chat(world: World) -> None:
    """The same key returns the first chat whatever the body, also for parallel calls on two
    replicas."""
    ann, bob = await world.make_people(2)
    key = new_id()
    chats = await asyncio.gather(
        *(
            world.call("create_chat", create(ann, [bob.id], key, f"N{n}"), Chat, n % 2)
            for n in range(10)
        )
    )
    assert len({msgspec.json.encode(chat) for chat in chats}) == 1
    page = await world.call("list_chats", ListChats(user=ann.id, before=None, limit=9), ChatPage)
    assert page.chats == [chats[0]]
    await world.until_memberships_are(bob, {chats[0].id})


async def test_a_rename_is_an_event_also_to_the_same_name(world: World) -> None:
    """The owner renames the chat; each rename is a chat.updated."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob, name="A")
    for name in ("B", "B"):
        await world.call("rename_chat", rename(ann, chat.id, name), Done)
    events = await world.read_events(chat.id, bob)
    assert [(e["type"], e["seq"], e["chatName"], e["owner"]) for e in events[1:]] == [
        ("chat.updated", 2, "B", ann.id),
        ("chat.updated", 3, "B", ann.id),
    ]
    shown = await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
    assert (shown.chat_name, shown.seq) == ("B", 3)


async def test_only_the_owner_renames_and_deletes(world: World) -> None:
    """A stranger gets 404, as for an unknown chat; another participant gets 403."""
    ann, bob, eve = await world.make_people(3)
    chat = await world.make_chat(ann, bob)
    for person, target, code in (
        (bob, chat.id, "forbidden"),
        (eve, chat.id, "not_found"),
        (ann, new_id(), "not_found"),
    ):
        with pytest.raises(Refusal, match=code):
            await world.call("rename_chat", rename(person, target, "X"), Done)
        with pytest.raises(Refusal, match=code):
            await world.call("delete_chat", delete(person, target), Done)
    assert len(await world.read_events(chat.id, ann)) == 1


async def test_a_deleted_chat_is_gone(world: World) -> None:
    """For everybody, in both services; a repeat of the deletion succeeds, another deletion is
    not_found."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    item = new_message(chat.id, ann)
    await world.send(item)
    first = delete(ann, chat.id)
    for _ in range(2):
        assert (await world.call("delete_chat", first, Done)).changed
    for call, request in (
        ("delete_chat", delete(ann, chat.id)),
        ("get_chat", GetChat(user=ann.id, chat=chat.id)),
        ("get_messages", GetMessages(user=ann.id, chat=chat.id, before=None, limit=1)),
    ):
        with pytest.raises(Refusal, match="not_found"):
            await world.call(call, request, Done)
    assert code_of((await world.append(item))[0]) == "not_found"
    for person in (ann, bob):
        await world.until_memberships_are(person, set())


async def test_chats_are_listed_newest_first(world: World) -> None:
    """Pages go backwards from `before`; `next` is present while there are more."""
    ann = await world.make_person()
    made = [(await world.make_chat(ann)).id for _ in range(5)]
    seen: list[str] = []
    before = None
    for size in (2, 2, 1):
        request = ListChats(user=ann.id, before=before, limit=2)
        page = await world.call("list_chats", request, ChatPage)
        assert len(page.chats) == size
        seen += [chat.id for chat in page.chats]
        before = page.next
    assert before is None
    assert seen == sorted(made, reverse=True)


async def test_messages_are_paged_backwards(world: World) -> None:
    """Messages only, newest first, below `before`; `more` is exact."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.send(*(new_message(chat.id, ann, str(n)) for n in range(2)))
    await world.call("rename_chat", rename(ann, chat.id, "X"), Done)
    await world.send(new_message(chat.id, ann, "2"))

    async def page(before: int | None, limit: int) -> tuple[list[str], bool]:
        request = GetMessages(user=ann.id, chat=chat.id, before=before, limit=limit)
        answer = await world.call("get_messages", request, MessagePage)
        return [msgspec.json.decode(raw)["message"] for raw in answer.messages], answer.more

    assert await page(None, 2) == (["2", "1"], True)
    assert await page(None, 3) == (["2", "1", "0"], False)
    assert await page(5, 100) == (["1", "0"], False)
    assert await page(2, 1) == ([], False)


async def test_a_session_that_has_ended_changes_nothing(world: World) -> None:
    """users verifies the session of each user who creates or deletes a chat."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    ghost = Person(ann.id, new_id())
    with pytest.raises(Refusal, match="unauthenticated"):
        await world.call("create_chat", create(ghost, []), Chat)
    with pytest.raises(Refusal, match="unauthenticated"):
        await world.call("delete_chat", delete(ghost, chat.id), Done)
    assert len(await world.read_events(chat.id, ann)) == 1
