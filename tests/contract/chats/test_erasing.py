"""Messages with many edits are deleted in short transactions."""

import psycopg
import pytest

from chats.erasing import EVENTS_A_PAGE
from chats.log.appending import MAX_DELETIONS
from common.protocol.chats import DeleteMessagesOf, MessagesDeleted
from common.protocol.items import MessageStored
from common.protocol.limits import MAX_EDITS_A_MESSAGE
from tests.contract.chats.conftest import Stage, World, code_of, new_message
from tests.contract.chats.scene import Scene, make_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

# More edits of each edited message, as copies of its first one.
EDIT_OFTEN = """
WITH edited AS (
    SELECT row_number() OVER (ORDER BY nth, c.seq) + (
        SELECT max(seq) FROM log WHERE chat = %(chat)s
    ) AS seq, c.seq AS message, l.kind, l.sender, l.event
    FROM changed_messages c JOIN log l ON l.chat = c.chat AND l.seq = c.edits[1],
        generate_series(2, %(edits)s) AS nth
    WHERE c.chat = %(chat)s
), written AS (
    INSERT INTO log (chat, seq, kind, sender, event)
    SELECT %(chat)s, seq, kind, sender, event FROM edited
)
UPDATE changed_messages c SET edits = c.edits || more.edits FROM (
    SELECT message, array_agg(seq ORDER BY seq) AS edits FROM edited GROUP BY message
) AS more WHERE c.chat = %(chat)s AND c.seq = more.message
"""


async def send_more(scene: Scene, number: int) -> list[MessageStored]:
    ann = scene.people[0]
    return await scene.world.send(*(new_message(scene.id, ann, "secret") for _ in range(number)))


async def test_a_page_of_an_erased_account_has_few_edits(stage: Stage, world: World) -> None:
    """Few enough for one transaction, although it then has fewer messages than requested; page by
    page all messages and edits lose their text."""
    scene = await make_scene(world, text="secret")
    ann, _ = scene.people
    for sent in await send_more(scene, 5):
        await scene.append(scene.edit(ann, "secret too", of=sent.message_id))
    with psycopg.connect(stage.chats_database_url, autocommit=True) as connection:
        connection.execute(EDIT_OFTEN, {"chat": scene.id, "edits": MAX_EDITS_A_MESSAGE})
        after, left, pages = "", 1 + 5 * (1 + MAX_EDITS_A_MESSAGE), 0
        while pages == 0 or after:
            request = DeleteMessagesOf(user=ann.id, after=after, limit=50)
            after = (await world.call("delete_messages_of", request, MessagesDeleted)).next
            before, left = left, count_secrets(connection, scene.id)
            assert 0 < before - left <= EVENTS_A_PAGE + MAX_EDITS_A_MESSAGE
            pages += 1
    assert (left, pages) == (0, 3)


def count_secrets(connection: psycopg.Connection, chat: str) -> int:
    query = "SELECT count(*) FROM log WHERE chat = %s AND strpos(encode(event, 'escape'), %s) > 0"
    row = connection.execute(query, (chat, "secret")).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_transaction_has_few_deletions(stage: Stage, world: World) -> None:
    """However many one call has; they are stored in its order."""
    scene = await make_scene(world)
    ann, _ = scene.people
    sent = await send_more(scene, 3 * MAX_DELETIONS + 1)
    results = await world.append(*(scene.delete(ann, of=one.message_id) for one in sent))
    assert {code_of(result) for result in results} == {""}
    with psycopg.connect(stage.chats_database_url) as connection:
        rows = connection.execute(
            "SELECT xmin::text,"
            " array_agg(convert_from(event, 'UTF8')::jsonb ->> 'messageId' ORDER BY seq)"
            " FROM log WHERE chat = %s AND kind = 'message.deleted' GROUP BY xmin::text"
            " ORDER BY min(seq)",
            (scene.id,),
        ).fetchall()
    assert [len(ids) for _, ids in rows] == [MAX_DELETIONS] * 3 + [1]
    assert [id_ for _, ids in rows for id_ in ids] == [one.message_id for one in sent]
