"""A backup of a running system, restored into an empty one; all users log in and continue."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from fleet.commands.backup import back_up, restore
from fleet.settings import read_settings
from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person

KEPT = 30
PASSWORD = "correct horse"


SHOPPING = b"Salad, bread, lemonade" * 40_000


async def upload(http: aiohttp.ClientSession, person: Person, chat: str, data: bytes) -> str:
    place = f"{person.origin}/api/chat/{chat}/file?name=shopping.txt"
    headers = {"Authorization": f"Bearer {person.token}"}
    async with http.post(place, data=data, headers=headers) as answer:
        assert answer.status == 201
        file: str = (await answer.json())["file"]["id"]
        return file


async def download(http: aiohttp.ClientSession, person: Person, chat: str, file: str) -> bytes:
    headers = {"Authorization": f"Bearer {person.token}"}
    place = f"{person.origin}/api/chat/{chat}/file/{file}"
    async with http.get(place, headers=headers) as answer:
        return await answer.read()


async def read_own(person: Person) -> dict[str, tuple[int, int, int]]:
    """Read marker, unread messages and mentions by chat."""
    listed = (await person.ask("GET", "/api/chat")).body["chats"]
    own = {chat["id"]: chat["mine"] for chat in listed}
    return {id_: (mine["read"], mine["unread"], mine["mentions"]) for id_, mine in own.items()}


def count_own(events: list[dict[str, Any]], person: Person, read: int) -> tuple[int, int, int]:
    """The same, counted from a chat's events: all messages of others."""
    unread = [e for e in events if e["type"] == "message" and e["seq"] > read]
    mentions = [event for event in unread if person.id in event.get("mentions", ())]
    return read, len(unread), len(mentions)


async def test_restored_into_an_empty_system_every_history_is_back(tmp_path: Path) -> None:
    """Chats, events, memberships and counts are unchanged. Earlier sessions have ended. Devices
    that log in see another epoch and hold what history holds. New seqs continue from there."""
    data, backup = tmp_path / "data", tmp_path / "backup.tar"
    settings = read_settings({"HUBBUB_DATA": str(data)})
    replicas = "edge=1,realtime=1,files=1,users=1,chats=1"
    async with (
        aiohttp.ClientSession() as http,
        Hubbub(data, replicas=replicas) as hubbub,
    ):
        ann = await Person.sign_up(http, hubbub.origin, password=PASSWORD)
        ben = await Person.sign_up(http, hubbub.origin, password=PASSWORD)
        chats = [await ann.create_chat(f"chat {number}", ben.id) for number in range(2)]
        async with Device(ann, History()) as anns, Device(ben, History()) as bens:
            await anns.until_ready()
            await bens.until_ready()
            for number in range(KEPT):
                await ben.post(chats[number % 2], f"kept {number}")
            file = await upload(http, ben, chats[0], SHOPPING)
            opened = await ann.ask("PUT", f"/api/user/{ben.id}/direct")
            chats.append(opened.body["chat"]["id"])
            mention = {"message": "for ann", "mentions": [ann.id]}
            for chat in chats[1:]:
                await ben.ask("POST", f"/api/chat/{chat}/message", mention)
            await ann.ask("PUT", f"/api/chat/{chats[0]}/read", {"upTo": KEPT // 4})
            kept = {chat: await ann.events(chat) for chat in chats}
            markers = dict.fromkeys(chats, 1) | {chats[0]: KEPT // 4}
            own = {chat: count_own(kept[chat], ann, read) for chat, read in markers.items()}
            assert await read_own(ann) == own
            await asyncio.to_thread(back_up, settings, backup)
            await ben.post(chats[0], "said after the backup")
            await anns.until_seq(chats[0], len(kept[chats[0]]) + 1)

            assert await hubbub.stop() == 0
            data.rename(tmp_path / "lost")
            said = await asyncio.to_thread(restore, settings, backup, replace=False)
            assert said == f"Restored: 2 people, 3 chats, {KEPT + 5} events."
            await hubbub.start()
            for device in (anns, bens):
                await device.until(lambda device: device.ends[-1][0] == 4500, 30)

        for person in (ann, ben):
            refresh = {"refreshToken": person.refresh_token}
            assert (await person.call("POST", "/api/user/refresh", refresh)).status == 401
            assert (await person.ask("GET", "/api/user/me")).status == 401
            await person.log_in(PASSWORD)
        epoch = anns.epoch
        async with anns, bens:
            for device in (anns, bens):
                await device.until_ready()
                assert device.epoch not in (None, epoch)
            assert {chat: await ben.events(chat) for chat in chats} == kept
            assert await download(http, ben, chats[0], file) == SHOPPING
            assert await read_own(ann) == own
            answer = await ben.post(chats[0], "said after the restore")
            assert answer.body["messageInfo"]["seq"] == len(kept[chats[0]]) + 1
            for device in (anns, bens):
                await device.until_seq(chats[0], len(kept[chats[0]]) + 1)
                history = await device.person.events(chats[0])
                assert device.applied(chats[0])[-len(history) :] == history
                me = await device.person.ask("GET", "/api/user/me")
                assert sorted(me.body["user"]["chats"]) == sorted(chats)
