"""A backup of the stack, taken while people talk and put into an empty one."""

import asyncio
from pathlib import Path

from tests.compose.stack import Stack
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice

PASSWORD = "correct horse"


async def test_restored_into_an_empty_system_every_history_is_back(
    system: Stack, ann: Person, ben: Person, make_device: MakeDevice, tmp_path: Path
) -> None:
    """Accounts, chats and events are as they were; sessions of before are over; devices that log in
    have another epoch and hold what history holds; what is said then is numbered on from there."""
    backup = tmp_path / "backup.tar"
    for person in (ann, ben):
        answer = await person.ask("PATCH", "/api/user/me", {"password": PASSWORD})
        assert answer.status == 200, answer
    chat = await ann.create_chat("kept", ben.id)
    for number in range(20):
        await ann.post(chat, f"kept {number}")
    kept = await ann.events(chat)
    async with make_device(ann) as anns, make_device(ben) as bens:
        for device in (anns, bens):
            await device.until_seq(chat, len(kept))
        epoch = anns.epoch
        await asyncio.to_thread(system.run, "deploy/compose-backup", str(backup))
        await ben.post(chat, "said after the backup")
        await anns.until_seq(chat, len(kept) + 1)

        await asyncio.to_thread(system.down)
        try:
            await asyncio.to_thread(system.run, "deploy/compose-restore", str(backup))
        except BaseException:
            await asyncio.to_thread(system.up)  # for the tests that follow
            raise

        for device in (anns, bens):
            await device.until(lambda device: device.ends[-1][0] == 4500, 60)
    for person in (ann, ben):
        await person.log_in(PASSWORD, retry_seconds=30)
    async with anns, bens:
        for device in (anns, bens):
            await device.until_ready(30)
            assert device.epoch not in (None, epoch)
        assert await ben.events(chat) == kept
        answer = await ben.post(chat, "said after the restore", retry_seconds=30)
        assert answer.body["messageInfo"]["seq"] == len(kept) + 1
        for device in (anns, bens):
            await device.until_seq(chat, len(kept) + 1, 30)
            own = device.applied(chat)[-len(kept) - 1 :]
            assert own == await device.person.events(chat)
    me = await ben.ask("GET", "/api/user/me", retry_seconds=10)
    assert me.body["user"]["chats"] == [chat]
