"""A backup of the stack, taken while people talk and restored into an empty one."""

import asyncio
from pathlib import Path

import pytest

from tests.compose.stack import Stack
from tests.compose.test_features import download, upload
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice
from tests.observability.talk import DOT

PASSWORD = "correct horse"


async def test_restored_into_an_empty_system_every_history_is_back(
    system: Stack, ann: Person, ben: Person, make_device: MakeDevice, tmp_path: Path
) -> None:
    """Accounts, chats, events and files are unchanged. Earlier sessions have ended. Devices that
    log in have another epoch and hold what history holds. New messages are numbered from there."""
    backup = tmp_path / "backup.tar"
    for person in (ann, ben):
        answer = await person.ask("PATCH", "/api/user/me", {"password": PASSWORD})
        assert answer.status == 200, answer
    chat = await ann.create_chat("kept", ben.id)
    for number in range(20):
        await ann.post(chat, f"kept {number}")
    file = await upload(ann, chat, DOT, "dot.png")
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
        assert await download(ann, f"/chat/{chat}/file/{file}") == ("image/png", DOT)
        answer = await ben.post(chat, "said after the restore", retry_seconds=30)
        assert answer.body["messageInfo"]["seq"] == len(kept) + 1
        for device in (anns, bens):
            await device.until_seq(chat, len(kept) + 1, 30)
            own = device.applied(chat)[-len(kept) - 1 :]
            assert own == await device.person.events(chat)
    me = await ben.ask("GET", "/api/user/me", retry_seconds=10)
    assert me.body["user"]["chats"] == [chat]


async def test_a_damaged_backup_stops_nothing(system: Stack, tmp_path: Path) -> None:
    """An unusable backup is refused while everything keeps running."""
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(b"no backup")
    before = system.running_since()
    with pytest.raises(AssertionError, match="Nothing was restored"):
        await asyncio.to_thread(system.run, "deploy/compose-restore", str(damaged), REPLACE="yes")
    assert system.running_since() == before


async def test_another_major_release_has_the_data_and_there_is_a_way_back(
    system: Stack, ann: Person, tmp_path: Path
) -> None:
    """Tokens stay valid. There is no next release yet, so the same release in another folder takes
    its place."""
    env = tmp_path / "env"
    variables = {"HUBBUB_ENV": str(env), "COMPOSE_ENV_FILES": str(env)}
    env.write_text("HUBBUB_SIGNUP=open\n")
    chat = await ann.create_chat("kept")
    await ann.post(chat, "said before")
    kept = await ann.events(chat)

    def postgres() -> str:
        return system.compose("exec", "-T", "chats-database", "printenv", "PGDATA", **variables)

    said = await asyncio.to_thread(
        system.run, "deploy/compose-upgrade-postgres", "19", "postgres:18.6-trixie", **variables
    )
    try:
        assert "/19/" in postgres()
        assert env.read_text().splitlines() == [
            "HUBBUB_SIGNUP=open",
            "HUBBUB_POSTGRES_MAJOR=19",
            "HUBBUB_POSTGRES_IMAGE=postgres:18.6-trixie",
        ]
        assert await ann.events(chat) == kept
        assert (await ann.post(chat, "said after", retry_seconds=30)).status == 201
    finally:
        back = said.partition("nothing new was written: ")[2]
        await asyncio.to_thread(system.run_until_healthy, "sh", "-c", back, **variables)
    assert "/18/" in postgres()
    assert await ann.events(chat) == kept
