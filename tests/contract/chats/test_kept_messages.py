"""Where messages and their texts are stored: windows, the previous release, purged chats."""

import msgspec
import psycopg
import pytest

from chats.log.encoding import UNSTAMPED, draft_event
from chats.store.cleanup import purge_deleted_chat
from chats.store.links import LinksRow, keep_links
from common.database.pool import create_pool
from common.protocol.chats import (
    DeleteChat,
    Done,
    Slice,
    SlicesAnswer,
    SlicesRequest,
    SliceWanted,
)
from common.protocol.events import Message
from common.protocol.ids import new_id
from common.protocol.own import Marker, MoveMarker
from tests.contract.chats.conftest import Stage, World, code_of, new_message
from tests.contract.chats.scene import make_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_no_window_gives_a_deleted_text(world: World) -> None:
    """Neither the window of the replica that deleted it, nor that of another replica that held it
    before."""
    scene = await make_scene(world, text="secret")
    ann, bob = scene.people
    for replica in (0, 1):  # now both windows hold it
        [slice_] = await read_slices(world, scene.id, after=1, upto=2, replica=replica)
        assert b"secret" in bytes(slice_.events[0])
    await scene.append(scene.edit(ann, "secret too"), replica=1)
    await scene.append(scene.delete(ann), replica=0)
    await scene.append(scene.react(bob, of=scene.message), replica=1)
    for replica in (0, 1, 0, 1):
        for upto in (4, 0):
            [slice_] = await read_slices(world, scene.id, after=1, upto=upto, replica=replica)
            events = [msgspec.json.decode(event) for event in slice_.events]
            assert [event["seq"] for event in events] == [2, 3, 4]
            assert [event.get("message") for event in events] == ["", "", None]


async def read_slices(
    world: World, chat: str, *, after: int, upto: int, replica: int
) -> list[Slice]:
    request = SlicesRequest(wanted=[SliceWanted(chat=chat, after=after, upto=upto)])
    return (await world.call("slices", request, SlicesAnswer, replica)).slices


async def test_messages_of_the_release_before_change_too(stage: Stage, world: World) -> None:
    """During an upgrade, messages are stored by the function of the previous release."""
    scene = await make_scene(world)
    ann, bob = scene.people
    before = Message(
        chat=scene.id, by=ann.id, message_id=new_id(), message="as before", **UNSTAMPED
    )
    with psycopg.connect(stage.chats_database_url) as connection:
        posted = "SELECT post_messages(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], %s)"
        drafts = [draft_event(before)]
        connection.execute(posted, (scene.id, ann.id, new_id(), drafts))
    of = before.message_id
    results = await world.append(
        scene.react(bob, of=of), scene.edit(ann, "now", of=of), scene.delete(ann, of=of)
    )
    assert [code_of(result) for result in results] == ["", "", ""]
    assert [event["seq"] for event in await scene.events()] == [1, 2, 3, 4, 5, 6]


async def test_a_purged_chat_leaves_nothing_of_its_messages(stage: Stage, world: World) -> None:
    """The rows derived from the log go with it, and so do the users' private rows."""
    scene = await make_scene(world)
    ann, bob = scene.people
    await scene.append(scene.react(ann))
    await world.send(*(new_message(scene.id, ann, mentions=[bob.id]) for _ in range(130)))
    marker = MoveMarker(user=bob.id, chat=scene.id, seq=2, back=False)
    await world.call("move_marker", marker, Marker)
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        connection.execute("SELECT count_blocks(%s, 10)", (scene.id,))
    deletion = DeleteChat(user=ann.id, session=ann.session, chat=scene.id, key=new_id())
    await world.call("delete_chat", deletion, Done)
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        await keep_links(pool, [LinksRow(scene.id, 2, 2, new_id(), ann.id, ["https://a.org"])])
        while await purge_deleted_chat(pool, older_than_seconds=0, rows=100):
            pass
    with psycopg.connect(stage.chats_database_url) as connection:
        for table, left in (
            ("changed_messages", 0), ("current_mentions", 0), ("own_chats", 0),
            ("counted_blocks", 0), ("links_to_preview", 0), ("log", 1),
        ):  # fmt: skip
            query = f"SELECT count(*) FROM {table} WHERE chat = %s"  # noqa: S608 - a constant
            assert connection.execute(query.encode(), (scene.id,)).fetchone() == (left,)
