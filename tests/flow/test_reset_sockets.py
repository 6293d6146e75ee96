"""Sockets that are gone before their answers arrive, connected directly to one node."""

import json
import uuid

from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person


async def test_sends_whose_sockets_are_reset_hold_up_nobody(
    ann: Person, ben: Person, system: Hubbub
) -> None:
    """An answer whose socket is gone does not delay other answers on the same node."""
    chat = await ann.create_chat("talk", ben.id)
    node = f"ws://127.0.0.1:{system.processes('realtime')[0].port}/ws"
    async with Device(ben, History(), url=node) as bens:
        await bens.until_seq(chat, 1)
        for number in range(5):
            async with Device(ann, History(), url=node) as anns:
                await anns.until_ready()
                frames = [
                    {"type": "send", "chat": chat, "clientId": str(uuid.uuid4()), "message": "x"}
                    for _ in range(20)
                ]
                await anns.say("\n".join(json.dumps(frame) for frame in frames))
                await anns.reset()
            assert (await bens.post(chat, f"still here {number}", retry_seconds=6)).ended
