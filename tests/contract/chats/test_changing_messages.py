"""Edits, deletions, reactions, replies and mentions: checked under the chat's lock, in batches."""

import asyncio
from typing import Any

import msgspec
import psycopg
import pytest

from common.protocol.chats import (
    Done,
    GetMessage,
    OneMessage,
    RemoveParticipant,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.items import (
    AnyItem,
    ChangeStored,
    MessageStored,
    Refused,
)
from common.protocol.limits import MAX_EDITS_A_MESSAGE
from tests.contract.chats.conftest import Person, Stage, World, code_of, new_message
from tests.contract.chats.scene import HEART, THUMB, make_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_edit_is_an_event_and_history_shows_it(world: World) -> None:
    """The sender changes the text; seq, time and all other fields of the message stay the same."""
    scene = await make_scene(world)
    ann, _ = scene.people
    before = await scene.current()
    edited = await scene.append(scene.edit(ann, "hé\n"))
    assert isinstance(edited, MessageStored)
    assert (edited.seq, edited.message, edited.message_id) == (3, "hé\n", scene.message)
    assert (await scene.events())[-1] == {
        "type": "message.edited", "chat": scene.id, "seq": 3, "at": edited.at, "by": ann.id,
        "messageId": scene.message, "of": 2, "message": "hé\n",
    }  # fmt: skip
    page = await scene.history()
    assert page["seq"] == 3
    assert page["messages"] == [{**before, "message": "hé\n", "editedAt": edited.at}]


async def test_the_same_text_is_no_event(world: World) -> None:
    """An edit that changes nothing returns the seq of the message, or of its last edit."""
    scene = await make_scene(world)
    ann, _ = scene.people
    unchanged = await scene.append(scene.edit(ann, "hello"))
    assert isinstance(unchanged, MessageStored)
    assert (unchanged.seq, unchanged.is_new) == (2, False)
    edited = await scene.append(scene.edit(ann, "hi"))
    again = await scene.append(scene.edit(ann, "hi"))
    assert isinstance(edited, MessageStored)
    assert again == msgspec.structs.replace(edited, is_new=False)
    assert len(await scene.events()) == 3


async def test_an_edits_key_is_its_first_result(world: World) -> None:
    """A repeat with the same key returns the first result, whatever its text and on any replica,
    even if the first changed nothing; after the message's deletion it finds nothing."""
    scene = await make_scene(world)
    ann, _ = scene.people
    nothing, key = new_id(), new_id()
    unchanged = await scene.append(scene.edit(ann, "hello", nothing))
    first = await scene.append(scene.edit(ann, "one", key))
    later = await scene.append(scene.edit(ann, "two"))
    assert isinstance(first, MessageStored)
    assert isinstance(later, MessageStored)
    for _ in range(2):
        repeated = await scene.append(scene.edit(ann, "three", key), replica=1)
        assert repeated == msgspec.structs.replace(first, is_new=False)
    assert await scene.append(scene.edit(ann, "hello", nothing)) == unchanged
    assert (await scene.current())["message"] == "two"
    await scene.append(scene.delete(ann))
    assert code_of(await scene.append(scene.edit(ann, "three", key))) == "not_found"


async def test_who_may_edit_and_delete(world: World) -> None:
    """Only the sender may edit a message; the owner of the chat may delete it too. Users who are
    not participants get not_found, and so does everybody for a message of another chat."""
    scene = await make_scene(world, people=3)
    owner, bob, cid = scene.people
    [eve] = await world.make_people(1)
    other = await make_scene(world)
    [of_bob] = await world.send(new_message(scene.id, bob, "bob's"))
    codes: dict[str, AnyItem] = {
        "edit": scene.edit(bob, "x"),
        "owner edits": scene.edit(owner, "x", of=of_bob.message_id),
        "delete": scene.delete(bob),
        "stranger": scene.edit(eve, "x"),
        "stranger reacts": scene.react(eve),
        "elsewhere": scene.edit(owner, "x", of=other.message),
        "nowhere": scene.delete(owner, of=new_id()),
        "malformed": scene.react(owner, of="x"),
        "bad emoji first": scene.react(owner, "x", of="x"),
    }
    results = await world.append(*codes.values())
    assert dict(zip(codes, map(code_of, results), strict=True)) == {
        "edit": "forbidden", "owner edits": "forbidden", "delete": "forbidden",
        "stranger": "not_found", "stranger reacts": "not_found", "elsewhere": "not_found",
        "nowhere": "not_found", "malformed": "not_found", "bad emoji first": "invalid_request",
    }  # fmt: skip
    assert len(await scene.events()) == 3
    assert code_of(await scene.append(scene.delete(owner, of=of_bob.message_id))) == ""
    removal = RemoveParticipant(
        user=cid.id, session=cid.session, chat=scene.id, key=new_id(), participant=cid.id
    )
    await world.call("remove_participant", removal, Done)
    assert code_of(await scene.append(scene.react(cid))) == "not_found"


async def test_a_deleted_message_is_nowhere(stage: Stage, world: World) -> None:
    """Its text and the texts of its edits, including mentions, are gone from every table and every
    answer; its place stays, and a repeat of its send has no text."""
    key = new_id()
    scene = await make_scene(world, text="secret one", key=key, mentions=[])
    ann, bob = scene.people
    await scene.append(scene.edit(ann, "secret two", mentions=[bob.id]))
    await scene.append(scene.react(bob))
    [reply] = await world.send(new_message(scene.id, bob, "re", reply_to=scene.message))
    deleted = await scene.append(scene.delete(ann))
    assert deleted == ChangeStored(is_new=True)
    events = await scene.events()
    message, edit = events[1], events[2]
    assert (message["message"], message["deleted"], message["clientId"]) == ("", True, key)
    assert (edit["message"], edit["deleted"], edit["of"], "mentions" in edit) == (
        "",
        True,
        2,
        False,
    )
    assert events[5] == {
        "type": "message.deleted", "chat": scene.id, "seq": 6, "at": events[5]["at"],
        "by": ann.id, "messageId": scene.message, "of": 2,
    }  # fmt: skip
    assert await scene.current() == {
        "type": "message", "chat": scene.id, "seq": 2, "at": message["at"], "by": ann.id,
        "messageId": scene.message, "message": "", "deletedAt": events[5]["at"],
        "deletedBy": ann.id,
    }  # fmt: skip
    [again] = await world.send(new_message(scene.id, ann, "secret three", key))
    assert (again.message_id, again.seq, again.message) == (scene.message, 2, "")
    with pytest.raises(Refusal, match="not_found"):
        await world.call(
            "get_message", GetMessage(user=ann.id, chat=scene.id, message_id=scene.message), Done
        )
    refused = await world.append(
        scene.delete(ann), scene.edit(ann, "x"), scene.react(bob), scene.unreact(bob),
        new_message(scene.id, bob, "x", reply_to=scene.message),
    )  # fmt: skip
    assert [code_of(r) for r in refused] == ["not_found"] * 4 + ["invalid_request"]
    assert reply.seq == 5
    with psycopg.connect(stage.chats_database_url) as connection:
        for table in ("log", "changed_messages", "results", "outbox"):
            query = f"SELECT count(*) FROM {table} AS t WHERE t::text ~ encode('secret', 'hex')"  # noqa: S608
            query += " OR t::text ~ 'secret'"
            assert connection.execute(query.encode()).fetchone() == (0,), table


async def test_a_deletion_that_is_tried_again_is_one(world: World) -> None:
    """Within one request, items with the same key are the same deletion."""
    scene = await make_scene(world)
    ann, _ = scene.people
    key = new_id()
    for replica in (0, 1):
        assert code_of(await scene.append(scene.delete(ann, key), replica=replica)) == ""
    assert len(await scene.events()) == 3


async def test_reactions_are_in_history(world: World) -> None:
    """Emoji in the order of their first use, in one normalised spelling; users in the order in
    which they reacted."""
    scene = await make_scene(world)
    ann, bob = scene.people
    results = await world.append(
        scene.react(bob, "❤"), scene.react(bob), scene.react(ann), scene.react(ann, HEART),
        scene.react(bob), scene.unreact(ann, "👎"), scene.unreact(bob, HEART),
    )  # fmt: skip
    assert isinstance(results[5], Refused)
    assert results == [
        *[ChangeStored(is_new=True)] * 4, ChangeStored(is_new=False),
        Refused(code="not_found", detail=results[5].detail), ChangeStored(is_new=True),
    ]  # fmt: skip
    events = await scene.events()
    assert [(e["type"], e["seq"], e["emoji"], e["by"]) for e in events[2:]] == [
        ("reaction.added", 3, HEART, bob.id), ("reaction.added", 4, THUMB, bob.id),
        ("reaction.added", 5, THUMB, ann.id), ("reaction.added", 6, HEART, ann.id),
        ("reaction.removed", 7, HEART, bob.id),
    ]  # fmt: skip
    assert (await scene.current())["reactions"] == [
        {"emoji": HEART, "count": 1, "users": [ann.id]},
        {"emoji": THUMB, "count": 2, "users": [bob.id, ann.id]},
    ]


async def test_a_removals_key_is_its_first_result(world: World) -> None:
    """Removing a reaction twice with one key removes it once."""
    scene = await make_scene(world)
    ann, _ = scene.people
    key = new_id()
    await scene.append(scene.react(ann))
    assert await scene.append(scene.unreact(ann, key=key)) == ChangeStored(is_new=True)
    assert await scene.append(scene.unreact(ann, key=key)) == ChangeStored(is_new=False)
    assert code_of(await scene.append(scene.unreact(ann))) == "not_found"


async def test_a_message_has_at_most_twenty_emoji(world: World) -> None:
    """The twenty-first different emoji is refused; those already there can still be used."""
    scene = await make_scene(world)
    ann, bob = scene.people
    emoji = [chr(0x1F600 + n) for n in range(21)]
    results = await world.append(*(scene.react(ann, one) for one in emoji))
    assert [code_of(result) for result in results] == [""] * 20 + ["invalid_request"]
    assert code_of(await scene.append(scene.react(bob, emoji[0]))) == ""
    await scene.append(scene.unreact(ann, emoji[5]))
    assert code_of(await scene.append(scene.react(bob, emoji[20]))) == ""


async def test_a_message_takes_so_many_edits(world: World) -> None:
    """One edit above the maximum is refused, unless it changes nothing; the message can still be
    deleted."""
    scene = await make_scene(world)
    ann, _ = scene.people
    edits = [scene.edit(ann, f"{number}") for number in range(MAX_EDITS_A_MESSAGE + 1)]
    half = len(edits) // 2
    results = await world.append(*edits[:half]) + await world.append(*edits[half:])
    assert [code_of(result) for result in results[-2:]] == ["", "invalid_request"]
    assert code_of(await scene.append(scene.edit(ann, f"{MAX_EDITS_A_MESSAGE - 1}"))) == ""
    assert code_of(await scene.append(scene.delete(ann))) == ""
    last = (await scene.events())[-1]
    assert (last["type"], last["seq"]) == ("message.deleted", MAX_EDITS_A_MESSAGE + 3)


async def test_a_reply_names_a_message_of_the_chat(world: World) -> None:
    """Participants cannot reply to a message that is unknown, deleted or in another chat; a repeat
    is not checked again."""
    scene, other = await make_scene(world), await make_scene(world)
    ann, bob = scene.people
    [eve] = await world.make_people(1)
    item = new_message(scene.id, bob, "re", reply_to=scene.message)
    [reply] = await world.send(item)
    assert (await scene.events())[-1]["replyTo"] == scene.message
    await scene.append(scene.delete(ann))
    results = await world.append(
        new_message(scene.id, bob, "x", reply_to=scene.message),
        new_message(scene.id, bob, "x", reply_to=other.message),
        new_message(scene.id, bob, "x", reply_to=new_id()),
        new_message(scene.id, eve, "x", reply_to=scene.message),
        new_message(scene.id, bob, "x", reply_to="x"),
    )
    assert [code_of(result) for result in results] == [
        "invalid_request", "invalid_request", "invalid_request", "not_found", "invalid_request"
    ]  # fmt: skip
    assert await world.send(item) == [msgspec.structs.replace(reply, is_new=False)]


async def test_mentions_are_those_who_take_part(world: World) -> None:
    """Other users are left out, duplicates collapse, the order stays; an edit without mentions
    keeps them, one with a list replaces them."""
    scene = await make_scene(world, people=3)
    ann, bob, cid = scene.people
    [eve] = await world.make_people(1)
    mentions = [cid.id, eve.id, bob.id, cid.id]
    [sent] = await world.send(new_message(scene.id, ann, "@all", mentions=mentions))
    [alone] = await world.send(new_message(scene.id, ann, "@eve", mentions=[eve.id]))
    events = await scene.events()
    assert events[2]["mentions"] == [cid.id, bob.id]
    assert "mentions" not in events[3]
    of = sent.message_id
    for item, expected in (
        (scene.edit(ann, "@some", of=of), [cid.id, bob.id]),
        (scene.edit(ann, "@some", of=of, mentions=[bob.id, cid.id]), [bob.id, cid.id]),
        (scene.edit(ann, "@none", of=of, mentions=[eve.id]), None),
    ):
        assert code_of(await scene.append(item)) == ""
        assert (await scene.events())[-1].get("mentions") == expected
        assert (await scene.history())["messages"][1].get("mentions") == expected
    unchanged = scene.edit(ann, "@eve", of=alone.message_id, mentions=[])
    repeated = await scene.append(unchanged)
    assert isinstance(repeated, MessageStored)
    assert repeated.is_new is False


async def test_items_of_all_kinds_are_one_batch(world: World) -> None:
    """Messages and changes of one request keep their order in the chat; an invalid one fails
    alone."""
    scene = await make_scene(world)
    ann, bob = scene.people
    results = await world.append(
        new_message(scene.id, ann, "2"),
        scene.react(bob),
        new_message(scene.id, bob, "3", reply_to=scene.message),
        scene.edit(bob, "not his"),
        new_message(scene.id, ann, "4"),
        scene.edit(ann, "edited"),
        new_message(scene.id, ann, "x" * 8193),
        scene.delete(ann),
        scene.react(bob, HEART),
    )
    assert [code_of(result) for result in results] == [
        "", "", "", "forbidden", "", "", "invalid_request", "", "not_found"
    ]  # fmt: skip
    events = await scene.events()
    assert [event["type"] for event in events[2:]] == [
        "message", "reaction.added", "message", "message", "message.edited", "message.deleted"
    ]  # fmt: skip
    assert [event["seq"] for event in events] == list(range(1, 9))


async def test_two_edits_at_once(world: World) -> None:
    """On two replicas: both become events; the one with the higher seq is current."""
    scene = await make_scene(world)
    ann, _ = scene.people
    results = await asyncio.gather(
        *(scene.append(scene.edit(ann, f"text {n}"), replica=n % 2) for n in range(20))
    )
    last = max((r for r in results if isinstance(r, MessageStored)), key=lambda r: r.seq)
    assert (await scene.current())["message"] == last.message
    assert len(await scene.events()) == 22


async def test_history_forwards(world: World) -> None:
    """Above a seq the oldest messages come, in descending order; `more` says whether there are
    newer ones; every page states the seq of its fold."""
    scene = await make_scene(world)
    ann, _ = scene.people
    await world.send(*(new_message(scene.id, ann, str(n)) for n in range(5)))
    await scene.append(scene.react(ann))

    async def seqs(**query: Any) -> tuple[list[int], bool, int]:
        page = await scene.history(**query)
        return [m["seq"] for m in page["messages"]], page["more"], page["seq"]

    assert await seqs(after=0, limit=3) == ([4, 3, 2], True, 8)
    assert await seqs(after=4, limit=3) == ([7, 6, 5], False, 8)
    assert await seqs(after=8, limit=3) == ([], False, 8)
    assert await seqs(before=4, limit=3) == ([3, 2], False, 8)


async def test_a_message_by_its_id(world: World) -> None:
    """In its current state, for participants."""
    scene = await make_scene(world)
    ann, bob = scene.people
    [eve] = await world.make_people(1)
    await scene.append(scene.edit(ann, "now"))
    await scene.append(scene.react(bob))

    async def get(user: Person, message: str) -> Any:
        request = GetMessage(user=user.id, chat=scene.id, message_id=message)
        return msgspec.json.decode((await world.call("get_message", request, OneMessage)).message)

    assert await get(bob, scene.message) == await scene.current()
    for user, message in ((eve, scene.message), (bob, new_id()), (bob, "x")):
        with pytest.raises(Refusal, match="not_found"):
            await get(user, message)
