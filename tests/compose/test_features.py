"""Features that need a volume, an index or separate Valkey users: files, search, presence. Also
what HAProxy does better here than the older one of `make run`."""

from typing import Any

import pytest

from tests.compose.stack import Stack
from tests.fixtures.device import Device
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice, eventually
from tests.flow.test_balancer import check_has_the_headers_of_all, request, say
from tests.observability.talk import DOT


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (request("GET /\xe9"), 400),
        (request("POST /api/user", **{"Content-Length": "ten"}), 400),
        (request("POST /api/user", **{"Transfer-Encoding": "gzip, chunked"}), 422),
        (b"GET / HT", 408),
    ],
)
async def test_what_is_not_http_is_refused_as_a_problem(
    system: Stack, request_bytes: bytes, status: int
) -> None:
    """By HAProxy's parser, with the mounted files."""
    answer = await say(system.origin, request_bytes)
    assert (answer.status, answer.code) == (status, "invalid_request")
    assert answer.headers["Connection"] == "close"
    check_has_the_headers_of_all(answer)


async def upload(person: Person, chat: str, data: bytes, name: str) -> str:
    """Returns the new file's id."""
    place = f"{person.origin}/api/chat/{chat}/file?name={name}"
    headers = {"Authorization": f"Bearer {person.token}"}
    async with person.session.post(place, data=data, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        file: str = (await answer.json())["file"]["id"]
        return file


async def download(person: Person, place: str) -> tuple[str, bytes]:
    """Returns content type and bytes; `place` is below /api."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with person.session.get(f"{person.origin}/api{place}", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return answer.content_type, await answer.read()


async def test_a_picture_is_seen_by_the_others(ann: Person, ben: Person) -> None:
    """Whichever replica of files received it; the same for its preview and a user's avatar."""
    chat = await ann.create_chat("pictures", ben.id)
    for number in range(4):
        file = await upload(ann, chat, DOT, f"dot-{number}.png")
        message = {"message": "", "attachments": [file]}
        assert (await ann.ask("POST", f"/api/chat/{chat}/message", message)).status == 201
        assert await download(ben, f"/chat/{chat}/file/{file}") == ("image/png", DOT)
        kind, preview = await download(ben, f"/chat/{chat}/file/{file}/preview")
        assert kind == "image/webp"
        assert preview
    answer = await ann.ask("PUT", "/api/user/me/avatar", DOT, headers={"Content-Type": "image/png"})
    assert answer.status == 200, answer
    seen = await ben.ask("GET", f"/api/user/{ann.id}")
    assert (await download(ben, seen.body["avatar"].removeprefix("/api")))[1]


async def test_what_is_said_is_found(ann: Person, ben: Person) -> None:
    """By its words, by every participant."""
    chat = await ann.create_chat("garden", ben.id)
    await ann.post(chat, "The tomatoes are ripe")

    async def is_found() -> bool:
        answer = await ben.ask("GET", "/api/search?q=tomatoes")
        assert answer.status == 200, answer
        return chat in str(answer.body)

    await eventually(is_found, 30)


async def test_who_is_there_is_told(ann: Person, ben: Person, make_device: MakeDevice) -> None:
    """From node to node."""
    await ann.create_chat("garden", ben.id)

    def told(device: Device) -> dict[str, Any]:
        frames = [frame["users"] for frame in device.frames if frame["type"] == "presence"]
        return frames[-1] if frames else {}

    async with make_device(ann) as anns:
        await anns.until_ready()
        await anns.say({"type": "watch", "users": [ben.id]})
        await anns.until(lambda device: told(device) == {ben.id: "offline"})
        async with make_device(ben) as bens:
            await anns.until(lambda device: told(device) == {ben.id: "online"})
            await bens.say({"type": "active", "active": False})
            await anns.until(lambda device: told(device) == {ben.id: "away"})
