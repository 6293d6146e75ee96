"""How many uploads of one person are under way."""

import pytest

from common.protocol.errors import Refusal
from common.protocol.files import BeginUpload, UploadBegun
from common.protocol.ids import new_id
from tests.contract.chats.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_uploads_to_two_chats_with_one_key_are_two(world: World) -> None:
    """A repeat to the same chat counts once."""
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
