"""Files that a message takes at the moment they would be dropped."""

import asyncio

import psycopg

from chats.store.files import doom_left_over
from chats.store.query import PLAN_OPTIONS
from common.database.pool import create_pool
from common.protocol.ids import new_id

_UPLOADED = (
    "INSERT INTO files (id, chat, uploader, key, name, size, type, began_at, stored_at)"
    " VALUES (%s, %s, %s, %s, 'a.txt', 1, 'text/plain', now() - interval '25 hours', now())"
)


async def test_a_file_that_is_just_being_taken_stays(database_url: str) -> None:
    """A day after its upload, while the sweep looks for files without a message; others are
    dropped."""
    taken, left = new_id(), new_id()
    with psycopg.connect(database_url) as sender:
        for file in (taken, left):
            sender.execute(_UPLOADED, (file, new_id(), new_id(), new_id()))
        sender.commit()
        sender.execute("UPDATE files SET seq = 2 WHERE id = %s", (taken,))
        async with create_pool(database_url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
            sweeping = asyncio.create_task(doom_left_over(pool, 200))
            await asyncio.wait((sweeping,), timeout=0.3)
            sender.commit()
            await sweeping
        rows = sender.execute("SELECT id::text, doomed_at IS NOT NULL FROM files").fetchall()
    assert dict(rows) == {taken: False, left: True}
