"""Changes of messages as devices receive them: live, after an absence, and from every node."""

import asyncio
import os
import sys
import time
from typing import Any
from urllib.parse import quote

from common.protocol.fold import fold
from tests.fixtures.busy import bound
from tests.fixtures.device import Device
from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice, eventually

THUMB = quote("👍")


async def send(person: Person, chat: str, text: str, **more: Any) -> str:
    """Sends a message; returns its id."""
    answer = await person.ask("POST", f"/api/chat/{chat}/message", {"message": text, **more})
    assert answer.status == 201, answer
    message: str = answer.body["messageInfo"]["messageId"]
    return message


def folded(device: Device, chat: str) -> list[Any]:
    """What the device has folded from its events, newest first."""
    return list(fold({}, device.applied(chat)).values())[::-1]


async def test_devices_fold_what_history_gives(
    ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """A device that was connected all the time and one that was away both hold what history
    holds."""
    chat = await ann.create_chat("talk", ben.id)
    async with make_device(ann) as anns, make_device(ben) as bens:
        await bens.until_seq(chat, 1)
        first = await send(ann, chat, "one", mentions=[ben.id])
        place = f"/api/chat/{chat}/message/{first}"
        assert (await ben.ask("PUT", f"{place}/reaction/{THUMB}")).status == 201
        async with bens.away():
            assert (await ann.ask("PATCH", place, {"message": "two"})).status == 200
            second = await send(ben, chat, "three", replyTo=first)
            assert (await ann.ask("PUT", f"{place}/reaction/{THUMB}")).status == 201
            gone = f"/api/chat/{chat}/message/{second}"
            assert (await ann.ask("DELETE", gone)).status == 200
        messages, head = await ann.messages(chat)
        assert head == 7
        for device in (anns, bens):
            await device.until_seq(chat, head)
            assert folded(device, chat) == messages
        text = [event.get("message") for event in bens.applied(chat)]
        assert "three" not in text  # it was deleted before this device came back
        assert "three" in [event.get("message") for event in anns.applied(chat)]


async def test_a_deleted_text_is_nowhere(ann: Person, ben: Person, make_device: MakeDevice) -> None:
    """Not in history, events, a repeat, the message itself, or on a socket that resumes on any
    node: at once in answers of chats, within a second everywhere else."""
    chat = await ann.create_chat("talk", ben.id)
    key = "019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071"
    secret = await send(ann, chat, "secret", clientId=key)
    place = f"/api/chat/{chat}/message/{secret}"
    await ann.ask("PATCH", place, {"message": "secret too"})
    for _ in range(5):  # every cache and buffer holds it now
        assert "secret" in str((await ben.messages(chat))[0])
        assert "secret" in str(await ben.events(chat))
    async with make_device(ben) as device:
        await device.until_ready()
        device.cursors[chat] = 1
        await device.drop()
        await device.until_seq(chat, 3)
        assert "secret" in str(device.applied(chat))
    assert (await ann.ask("DELETE", place)).status == 200
    for person in (ann, ben):
        assert "secret" not in str(await person.messages(chat))
        assert "secret" not in str(await person.events(chat))
        assert (await person.ask("GET", place)).status == 404
    again = await ann.ask(
        "POST", f"/api/chat/{chat}/message", {"message": "secret", "clientId": key}
    )
    assert again.body["messageInfo"]["message"] == ""
    forgotten = time.monotonic() + bound(1.0, 20.0)  # the contract allows the nodes a second
    await asyncio.sleep(1)
    in_a_row = 0
    while in_a_row < 4:  # by several nodes
        began = time.monotonic()
        async with make_device(ben) as device:
            await device.until_ready()
            device.cursors[chat] = 1
            await device.drop()
            await device.until_seq(chat, 4)
            assert [event["type"] for event in device.applied(chat)[-1:]] == ["message.deleted"]
            if "secret" in str(device.applied(chat)):
                assert began < forgotten
                in_a_row = 0
            else:
                in_a_row += 1


async def test_a_reply_over_the_socket(ann: Person, ben: Person, make_device: MakeDevice) -> None:
    """The frame accepts what the call accepts; a reply to a missing message is an error that says
    so."""
    chat = await ann.create_chat("talk", ben.id)
    first = await send(ann, chat, "one")
    async with make_device(ben) as device:
        await device.until_seq(chat, 2)
        frame = {"type": "send", "chat": chat, "message": "two", "mentions": [ann.id]}
        keys = [f"019a1b2c-3d4e-7f60-8a1b-2c3d4e5f607{n}" for n in range(3)]
        await device.say({**frame, "clientId": keys[0], "replyTo": first})
        await device.until_seq(chat, 3)
        await device.say({**frame, "clientId": keys[1], "replyTo": keys[1]})
        await device.say({**frame, "clientId": keys[2], "mentions": [ann.id] * 51})

        async def refused() -> bool:
            errors = [f for f in device.frames if f["type"] == "error"]
            return {f.get("clientId") for f in errors} == {keys[1], keys[2]} and {
                f["code"] for f in errors
            } == {"invalid_request"}

        await eventually(refused)
    reply = device.applied(chat)[-1]
    assert (reply["replyTo"], reply["mentions"]) == (first, [ann.id])


async def test_what_is_derived_can_be_rebuilt_while_it_runs(
    system: Hubbub, ann: Person, ben: Person
) -> None:
    """One command folds the log again; history is unchanged."""
    chat = await ann.create_chat("talk", ben.id)
    for number in range(3):
        message = await send(ann, chat, f"message {number}")
        place = f"/api/chat/{chat}/message/{message}"
        assert (await ben.ask("PUT", f"{place}/reaction/{THUMB}")).status == 201
        assert (await ann.ask("PATCH", place, {"message": f"edit {number}"})).status == 200
    before = await ann.messages(chat)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleet", "rebuild", "messages", cwd=ROOT,
        env={**os.environ, "HUBBUB_DATA": str(system.data)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert int(said.split()[0]) >= 3
    assert await ann.messages(chat) == before
    assert before[0][0]["message"] == "edit 2"
