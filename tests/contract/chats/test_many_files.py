"""Chats with more files than their deletion dooms at once."""

import psycopg
import pytest

from chats.store.cleanup import purge_deleted_chat
from common.database.pool import create_pool
from common.protocol.chats import Chat, DeleteChat, Done
from common.protocol.errors import Refusal
from common.protocol.files import FileIds, FindFile, ListDoomed, StoredFile
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 5_000
FILES = 2 * AT_ONCE + 3


async def delete_chat_with_files(
    world: World, connection: psycopg.Connection
) -> tuple[Person, Chat]:
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    connection.execute(
        "INSERT INTO files (id, chat, uploader, key, name, size, type, seq, stored_at)"
        " SELECT gen_random_uuid(), %s, %s, gen_random_uuid(), 'a.png', 1, 'image/png', nth, now()"
        " FROM generate_series(1, %s) AS nth",
        (chat.id, ann.id, FILES),
    )
    deletion = DeleteChat(user=ann.id, session=ann.session, chat=chat.id, key=new_id())
    await world.call("delete_chat", deletion, Done)
    return ann, chat


def list_left(connection: psycopg.Connection, chat: Chat) -> list[str]:
    """Files that are not doomed."""
    query = "SELECT id::text FROM files WHERE chat = %s AND doomed_at IS NULL"
    return [file for (file,) in connection.execute(query, (chat.id,))]


async def test_files_of_a_deleted_chat_are_doomed_in_steps(stage: Stage, world: World) -> None:
    """The deletion dooms some, sweeps the others; meanwhile nobody can access one, not even by its
    link."""
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        ann, chat = await delete_chat_with_files(world, connection)
        left = list_left(connection, chat)
        assert len(left) == FILES - AT_ONCE
        for request in (
            FindFile(id=left[0], chat=chat.id, reader=ann.id),
            FindFile(id=left[0], chat=None, reader=None),
        ):
            with pytest.raises(Refusal, match="not_found"):
                await world.call("find_file", request, StoredFile)
        for expected in (FILES - 2 * AT_ONCE, 0):
            doomed = await world.call("list_doomed", ListDoomed(limit=200), FileIds)
            assert len(doomed.ids) == 200
            assert len(list_left(connection, chat)) == expected


async def test_no_chat_is_purged_before_its_files_are_doomed(stage: Stage, world: World) -> None:
    """Even if nobody sweeps: the purge goes on until they are, also that of the release before."""
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        _, chat = await delete_chat_with_files(world, connection)
        left = [FILES - AT_ONCE]
        async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
            while await purge_deleted_chat(pool, older_than_seconds=0, rows=100):
                left.append(len(list_left(connection, chat)))
        assert sorted({*left}, reverse=True) == [FILES - AT_ONCE, FILES - 2 * AT_ONCE, 0]
        row = connection.execute("SELECT purged FROM chats WHERE id = %s", (chat.id,)).fetchone()
        assert row == (True,)
