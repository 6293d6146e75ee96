"""Sends: numbers, repeats, refusals, batches."""

import asyncio

import aiohttp
import msgspec
import psycopg
import pytest

from common.protocol.chats import (
    Done,
    GetEvents,
    RemoveParticipant,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.items import AppendRequest, MessageStored, SendItem
from tests.contract.chats.conftest import SERVICE_KEY, Stage, World, code_of, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_sent_message_is_in_history(world: World) -> None:
    """A message gets the chat's next seq, and history returns its event with every field."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    item = new_message(chat.id, bob, 'hé "seq":0,"at":"" \\ \n')
    [result] = await world.send(item)
    assert (result.seq, result.message, result.is_new) == (2, item.message, True)
    created, message = await world.read_events(chat.id, ann)
    assert created["seq"] == 1
    assert message == {
        "type": "message",
        "chat": chat.id,
        "seq": 2,
        "at": result.at,
        "by": bob.id,
        "messageId": result.message_id,
        "message": item.message,
        "clientId": item.key,
    }


async def test_a_repeat_returns_the_first_result(world: World) -> None:
    """The same sender, chat and key return the first result with the first text, on any replica."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    key = new_id()
    [first] = await world.send(new_message(chat.id, ann, "one", key))
    [second] = await world.send(new_message(chat.id, ann, "two", key), replica=1)
    assert second == msgspec.structs.replace(first, is_new=False)
    assert len(await world.read_events(chat.id, ann)) == 2


async def test_repeats_in_one_batch_are_one_message(world: World) -> None:
    """A key that occurs twice in one request is stored once and answered twice."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    key = new_id()
    results = await world.send(
        new_message(chat.id, ann, "one", key),
        new_message(chat.id, ann, "between"),
        new_message(chat.id, ann, "two", key),
    )
    assert results[0] == results[2]
    assert [result.seq for result in results] == [2, 3, 2]


async def test_a_repeat_in_one_batch_does_not_share_a_refusal(world: World) -> None:
    """An item that is refused for replying to an unknown message leaves its key free for the next,
    whose result counts."""
    ann = await world.make_person()
    chat, key = await world.make_chat(ann), new_id()
    results = await world.append(
        new_message(chat.id, ann, "one", key, reply_to=new_id()),
        new_message(chat.id, ann, "between"),
        new_message(chat.id, ann, "two", key),
        new_message(chat.id, ann, "three", key, reply_to=new_id()),
        new_message(chat.id, ann, "four", key),
    )
    assert code_of(results[0]) == "invalid_request"
    stored = [result for result in results if isinstance(result, MessageStored)]
    assert [(one.seq, one.message) for one in stored] == [(2, "between"), *[(3, "two")] * 3]


async def test_fifty_parallel_sends_with_one_key_are_one_message(world: World) -> None:
    """In parallel, on two replicas: one row, and the same answer for all."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    key = new_id()
    answers = await asyncio.gather(
        *(world.send(new_message(chat.id, ann, f"try {n}", key), replica=n % 2) for n in range(50))
    )
    first = {(r.message_id, r.seq, r.at, r.message) for [r] in answers}
    assert len(first) == 1
    assert len(await world.read_events(chat.id, ann)) == 2


async def test_the_key_is_the_senders_in_one_chat(world: World) -> None:
    """Another sender or another chat may use the same key."""
    ann, bob = await world.make_people(2)
    one, two = await world.make_chat(ann, bob), await world.make_chat(ann)
    key = new_id()
    results = await world.send(
        new_message(one.id, ann, "a", key),
        new_message(one.id, bob, "b", key),
        new_message(two.id, ann, "c", key),
    )
    assert [result.message for result in results] == ["a", "b", "c"]


async def test_a_system_key_never_shows(world: World) -> None:
    """A key that the system generated is in neither result nor event."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    item = SendItem(chat=chat.id, user=ann.id, key=new_id(), show_key=False, message="x")
    first, again = (await world.send(item))[0], (await world.send(item))[0]
    assert again == msgspec.structs.replace(first, is_new=False)
    assert first.client_id is None
    assert "clientId" not in (await world.read_events(chat.id, ann))[1]


async def test_a_bad_item_fails_alone(world: World) -> None:
    """An unknown chat, a stranger, a text or key out of bounds: the other items are stored."""
    ann, eve = await world.make_people(2)
    chat = await world.make_chat(ann)
    results = await world.append(
        new_message(chat.id, ann, "first"),
        new_message(new_id(), ann),
        new_message(chat.id, eve),
        new_message("no id", ann),
        new_message(chat.id, ann, ""),
        new_message(chat.id, ann, "é" * 4097),
        new_message(chat.id, ann, "x", "}{"),
        new_message(chat.id, ann, "é" * 4096),
    )
    assert [code_of(result) for result in results] == [
        "", "not_found", "not_found", "not_found", "invalid_request", "invalid_request",
        "invalid_request", "",
    ]  # fmt: skip
    assert [result.seq for result in results if isinstance(result, MessageStored)] == [2, 3]


async def test_who_was_removed_cannot_send_or_repeat(world: World) -> None:
    """A removed participant gets not_found, also for a key that is known."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann, bob)
    item = new_message(chat.id, bob)
    await world.send(item)
    removal = RemoveParticipant(
        user=ann.id, session=ann.session, chat=chat.id, key=new_id(), participant=bob.id
    )
    await world.call("remove_participant", removal, Done)
    assert code_of((await world.append(item))[0]) == "not_found"
    with pytest.raises(Refusal, match="not_found"):
        await world.call("get_events", GetEvents(user=bob.id, chat=chat.id, after=0, limit=1), Done)


async def test_parallel_sends_leave_no_gap(world: World) -> None:
    """Batches for the same chats on two replicas get consecutive seqs, one per message."""
    people = await world.make_people(4)
    chats = [await world.make_chat(*people) for _ in range(3)]

    async def send_some(number: int) -> list[MessageStored]:
        items = [
            new_message(chats[(number + n) % 3].id, people[n % 4], f"{number}.{n}")
            for n in range(12)
        ]
        return await world.send(*items, replica=number % 2)

    results = [r for part in await asyncio.gather(*map(send_some, range(20))) for r in part]
    stored = []
    for chat in chats:
        events = await world.read_events(chat.id, people[0])
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        stored += [(e["messageId"], e["seq"], e["message"]) for e in events[1:]]
    assert sorted(stored) == sorted((r.message_id, r.seq, r.message) for r in results)


async def test_senders_keep_their_order_in_a_batch(world: World) -> None:
    """Messages of one request to one chat are numbered in its order."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    results = await world.send(*(new_message(chat.id, ann, str(n)) for n in range(40)))
    assert [result.seq for result in results] == list(range(2, 42))


async def test_a_send_after_its_deadline_is_not_stored(world: World) -> None:
    """A message whose caller has timed out is not stored; its call is refused as unavailable."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    body = msgspec.json.encode(AppendRequest(items=[new_message(chat.id, ann)]))
    headers = {
        "Authorization": f"Bearer {SERVICE_KEY}",
        "Content-Type": "application/json",
        "X-Hubbub-Deadline-Ms": "0",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://{world.chats[0]}/calls/append", data=body, headers=headers
        ) as response,
    ):
        assert response.status == 503
    assert len(await world.read_events(chat.id, ann)) == 1


async def test_a_row_that_the_database_refuses_fails_alone(stage: Stage, world: World) -> None:
    """A batch with such a row is split until all others are stored."""
    ann = await world.make_person()
    good, bad = await world.make_chat(ann), await world.make_chat(ann)
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        check = f"ADD CONSTRAINT poison CHECK (chat <> '{bad.id}') NOT VALID"
        connection.execute(f"ALTER TABLE log {check}".encode())
        results = await world.append(
            *(new_message(bad.id if n == 3 else good.id, ann, str(n)) for n in range(8))
        )
        connection.execute("ALTER TABLE log DROP CONSTRAINT poison")
    assert [code_of(result) for result in results] == ["", "", "", "internal", "", "", "", ""]
    stored = [result.seq for result in results if isinstance(result, MessageStored)]
    assert stored == [2, 3, 4, 5, 6, 7, 8]
