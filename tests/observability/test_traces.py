"""One message followed by its trace, and logs that contain no secrets."""

import asyncio
import json
import os
import uuid
from functools import partial

import aiohttp

from ops.trail import find_trail, read_files
from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.observability.run import run_ops

PATIENCE_SECONDS = 30.0


async def test_one_message_is_followed_through_all_tiers(system: Hubbub) -> None:
    """`fleet logs TRACE` shows edge, chats, and each node that delivered it, in order of time."""
    trace = uuid.uuid4().hex
    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, system.origin)
        async with Device(ann, History()) as device:
            await device.until_ready()
            chat = await ann.create_chat("traced")
            await device.until_seq(chat, 1)  # else the message may be fetched with the chat
            answer = await ann.call(
                "POST", f"/api/chat/{chat}/message", {"message": "where am I"}, token=ann.token,
                headers={"traceparent": f"00-{trace}-00000000000000a1-01"},
            )  # fmt: skip
            assert answer.headers["x-hubbub-trace"] == trace
            await device.until_seq(chat, 2)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not {"edge", "chats", "realtime"} <= {  # noqa: ASYNC110 - lines in files
            line["role"] for line in find_trail(partial(read_files, system.data / "logs"), trace)
        }:
            await asyncio.sleep(0.1)
    code, said = await run_ops(system, "logs", f"00-{trace}-00000000000000a1-01")
    assert code == 0
    assert "route=/api/chat/{chat_id}/message status=201" in said
    assert "call=append status=200" in said
    assert f"delivered chat={chat} seq=2 sockets=1" in said


async def test_messages_of_one_batch_are_found_by_the_trace_of_each(system: Hubbub) -> None:
    """A hundred simultaneous messages go to chats in a few calls; every trace leads to one of
    them."""
    traces = [uuid.uuid4().hex for _ in range(100)]
    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, system.origin)
        chat = await ann.create_chat("traced")
        answers = await asyncio.gather(
            *(
                ann.call(
                    "POST", f"/api/chat/{chat}/message", {"message": "one of many"},
                    token=ann.token, headers={"traceparent": f"00-{trace}-00000000000000a1-00"},
                )
                for trace in traces
            )
        )  # fmt: skip
    assert {answer.status for answer in answers} == {201}
    read = partial(read_files, system.data / "logs")

    async def leads_to_a_call(trace: str) -> bool:
        trail = await asyncio.to_thread(find_trail, read, trace)
        return any(line.get("call") == "append" for line in trail)

    async with asyncio.timeout(PATIENCE_SECONDS):
        for trace in traces[::10]:
            while not await leads_to_a_call(trace):  # noqa: ASYNC110 - lines in files
                await asyncio.sleep(0.1)


async def test_unknown_traces_are_told_apart_from_nonsense(system: Hubbub) -> None:
    """Exit code 1 and an error message for both."""
    assert (await run_ops(system, "logs", "f" * 32))[0] == 1
    assert (await run_ops(system, "logs", "Nonsense!"))[0] == 1


async def test_logs_and_figures_hold_no_secret(system: Hubbub) -> None:
    """After sign-up, log-in, messages and sockets: no token, password, text or chat name in any
    log, any metric or the bundle; nor the contents of the key files."""
    password, text, name = (f"secret {uuid.uuid4()}" for _ in range(3))
    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, system.origin, password=password)
        body = {"username": ann.username, "password": password}
        again = (await ann.call("POST", "/api/user/login", body)).body
        await ann.call("POST", "/api/user/login", {**body, "password": f"{password}x"})
        async with Device(ann, History()) as device:
            await device.until_ready()
            chat = await ann.create_chat(name)
            await device.post(chat, text)
            await ann.post(chat, text)
            await device.until_seq(chat, 3)
    secrets = [password, text, name, ann.token, ann.refresh_token, again["token"]]
    keys = [path for path in (system.data / "keys").rglob("*") if path.is_file()]
    held = [key.read_text().strip() for key in keys if key.suffix != ".acl"]
    secrets += [secret for secret in held if secret]
    assert len(secrets) > 10
    bundle = system.data / "bundle.tar.gz"
    code, said = await run_ops(system, "bundle", str(bundle))
    assert code == 0, said
    unpacked = system.data / "bundle"
    unpacked.mkdir()
    os.chmod(bundle, 0o400)
    packed = await asyncio.create_subprocess_exec("tar", "xzf", bundle, "-C", unpacked)
    assert await packed.wait() == 0
    texts = {
        path: path.read_text(errors="replace")
        for folder in (system.data / "logs", unpacked)
        for path in folder.rglob("*")
        if path.is_file()
    }
    names = {path.relative_to(unpacked).as_posix() for path in texts if unpacked in path.parents}
    assert {"hubbub/doctor.json", "hubbub/fleet.json", "hubbub/logs/edge-1.log"} <= names
    assert {"hubbub/metrics/chats-1.txt", "hubbub/environment.txt"} <= names
    assert json.loads(texts[unpacked / "hubbub/doctor.json"])["checks"]
    assert {
        (path.name, secret) for path, said in texts.items() for secret in secrets if secret in said
    } == set()
