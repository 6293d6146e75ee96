"""A user's private data of a chat: markers, counts, settings, and the list of chats."""

import asyncio
import contextlib
import random
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from chats.own.lists import MAX_LISTS_A_STATEMENT
from chats.own.state import OwnSettings
from chats.rebuild import rebuild
from chats.store.own import LIST_BY_ACTIVITY, LIST_BY_MAKING
from chats.store.query import PLAN_OPTIONS
from chats.store.statement import Statement
from common.database.pool import create_pool
from common.protocol.chats import (
    AddParticipants,
    Chat,
    ChatPage,
    Done,
    GetChat,
    GetMessages,
    ListChats,
    MessagePage,
    RemoveParticipant,
)
from common.protocol.direct import DirectChat, OpenDirectChat
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, EditItem, MessageStored, ReactItem, UnreactItem
from common.protocol.own import ChangeMine, Marker, Mine, MoveMarker
from common.valkey.valkey import Answered, Valkey
from tests.contract.chats.conftest import Person, Stage, World, new_message
from tests.fixtures.quiet_node import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = random.randrange(2**32)
OPERATIONS = 120


async def shown(world: World, chat: str, person: Person) -> tuple[Mine, Any]:
    found = await world.call("get_chat", GetChat(user=person.id, chat=chat), Chat)
    assert isinstance(found.mine, Mine)
    assert isinstance(found.last, msgspec.Raw)
    return found.mine, msgspec.json.decode(found.last)


async def move(world: World, chat: str, person: Person, seq: int, back: bool = False) -> int:
    request = MoveMarker(user=person.id, chat=chat, seq=seq, back=back)
    return (await world.call("move_marker", request, Marker)).read


async def settle(world: World, chat: str, person: Person, **fields: Any) -> Mine:
    request = ChangeMine(user=person.id, chat=chat, **({"notify": None, "archived": None} | fields))
    return await world.call("change_mine", request, Mine)


async def add(world: World, chat: str, owner: Person, person: Person) -> None:
    request = AddParticipants(
        user=owner.id, session=owner.session, chat=chat, key=new_id(), users=[person.id]
    )
    await world.call("add_participants", request, Done)


async def leave(world: World, chat: str, person: Person) -> None:
    request = RemoveParticipant(
        user=person.id, session=person.session, chat=chat, key=new_id(), participant=person.id
    )
    await world.call("remove_participant", request, Done)


async def recount(world: World, chat: str, reader: Person, marker: int) -> tuple[int, int, Any]:
    """Unread, mentions and the newest message, computed from the whole history."""
    request = GetMessages(user=reader.id, chat=chat, before=None, limit=10_000)
    page = await world.call("get_messages", request, MessagePage)
    messages = [msgspec.json.decode(message) for message in page.messages]
    unread = [
        m for m in messages if m["seq"] > marker and m["by"] != reader.id and "deletedAt" not in m
    ]
    mentions = [m for m in unread if reader.id in m.get("mentions", ())]
    last = messages[0] if messages else None
    return min(len(unread), 100), min(len(mentions), 100), last


async def say_little(
    world: World, chat: str, people: list[Person], chance: random.Random
) -> dict[str, Person]:
    """Sends a few messages amid very many reactions; returns who sent which."""
    messages: dict[str, Person] = {}
    for _ in range(6):
        senders = chance.choices(people, k=5)
        sent = await world.send(*(new_message(chat, sender) for sender in senders))
        messages |= {one.message_id: by for one, by in zip(sent, senders, strict=True)}
        about: dict[str, Any] = {
            "chat": chat, "user": people[0].id, "message_id": sent[0].message_id, "emoji": "👍",
        }  # fmt: skip
        for _ in range(60):
            await world.append(ReactItem(**about), UnreactItem(key=new_id(), **about))
    return messages


@pytest.mark.parametrize("kind", ["group", "direct", "group with many reactions"])
async def test_counts_equal_a_recount_of_the_log(world: World, kind: str) -> None:
    """After sends, edits, deletions, markers moved both ways, leaving and joining again."""
    chance = random.Random(SEED)
    owner, *others = people = await world.make_people(2 if kind == "direct" else 3)
    if kind == "direct":
        opening = OpenDirectChat(
            user=owner.id, session=owner.session, key=new_id(), other=others[0].id
        )
        chat = (await world.call("open_direct_chat", opening, DirectChat)).chat.id
    else:
        chat = (await world.make_chat(owner, *others)).id
    present = list(people)
    markers = {person.id: 1 for person in people}
    messages: dict[str, Person] = {}
    if kind == "group with many reactions":
        messages = await say_little(world, chat, people, chance)
    head = len(await world.read_events(chat, owner))
    for _ in range(OPERATIONS if head == 1 else OPERATIONS // 3):
        person = chance.choice(present)
        mentions = [p.id for p in people if chance.random() < 0.4]
        match chance.randrange(8):
            case 0 | 1 | 2:
                item = new_message(chat, person, mentions=mentions)
                [sent] = await world.append(item, replica=chance.randrange(2))
                assert isinstance(sent, MessageStored)
                messages[sent.message_id] = person
            case 3 if messages:
                message = chance.choice(list(messages))
                edit = EditItem(
                    chat=chat, user=messages[message].id, key=new_id(), message_id=message,
                    message=new_id(), mentions=mentions,
                )  # fmt: skip
                await world.append(edit)
            case 4 if messages and chance.random() < 0.5:
                message = chance.choice(list(messages))
                by = messages.pop(message)
                deletion = DeleteItem(chat=chat, user=by.id, key=new_id(), message_id=message)
                await world.append(deletion)
            case 5:
                seq = chance.randint(0, head)
                markers[person.id] = max(markers[person.id], seq)
                assert await move(world, chat, person, seq) == markers[person.id]
            case 6:
                seq = chance.randint(0, head - 1)
                markers[person.id] = min(markers[person.id], seq)
                assert await move(world, chat, person, seq, back=True) == markers[person.id]
            case 7 if person is not owner and kind != "direct":
                await leave(world, chat, person)
                await add(world, chat, owner, person)
                events = await world.read_events(chat, person)
                markers[person.id] = len(events)
        head = len(await world.read_events(chat, owner))
        for reader in people:
            mine, last = await shown(world, chat, reader)
            found = (mine.unread, mine.mentions, last)
            marker = markers[reader.id]
            assert mine.read == marker, f"seed {SEED}"
            assert found == await recount(world, chat, reader, marker), f"seed {SEED}"


async def test_counts_among_very_many_events(stage: Stage, world: World) -> None:
    """If nearly all of them are the reader's own, deleted or reactions, which are counted once, and
    again when one of their messages is deleted, or after a rebuild."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    seen = [await world.send(new_message(chat, bob))]
    for _ in range(4):
        seen.append(await world.send(*(new_message(chat, ann) for _ in range(400))))
    seen.append(await world.send(*(new_message(chat, bob, mentions=[ann.id]) for _ in range(3))))
    about: dict[str, Any] = {"chat": chat, "message_id": seen[0][0].message_id, "emoji": "👍"}
    for _ in range(5):
        toggles = [
            item
            for _ in range(80)
            for item in (
                ReactItem(user=bob.id, **about), UnreactItem(user=bob.id, key=new_id(), **about)
            )
        ]  # fmt: skip
        await world.append(*toggles)

    async def compare() -> None:
        for reader in (ann, bob):
            for marker in (1, 127, 128, 1_000, 1_700, 2_200):
                await move(world, chat, reader, marker, back=True)
                await move(world, chat, reader, marker)
                mine, last = await shown(world, chat, reader)
                found = (mine.unread, mine.mentions, last)
                assert found == await recount(world, chat, reader, marker), (reader, marker)

    await compare()
    for message in (seen[0][0], seen[2][7], seen[5][0], *seen[3][:350]):
        by = bob if message in (*seen[0], *seen[5]) else ann
        deletion = DeleteItem(chat=chat, user=by.id, key=new_id(), message_id=message.message_id)
        await world.append(deletion)
    await compare()
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        async with pool.connection() as connection:
            await connection.execute("UPDATE counted_blocks SET messages = messages + 50")
        await rebuild(pool)
    await compare()
    listed = ListChats(user=bob.id, before=None, limit=10, by_activity=True)
    [one] = (await world.call("list_chats", listed, ChatPage)).chats
    assert one.id == chat


async def test_counts_end_at_a_hundred(world: World) -> None:
    """However many more there are."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    await world.append(*(new_message(chat, ann, mentions=[bob.id]) for _ in range(103)))
    mine, _ = await shown(world, chat, bob)
    assert (mine.unread, mine.mentions) == (100, 100)
    assert (await shown(world, chat, ann))[0].unread == 0


async def test_the_highest_of_parallel_markers_counts(world: World) -> None:
    """On both replicas, in any order."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    await world.send(*(new_message(chat, ann) for _ in range(20)))
    await asyncio.gather(
        *(
            world.call("move_marker", MoveMarker(user=bob.id, chat=chat, seq=s, back=False),
                       Marker, s % 2)
            for s in range(2, 21)
        )
    )  # fmt: skip
    assert (await shown(world, chat, bob))[0].read == 20


@pytest.mark.parametrize(("seq", "back"), [(2, False), (1, True)])
async def test_markers_above_the_head_are_refused(world: World, seq: int, back: bool) -> None:
    """So are those of other users' chats, as if these did not exist."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann)).id
    with pytest.raises(Refusal, match="invalid_request"):
        await move(world, chat, ann, seq, back)
    with pytest.raises(Refusal, match="not_found"):
        await move(world, chat, bob, 1, back)
    with pytest.raises(Refusal, match="not_found"):
        await settle(world, chat, bob, archived=True)


async def test_archived_until_the_next_message(world: World) -> None:
    """From anybody; it and `notify` survive leaving and joining again."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    await world.send(new_message(chat, ann))
    assert (await settle(world, chat, bob, archived=True)).archived
    assert (await settle(world, chat, bob, notify="mentions")).archived
    await leave(world, chat, bob)
    await add(world, chat, ann, bob)
    mine, _ = await shown(world, chat, bob)
    assert (mine.archived, mine.notify) == (True, "mentions")
    await world.send(new_message(chat, bob))
    assert not (await shown(world, chat, bob))[0].archived
    assert (await settle(world, chat, bob, archived=True)).archived
    assert not (await settle(world, chat, bob, archived=False)).archived


async def test_a_message_that_overtakes_the_news_of_archiving_is_not_undone(
    world: World, stage: Stage
) -> None:
    """A device that hears of the message first would hide the chat until it asks again."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    told: list[bytes] = []

    class Overtaken(Valkey):
        def publish(self, messages: Iterable[tuple[str, bytes]]) -> Answered:
            return asyncio.ensure_future(self._after_a_message(list(messages)))

        async def _after_a_message(self, messages: list[tuple[str, bytes]]) -> list[Any] | None:
            if not told:
                await world.send(new_message(chat, ann))
            told.extend(payload for _, payload in messages)
            return await super().publish(messages)

    async with create_pool(stage.chats_database_url, size=1, options=PLAN_OPTIONS) as pool:
        with contextlib.closing(
            Overtaken(stage.valkey_url, f"{stage.topic_prefix}anew:")
        ) as valkey:
            request = ChangeMine(user=bob.id, chat=chat, notify=None, archived=True)
            assert not (await OwnSettings(pool, valkey).change(request)).archived
            await until(lambda: len(told) == 2)
    assert [b'"archived":true' in payload for payload in told] == [True, False]


async def test_chats_by_activity(world: World) -> None:
    """Newest last message first, a chat without messages by its creation; pages neither repeat nor
    skip any."""
    ann = await world.make_person()
    chats = []
    for number in range(5):
        chats.append((await world.make_chat(ann, name=str(number))).id)
        await asyncio.sleep(0.002)  # the order has a resolution of milliseconds
    for chat in (chats[1], chats[3], chats[0]):
        await world.send(new_message(chat, ann))
        await asyncio.sleep(0.002)
    listed: list[str] = []
    before = None
    while True:
        request = ListChats(user=ann.id, before=before, limit=2, by_activity=True)
        page = await world.call("list_chats", request, ChatPage)
        listed += [chat.id for chat in page.chats]
        if page.next is None:
            break
        before = page.next
    assert listed == [chats[0], chats[3], chats[1], chats[4], chats[2]]
    wrong = ListChats(user=ann.id, before="x", limit=2, by_activity=True)
    with pytest.raises(Refusal, match="invalid_request"):
        await world.call("list_chats", wrong, ChatPage)


@pytest.mark.parametrize("by_activity", [False, True])
async def test_lists_asked_at_once_are_those_asked_one_by_one(
    world: World, by_activity: bool
) -> None:
    """For more users than one statement reads for, each with their own lists, positions and
    limits."""
    people = await world.make_people(MAX_LISTS_A_STATEMENT + 4)
    chats = [await world.make_chat(one, other) for one, other in pairwise(people)]
    for number in range(0, len(chats), 3):
        await world.send(new_message(chats[number].id, people[number]))

    async def ask(number: int, before: str | None) -> ChatPage:
        request = ListChats(
            user=people[number].id, before=before, limit=1 + number % 2, by_activity=by_activity
        )
        return await world.call("list_chats", request, ChatPage)

    first = await asyncio.gather(*map(ask, range(len(people)), [None] * len(people)))
    places = [page.next for page in first]
    second = await asyncio.gather(*map(ask, range(len(people)), places))
    assert first == [await ask(number, None) for number in range(len(people))]
    assert second == [await ask(*one) for one in enumerate(places)]
    for number in range(1, len(people) - 1):
        listed = [chat.id for page in (first[number], second[number]) for chat in page.chats]
        assert set(listed) == {chats[number - 1].id, chats[number].id}


def rows_read(node: dict[str, Any], table: str) -> float:
    """How many rows of the table this node of an executed plan and those below it have read."""
    found = 0.0
    if node.get("Relation Name") == table:
        removed = node.get("Rows Removed by Filter", 0)
        found = node["Actual Loops"] * (node["Actual Rows"] + removed)
    return found + sum(rows_read(child, table) for child in node.get("Plans", ()))


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("listing", "reads"),
    # By activity once for the order of all chats, and once more for what is on the page.
    [(LIST_BY_MAKING, 200), (LIST_BY_ACTIVITY, 400)],
)
async def test_a_list_reads_each_chat_by_its_key_without_statistics(
    stage: Stage, listing: Statement, reads: int
) -> None:
    """As in a new or a restored database, which PostgreSQL has not analyzed since it was filled."""
    members, newest = [new_id() for _ in range(4)], "ffffffff-ffff-ffff-ffff-ffffffffffff"
    times = "ARRAY['~'], " if listing is LIST_BY_ACTIVITY else ""
    async with (
        create_pool(stage.chats_database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool,
        pool.connection() as connection,
        connection.transaction(force_rollback=True),
    ):
        await connection.execute(
            "INSERT INTO participants (chat, member, position, joined)"
            " SELECT gen_random_uuid(), m, 1, 1 FROM unnest(%s::uuid[]) m, generate_series(1, 200)",
            (members,),
        )
        await connection.execute(f"PREPARE list AS {listing.query}")
        cursor = await connection.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON)"
            f" EXECUTE list (ARRAY['{members[0]}'::uuid], {times}ARRAY['{newest}'::uuid],"
            " ARRAY[201::bigint])"
        )
        [[[plan]]] = await cursor.fetchall()
    assert plan["Plan"]["Actual Rows"] == 200
    assert rows_read(plan["Plan"], "participants") == reads
