"""A little of everything that people do, repeated, so that every metric has a value."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from common.process.tasks import stop
from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.person import Person
from tests.fixtures.push_service import PushService
from tests.fixtures.small_server import serving

PAUSE_SECONDS = 0.15
PASSWORD = "correct horse battery"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@asynccontextmanager
async def people_who_talk(origin: str) -> AsyncIterator[None]:
    """Three people talk, by socket and by REST, as long as the block runs."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        people = [await Person.sign_up(http, origin) for _ in range(3)]
        history = History()
        devices = [await stack.enter_async_context(Device(person, history)) for person in people]
        for device in devices:
            await device.until_ready()
        chat = await people[0].create_chat("figures", *(person.id for person in people[1:]))
        talking = [
            asyncio.create_task(_talk(person, device, chat))
            for person, device in zip(people, devices, strict=True)
        ]
        talking.append(asyncio.create_task(_come_and_go(http, origin)))
        talking.append(asyncio.create_task(_share(http, people[0], chat)))
        try:
            yield
        finally:
            await stop(talking)
        assert [task.exception() for task in talking if not task.cancelled()] == []


@asynccontextmanager
async def somebody_who_is_away(origin: str) -> AsyncIterator[None]:
    """A user who is notified by a push service on this machine of what another one posts."""
    async with aiohttp.ClientSession() as http:
        with serving(PushService) as service:
            writer, away = [await Person.sign_up(http, origin) for _ in range(2)]
            await away.ask("PUT", "/api/user/me/push", service.make_browser().subscription)
            chat = await writer.create_chat("news", away.id)

            async def post() -> None:
                while True:
                    await writer.post(chat, "news")
                    await asyncio.sleep(PAUSE_SECONDS)

            posting = asyncio.create_task(post())
            try:
                yield
            finally:
                await stop([posting])
            assert posting.cancelled() or posting.exception() is None


async def _talk(person: Person, device: Device, chat: str) -> None:
    while True:
        await device.post(chat, "by socket")
        await person.post(chat, "by REST")
        await person.ask("PATCH", f"/api/chat/{chat}", {"chatName": f"figures {uuid.uuid4()}"})
        await person.ask("GET", f"/api/chat/{chat}")
        await person.ask("GET", f"/api/chat/{chat}/message")
        await asyncio.sleep(PAUSE_SECONDS)


async def _come_and_go(http: aiohttp.ClientSession, origin: str) -> None:
    """Sign-ups, log-ins, refused ones, and sockets and chats that come and go."""
    while True:
        person = await Person.sign_up(http, origin)
        await person.ask("PATCH", "/api/user/me", {"password": PASSWORD})
        async with Device(person, History()) as device:
            await device.until_ready()
            chat = await person.create_chat("short")
            await person.ask("DELETE", f"/api/chat/{chat}")
        await person.ask("GET", "/api/user/me")
        await person.ask("POST", "/api/user/logout")
        await asyncio.sleep(PAUSE_SECONDS)


async def _share(http: aiohttp.ClientSession, person: Person, chat: str) -> None:
    """Pictures that are uploaded, viewed and sent."""
    place = f"{person.origin}/api/chat/{chat}/file"
    headers = {"Authorization": f"Bearer {person.token}"}
    while True:
        async with http.post(f"{place}?name=dot.png", data=DOT, headers=headers) as answer:
            file = (await answer.json())["file"]["id"]
        async with http.get(f"{place}/{file}/preview", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        await person.ask(
            "POST", f"/api/chat/{chat}/message", {"message": "", "attachments": [file]}
        )
        await asyncio.sleep(PAUSE_SECONDS)
