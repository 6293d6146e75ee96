"""What realtime nodes ask: memberships, slices, heads, changes."""

import asyncio

import msgspec
import psycopg
import pytest
from prometheus_client import REGISTRY

from chats.store.cleanup import purge_deleted_chat
from common.database.pool import create_pool
from common.protocol.chats import (
    AddParticipants,
    ChangesRequest,
    Chat,
    DeleteChat,
    Digest,
    Done,
    EventPage,
    GetEvents,
    HeadsAnswer,
    HeadsRequest,
    Join,
    JoinsAnswer,
    JoinsRequest,
    JoinWanted,
    MembershipsAnswer,
    MembershipsRequest,
    RemoveParticipant,
    Slice,
    SlicesAnswer,
    SlicesRequest,
    SliceWanted,
)
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def read_slice(world: World, chat: str, after: int, replica: int = 0) -> Slice:
    request = SlicesRequest(wanted=[SliceWanted(chat=chat, after=after)])
    return (await world.call("slices", request, SlicesAnswer, replica)).slices[0]


def seqs(found: Slice) -> list[int]:
    return [msgspec.json.decode(event)["seq"] for event in found.events]


def slices_from(source: str) -> float:
    return REGISTRY.get_sample_value("hubbub_chats_slices_total", {"source": source}) or 0


async def change_people(world: World, chat: Chat, owner: Person, person: Person) -> None:
    """Adds and removes the person: seqs 2 and 3."""
    addition = AddParticipants(
        user=owner.id, session=owner.session, chat=chat.id, key=new_id(), users=[person.id]
    )
    await world.call("add_participants", addition, Done)
    removal = RemoveParticipant(
        user=owner.id,
        session=owner.session,
        chat=chat.id,
        key=new_id(),
        participant=person.id,
    )
    await world.call("remove_participant", removal, Done)


async def test_memberships_are_chats_with_heads(world: World) -> None:
    """For each user, in order, their chats and heads; the epoch stays the same."""
    ann, bob, eve = await world.make_people(3)
    one, two = await world.make_chat(ann, bob), await world.make_chat(ann)
    await world.send(new_message(one.id, bob))
    request = MembershipsRequest(users=[eve.id, ann.id, bob.id])
    answers = [await world.call("memberships", request, MembershipsAnswer, n) for n in (0, 1)]
    assert answers[0].chats == [{}, {one.id: 2, two.id: 1}, {one.id: 2}]
    assert answers[0] == answers[1]
    assert len(answers[0].epoch) == 36


async def test_the_last_join_of_a_user_is_found(world: World) -> None:
    """The seq of the event with which they last joined, including as an initial participant; 0 if
    they never joined, or appear only in another user's snapshot."""
    ann, bob, eve = await world.make_people(3)
    chat = await world.make_chat(ann, eve)
    for _ in range(2):  # joins at 2 and 4
        await change_people(world, chat, ann, bob)
    await world.send(new_message(chat.id, eve))
    pairs = [(bob.id, chat.id), (ann.id, chat.id), (eve.id, chat.id), (ann.id, new_id())]
    stranger = await world.make_person()
    pairs.append((stranger.id, chat.id))
    request = JoinsRequest(wanted=[JoinWanted(user=user, chat=c) for user, c in pairs])
    answer = await world.call("joins", request, JoinsAnswer)
    assert answer.seqs == [4, 1, 1, 0, 0]


async def test_slices_come_from_the_window_or_the_log_alike(world: World) -> None:
    """The replica that committed answers from memory, another one from its database, with the same
    result."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.send(*(new_message(chat.id, ann, str(n)) for n in range(9)))
    before = slices_from("window"), slices_from("log")
    here, there = await read_slice(world, chat.id, 4), await read_slice(world, chat.id, 4, 1)
    assert msgspec.json.encode(here) == msgspec.json.encode(there)
    assert (seqs(here), here.head) == (list(range(5, 11)), 10)
    assert (slices_from("window"), slices_from("log")) == (before[0] + 1, before[1] + 1)
    await read_slice(world, chat.id, 4, 1)
    assert slices_from("window") == before[0] + 2


async def test_a_window_that_another_replica_overtook_is_not_believed(world: World) -> None:
    """Events that another replica committed are in the slice."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.send(new_message(chat.id, ann), replica=0)
    await world.send(new_message(chat.id, ann), replica=1)
    assert seqs(await read_slice(world, chat.id, 0, replica=0)) == [1, 2, 3]
    assert seqs(await read_slice(world, chat.id, 1, replica=1)) == [2, 3]


async def test_what_the_window_holds_up_to_where_it_is_wanted_takes_no_query(world: World) -> None:
    """Then it does not matter that another replica has newer events; a replica that lacks some asks
    the database."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.send(new_message(chat.id, ann), new_message(chat.id, ann), replica=0)
    await world.send(new_message(chat.id, ann), replica=1)
    wanted = [SliceWanted(chat=chat.id, after=1, upto=upto) for upto in (3, 4)]
    found = [
        (await world.call("slices", SlicesRequest(wanted=[want]), SlicesAnswer)).slices[0]
        for want in wanted
    ]
    assert [(seqs(one), one.head) for one in found] == [([2, 3], 3), ([2, 3, 4], 4)]


async def test_slices_are_bounded(world: World) -> None:
    """At most 200 events and 256 KiB, from window and log; nothing above the head."""
    ann = await world.make_person()
    many, large = await world.make_chat(ann), await world.make_chat(ann)
    await world.send(*(new_message(many.id, ann) for _ in range(250)))
    await world.send(*(new_message(large.id, ann, "x" * 8_000) for _ in range(40)))
    for replica in (0, 1):
        assert seqs(await read_slice(world, many.id, 1, replica)) == list(range(2, 202))
        found = await read_slice(world, large.id, 1, replica)
        assert sum(len(bytes(event)) for event in found.events) <= 262_144
        assert len(found.events) == 31
        assert (await read_slice(world, many.id, 251, replica)).events == []
    nowhere = await read_slice(world, new_id(), 0)
    assert (nowhere.events, nowhere.head) == ([], 0)


async def test_control_entries_stand_at_their_seq(world: World) -> None:
    """Joining, with a snapshot of that moment, and leaving; from window and log."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    await change_people(world, chat, ann, bob)
    for replica in (0, 1):
        found = await read_slice(world, chat.id, 0, replica)
        created, joined, left = found.controls
        assert (created.seq, created.action, created.users) == (1, "join", [ann.id])
        assert created.snapshot is msgspec.UNSET
        assert (joined.seq, joined.action, joined.users) == (2, "join", [bob.id])
        assert (left.seq, left.action, left.users) == (3, "leave", [bob.id])
        assert isinstance(joined.snapshot, msgspec.Raw)
        snapshot = msgspec.json.decode(joined.snapshot)
        added = msgspec.json.decode(found.events[1])
        assert snapshot == {
            "type": "chat.created",
            "chat": chat.id,
            "seq": 2,
            "at": added["at"],
            "by": ann.id,
            "chatName": "A chat",
            "participants": [ann.id, bob.id],
            "participantCount": 2,
            "owner": ann.id,
            "kind": "group",
        }


async def test_a_deleted_chat_ends_with_its_last_event(stage: Stage, world: World) -> None:
    """For a while the slice has the whole end of its log, with a close; later only the last
    event."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    await world.send(new_message(chat.id, ann))
    request = DeleteChat(user=ann.id, session=ann.session, chat=chat.id, key=new_id())
    await world.call("delete_chat", request, Done)
    found = await read_slice(world, chat.id, 0, 1)
    assert (seqs(found), found.head) == ([1, 2, 3], 3)
    assert (found.controls[-1].action, found.controls[-1].seq) == ("close", 3)
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        an_hour_ago = "UPDATE chats SET deleted_at = now() - interval '1 hour' WHERE id = %s"
        connection.execute(an_hour_ago, (chat.id,))
        async with asyncio.timeout(30):
            count = "SELECT count(*) FROM log WHERE chat = %s"
            while connection.execute(count, (chat.id,)).fetchone() != (1,):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        late = await read_slice(world, chat.id, 2, 1)
        assert (seqs(late), late.controls[0].action) == ([3], "close")
        purged = "SELECT purged FROM chats WHERE id = %s"
        assert connection.execute(purged, (chat.id,)).fetchone() == (True,)


async def test_a_slice_of_a_chat_that_is_being_purged_says_where_it_begins(
    stage: Stage, world: World
) -> None:
    """Its log has lost some of its oldest events, and the slice does not include the last one."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    for _ in range(2):
        await world.send(*(new_message(chat.id, ann) for _ in range(150)))
    request = DeleteChat(user=ann.id, session=ann.session, chat=chat.id, key=new_id())
    await world.call("delete_chat", request, Done)
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        while (await read_slice(world, chat.id, 0, replica=1)).first == 1:  # or another test's chat
            assert await purge_deleted_chat(pool, older_than_seconds=0, rows=20)
    for after, first in ((0, 21), (20, 21), (30, 31)):
        found = await read_slice(world, chat.id, after, replica=1)
        assert (found.first, seqs(found), found.head) == (
            first, list(range(first, first + 200)), 302,
        )  # fmt: skip
        assert found.controls == []


async def test_heads_that_differ_are_told(world: World) -> None:
    """Behind, ahead, deleted and unknown chats are reported; those that agree are left out."""
    ann = await world.make_person()
    same, behind, gone = [await world.make_chat(ann) for _ in range(3)]
    await world.send(new_message(behind.id, ann))
    request = DeleteChat(user=ann.id, session=ann.session, chat=gone.id, key=new_id())
    await world.call("delete_chat", request, Done)
    ghost = new_id()
    believed = HeadsRequest(heads={same.id: 1, behind.id: 1, gone.id: 1, ghost: 7})
    answer = await world.call("heads", believed, HeadsAnswer, 1)
    assert answer.heads == {behind.id: 2, gone.id: 2, ghost: 0}


async def test_changes_tell_of_heads_and_joins(world: World) -> None:
    """The changes of a replica in the last seconds can be polled."""
    ann, bob = await world.make_people(2)
    chat = await world.make_chat(ann)
    await change_people(world, chat, ann, bob)
    digest = await world.call("changes", ChangesRequest(), Digest)
    assert digest.heads[chat.id] == 3
    joins = [join for join in digest.joins if join.chat == chat.id]
    # An event that was published late was published twice, and so reported twice.
    assert [join for place, join in enumerate(joins) if join not in joins[:place]] == [
        Join(chat=chat.id, seq=1, users=[ann.id]),
        Join(chat=chat.id, seq=2, users=[bob.id]),
    ]


async def test_events_are_paged_forwards(world: World) -> None:
    """At most `limit` events and 1 MiB per page; `seq` is the head, and nothing is above it."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    for _ in range(2):
        await world.send(*(new_message(chat.id, ann, "x" * 8_192) for _ in range(80)))

    async def page(after: int, limit: int) -> EventPage:
        request = GetEvents(user=ann.id, chat=chat.id, after=after, limit=limit)
        return await world.call("get_events", request, EventPage)

    first = await page(0, 200)
    assert sum(len(bytes(event)) for event in first.events) <= 2**20
    assert len(first.events) > 120
    assert (first.seq, first.more) == (161, True)
    assert [msgspec.json.decode(e)["seq"] for e in (await page(3, 2)).events] == [4, 5]
    last = await page(160, 200)
    assert (len(last.events), last.more) == (1, False)
    above = await page(500, 200)
    assert (above.events, above.seq, above.more) == ([], 161, False)
