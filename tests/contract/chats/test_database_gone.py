"""chats while its database cannot be reached, and after."""

import asyncio

import psycopg
import pytest

from common.protocol.chats import Chat, GetChat
from common.protocol.errors import Refusal
from tests.contract.chats.conftest import Stage, World, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_database_gone_is_unavailable(stage: Stage, world: World) -> None:
    """Sends, reads and changes are refused as unavailable while no connection can be had, and work
    again when it can."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    name = stage.chats_database_url.rpartition("/")[2]
    with psycopg.connect(stage.users_database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        assert (await world.send(new_message(chat.id, ann)))[0].code == "unavailable"
        with pytest.raises(Refusal, match="unavailable"):
            await world.call("get_chat", GetChat(user=ann.id, chat=chat.id), Chat)
        with pytest.raises(Refusal, match="unavailable"):
            await world.make_chat(ann)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    async with asyncio.timeout(30):
        while (await world.send(new_message(chat.id, ann)))[0].code:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
