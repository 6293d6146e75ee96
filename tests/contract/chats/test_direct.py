"""Direct chats: one per pair, unchangeable, and what is left of one when an account is deleted."""

import asyncio
from typing import Any

import msgspec
import psycopg
import pytest

from common.protocol.chats import (
    AddParticipants,
    Chat,
    ChatPage,
    Done,
    GetChat,
    GetMessages,
    JoinChat,
    ListChats,
    MessagePage,
    RemoveParticipant,
    RenameChat,
)
from common.protocol.direct import DirectChat, DirectChats, EndAccount, OpenDirectChat
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, EditItem, MessageStored, ReactItem
from common.protocol.own import Marker, MoveMarker
from tests.contract.chats.conftest import Person, Stage, World, code_of, new_message
from tests.contract.chats.test_chats import delete

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 20


def opening(person: Person, other: str, key: str = "") -> OpenDirectChat:
    return OpenDirectChat(user=person.id, session=person.session, key=key or new_id(), other=other)


async def open_chat(world: World, person: Person, other: Person) -> str:
    opened = await world.call("open_direct_chat", opening(person, other.id), DirectChat)
    return opened.chat.id


async def test_both_see_the_same(world: World) -> None:
    """It has no name and no owner; participants are in the order of creation; the next one who asks
    gets the same chat."""
    ann, bob = await world.make_people(2)
    made = await world.call("open_direct_chat", opening(ann, bob.id), DirectChat)
    found = await world.call("open_direct_chat", opening(bob, ann.id), DirectChat, replica=1)
    assert (made.is_new, found.is_new) == (True, False)
    chat = made.chat
    assert (chat.kind, chat.chat_name, chat.owner, chat.seq) == ("direct", "", None, 1)
    assert (chat.participants, chat.participant_count) == ([ann.id, bob.id], 2)
    assert found.chat == chat
    for person in (ann, bob):
        assert await world.call("get_chat", GetChat(user=person.id, chat=chat.id), Chat) == chat
        listed = ListChats(user=person.id, before=None, limit=10)
        assert (await world.call("list_chats", listed, ChatPage)).chats == [chat]
        await world.until_memberships_are(person, {chat.id})
    [event] = await world.read_events(chat.id, bob)
    assert event == {
        "type": "chat.created", "chat": chat.id, "seq": 1, "at": event["at"], "by": ann.id,
        "chatName": "", "participants": chat.participants, "participantCount": 2, "owner": None,
        "kind": "direct",
    }  # fmt: skip


async def test_one_chat_a_pair_whatever_happens(world: World) -> None:
    """Both users call at once on two replicas: one call creates it, in both databases."""
    ann, bob = await world.make_people(2)
    calls = [
        world.call("open_direct_chat", opening(person, other.id), DirectChat, replica=n % 2)
        for n in range(AT_ONCE)
        for person, other in ((ann, bob), (bob, ann))
    ]
    opened = await asyncio.gather(*calls)
    assert len({one.chat.id for one in opened}) == 1
    assert [one.is_new for one in opened].count(True) == 1
    for person in (ann, bob):
        await world.until_memberships_are(person, {opened[0].chat.id})


async def test_a_repeat_gets_the_first_result(world: World) -> None:
    """A repeat by the creator reports the creation again."""
    ann, bob = await world.make_people(2)
    request = opening(ann, bob.id)
    for replica in (0, 1):
        opened = await world.call("open_direct_chat", request, DirectChat, replica=replica)
        assert opened.is_new


async def test_not_with_oneself_or_nobody(world: World) -> None:
    """And nothing is stored."""
    ann = await world.make_person()
    for other, code in ((ann.id, "invalid_request"), (new_id(), "not_found")):
        with pytest.raises(Refusal, match=code):
            await world.call("open_direct_chat", opening(ann, other), DirectChat)
    listed = ListChats(user=ann.id, before=None, limit=10)
    assert (await world.call("list_chats", listed, ChatPage)).chats == []
    assert await world.chats_in_users(ann) == []


async def test_it_never_changes(world: World) -> None:
    """Neither of the two may rename it, delete it, add, remove or leave; other users get
    not_found."""
    ann, bob, cid = await world.make_people(3)
    chat = await open_chat(world, ann, bob)

    def changes(person: Person) -> dict[str, Any]:
        who: dict[str, Any] = {"user": person.id, "chat": chat, "key": new_id()}
        session = {"session": person.session}
        return {
            "rename_chat": RenameChat(**who, chat_name="N"),
            "delete_chat": delete(person, chat),
            "add_participants": AddParticipants(**who, **session, users=[cid.id]),
            "remove_participant": RemoveParticipant(**who, **session, participant=bob.id),
            "join_chat": JoinChat(user=cid.id, chat=chat, inviter=person.id, key=new_id()),
        }

    for person, code in ((ann, "forbidden"), (bob, "forbidden"), (cid, "not_found")):
        for call, request in changes(person).items():
            with pytest.raises(Refusal, match=code):
                await world.call(call, request, Done)
    topic = RenameChat(user=ann.id, chat=chat, key=new_id(), topic="T")
    with pytest.raises(Refusal, match="forbidden"):
        await world.call("rename_chat", topic, Done)
    assert len(await world.read_events(chat, bob)) == 1


async def test_messages_are_as_in_any_chat(world: World) -> None:
    """Counted, read, edited, reacted to; only its sender can delete one, since there is no
    owner."""
    ann, bob = await world.make_people(2)
    chat = await open_chat(world, ann, bob)
    sent, _ = await world.send(new_message(chat, ann, mentions=[bob.id]), new_message(chat, bob))
    about: dict[str, Any] = {"chat": chat, "message_id": sent.message_id}
    edit = EditItem(user=ann.id, key=new_id(), message="hello you", **about)
    react = ReactItem(user=bob.id, emoji="👍", **about)
    theirs = DeleteItem(user=bob.id, key=new_id(), **about)
    results = await world.append(edit, react, theirs)
    assert [code_of(result) for result in results] == ["", "", "forbidden"]
    shown = await world.call("get_chat", GetChat(user=bob.id, chat=chat), Chat)
    assert isinstance(shown.mine, msgspec.Struct)
    assert (shown.mine.unread, shown.mine.mentions) == (1, 1)
    read = MoveMarker(user=bob.id, chat=chat, seq=shown.seq, back=False)
    assert (await world.call("move_marker", read, Marker)).read == shown.seq
    own = DeleteItem(user=ann.id, key=new_id(), **about)
    assert [code_of(result) for result in await world.append(own)] == [""]


async def test_the_chat_of_an_ended_account_stays(stage: Stage, world: World) -> None:
    """The other user can read it and delete their messages, but not send new ones; repeats return
    the first result. The private data of the deleted account is gone."""
    ann, bob, cid = await world.make_people(3)
    chat, other = await open_chat(world, ann, bob), await open_chat(world, cid, bob)
    first = new_message(chat, bob, "before")
    [sent] = await world.send(first)
    read = MoveMarker(user=ann.id, chat=chat, seq=sent.seq, back=False)
    await world.call("move_marker", read, Marker)
    for _ in range(2):
        kept = await world.call("end_account", EndAccount(user=ann.id), DirectChats)
        assert kept.chats == [chat]
    with psycopg.connect(stage.chats_database_url) as connection:
        own = connection.execute("SELECT count(*) FROM own_chats WHERE member = %s", (ann.id,))
        assert own.fetchone() == (0,)
    reply = new_message(chat, bob, reply_to=sent.message_id)
    mention = new_message(chat, bob, mentions=[ann.id])
    batch = [first, new_message(chat, bob), reply, mention, new_message(chat, cid)]
    codes = ["", "forbidden", "forbidden", "forbidden", "not_found"]
    assert [code_of(result) for result in await world.append(*batch)] == codes
    plain = [first, batch[1], batch[4], new_message(other, bob)]
    assert [code_of(r) for r in await world.append(*plain)] == ["", "forbidden", "not_found", ""]
    page = GetMessages(user=bob.id, chat=chat, before=None, limit=10)
    assert len((await world.call("get_messages", page, MessagePage)).messages) == 1
    gone = DeleteItem(chat=chat, user=bob.id, key=new_id(), message_id=sent.message_id)
    assert [code_of(result) for result in await world.append(gone)] == [""]
    opened = await world.call("open_direct_chat", opening(bob, ann.id), DirectChat)
    assert (opened.chat.id, opened.is_new) == (chat, False)


async def test_a_send_beside_the_end_is_stored_or_refused(world: World) -> None:
    """What was answered before the account was deleted in chats stays; nothing is stored after
    that."""
    ann, bob = await world.make_people(2)
    chat = await open_chat(world, ann, bob)
    sends = [world.append(new_message(chat, bob), replica=n % 2) for n in range(20)]
    end = world.call("end_account", EndAccount(user=ann.id), DirectChats)
    results, _ = await asyncio.gather(asyncio.gather(*sends), end)
    stored = [one for [one] in results if isinstance(one, MessageStored)]
    assert {code_of(one) for [one] in results} <= {"", "forbidden"}
    assert len(await world.read_events(chat, bob)) == 1 + len(stored)
    assert [code_of(r) for r in await world.append(new_message(chat, bob))] == ["forbidden"]
