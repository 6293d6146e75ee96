"""The number of concurrent uploads of one user."""

import pytest

from chats.store.query import fetch
from common.database.pool import create_pool
from common.protocol.chats import Done
from common.protocol.errors import Refusal
from common.protocol.files import BeginUpload, FileIds, UploadBegun
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Stage, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_uploads_to_two_chats_with_one_key_are_two(world: World) -> None:
    """A repeat to the same chat counts only once."""
    ann = await world.make_person()
    chat, other = await world.make_chat(ann), await world.make_chat(ann)
    key = new_id()

    async def begin(place: str) -> None:
        request = BeginUpload(
            id=new_id(), user=ann.id, chat=place, key=key, name="x", size=1, at_once=1
        )
        await world.call("begin_upload", request, UploadBegun)

    await begin(chat.id)
    await begin(chat.id)
    with pytest.raises(Refusal, match="rate_limited"):
        await begin(other.id)


async def test_uploads_that_nobody_receives_any_more_do_not_count(
    world: World, stage: Stage
) -> None:
    """After 10 s without a report from the process that received them, as when it was killed."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)

    async def begin() -> str:
        request = BeginUpload(
            id=new_id(), user=ann.id, chat=chat.id, key=new_id(), name="x", size=1, at_once=1
        )
        await world.call("begin_upload", request, UploadBegun)
        return request.id

    async def pass_by(file: str) -> None:
        async with create_pool(stage.chats_database_url, size=1) as pool:
            await fetch(
                pool,
                "UPDATE files SET began_at = began_at - interval '11 seconds',"
                " told_at = told_at - interval '11 seconds' WHERE id = %s RETURNING id",
                (file,),
            )

    file = await begin()
    await pass_by(file)
    await world.call("keep_uploads", FileIds(ids=[file]), Done)
    with pytest.raises(Refusal, match="rate_limited"):
        await begin()
    await pass_by(file)
    await begin()
