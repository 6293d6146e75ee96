"""Clients vanish, all reconnect at once, never read, or send garbage; others do not notice."""

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.faults.storm import Scene, ride_out
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.fixtures.proxy import Proxy

SUBPROTOCOL = Subprotocol("chat.v1")
INVARIANTS = "I1 to I9"
HERD = 1000
HERD_BACK_SECONDS = 10.0
STUCK_READERS = 500
SLOW_READERS = 500  # a byte a second each
MEGABYTE = 1 << 20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# The balancer holds three buffers of 24 KiB for each. The nodes hold queued frames, which all
# listeners of a chat share, so a thousand readers of one chat wait for the same bytes: at most
# 1 MiB per node, plus the queue of each.
MAX_GROWTH_BYTES = {"balancer": 80 * MEGABYTE, "realtime": 60 * MEGABYTE}

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: hubbub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: chat.v1\r\n\r\n"
)
RUBBISH = (
    b"\x81\x02hi",  # not masked
    b"\x83\x80\x00\x00\x00\x00",  # an opcode that does not exist
    b"\xc1\x80\x00\x00\x00\x00",  # compressed
    b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",  # the maximum length
    b"\x80\x80\x00\x00\x00\x00",  # a continuation without a beginning
    b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + b"x" * 126,  # a ping above 125 bytes
    b"\x81\x81\x00\x00\x00\x00\xff",  # not UTF-8
    b"\x82\x81\x00\x00\x00\x00x",  # binary
    b"\x81\x85\x00\x00\x00\x00[[[[[",
    b"\x01\x81\x00\x00\x00\x00{" * 50,  # fragments that never end
)


@pytest.mark.long
async def test_networks_of_clients_break(system: Hubbub, seed: int) -> None:
    """Every connection is reset, or hangs and is reset, again and again."""
    parts = urlsplit(system.origin)
    assert parts.hostname
    assert parts.port
    async with Proxy(parts.hostname, parts.port) as front:

        async def inject(scene: Scene) -> None:
            for number in range(6):
                with scene.fault("clients cut off"):
                    if number % 2:
                        await front.turn("stall")
                        await asyncio.sleep(1)
                        front.cut()
                        await front.turn("pass")
                    else:
                        front.cut()
                await asyncio.sleep(2)

        await ride_out(
            system, inject, origin=f"http://{front.address}", seed=seed,
            fault="6 every client's connection reset or stalled", invariants=INVARIANTS,
        )  # fmt: skip


@pytest.mark.long
async def test_devices_resume_while_people_are_removed(system: Hubbub, seed: int) -> None:
    """No device gets an event above its user's removal, and users who are added again miss
    nothing."""

    async def inject(scene: Scene) -> None:
        crowd = scene.crowd
        chat = next(iter(crowd.chats))
        owner = crowd.chats[chat][0]
        # They lose the chat briefly, so they must not post to it meanwhile.
        listeners = [await Person.sign_up(owner.session, owner.origin) for _ in range(2)]
        devices = [await crowd.add_guest(person) for person in listeners]
        path = f"/api/chat/{chat}/participant"
        for _ in range(12):
            device = scene.pace.choice(devices)
            with scene.fault("removed during resume"):
                await owner.ask("POST", path, {"userId": device.person.id}, retry_seconds=5)
                await device.drop()
                await asyncio.sleep(scene.pace.uniform(0, 0.1))
                await owner.ask("DELETE", f"{path}/{device.person.id}")
                await device.drop()
                await asyncio.sleep(scene.pace.uniform(0, 0.2))
        for device in devices:
            await owner.ask("POST", path, {"userId": device.person.id}, retry_seconds=5)

    await ride_out(
        system, inject, fault="13 removed and added again during resume",
        invariants="I8, I9", seed=seed,
    )  # fmt: skip


@pytest.mark.long
async def test_readers_that_hardly_read_are_let_go(system: Hubbub, seed: int) -> None:
    """A thousand that read nothing, or a byte a second, use bounded memory; the others receive
    everything in time."""

    async def inject(scene: Scene) -> None:
        person = scene.crowd.chats[next(iter(scene.crowd.chats))][1]
        before = {role: _memory(system, role) for role in MAX_GROWTH_BYTES}
        readers = STUCK_READERS + SLOW_READERS
        stuck = [
            await asyncio.to_thread(_open_and_never_read, system, person) for _ in range(readers)
        ]
        try:
            with scene.fault("readers that hardly read"):
                for _ in range(12):
                    for one in stuck[STUCK_READERS:]:
                        _read_a_byte(one)
                    await asyncio.sleep(1)
            growth = {role: _memory(system, role) - before[role] for role in MAX_GROWTH_BYTES}
        finally:
            for one in stuck:
                one.close()
        for role, grown in growth.items():
            assert grown < MAX_GROWTH_BYTES[role], f"{role} grew by {grown / MEGABYTE:.0f} MB"

    await ride_out(
        system, inject, fault="8 a thousand readers of nothing or a byte a second",
        invariants="I1 to I9, I17", seed=seed, text_bytes=8000,
    )  # fmt: skip


@pytest.mark.long
async def test_a_thousand_come_back_at_once(system: Hubbub, seed: int) -> None:
    """All are ready again within 10 s of the death of every realtime process."""

    async def inject(scene: Scene) -> None:
        people = scene.crowd.people
        herd = [_Comer(people[number % len(people)]) for number in range(HERD)]
        for batch in range(0, HERD, 100):
            await asyncio.gather(*(comer.connect() for comer in herd[batch : batch + 100]))
        with scene.fault("everybody comes back at once"):
            killed = time.monotonic()
            scene.system.kill("realtime")
            async with asyncio.timeout(60):
                await asyncio.gather(*(comer.come_back() for comer in herd))
            took = time.monotonic() - killed
        await asyncio.gather(*(comer.close() for comer in herd))
        assert took < HERD_BACK_SECONDS, f"{HERD} sockets came back in {took:.1f} s"

    await ride_out(
        system, inject, fault=f"11 {HERD} sockets come back at once", invariants="I1 to I9, I21",
        seed=seed, pause_seconds=(0.2, 0.5),
    )  # fmt: skip


@pytest.mark.long
async def test_rubbish_hurts_nobody_else(system: Hubbub, seed: int) -> None:
    """Malformed frames, handshakes that never end, and bytes that are not HTTP: no other socket
    ends, no process dies."""
    pids = {process.pid for process in system.processes()}

    async def inject(scene: Scene) -> None:
        with scene.fault("rubbish"):
            unfinished = [_send(system, UPGRADE[: 20 + number % 90]) for number in range(500)]
            for _ in range(20):
                talkers = [_send(system, UPGRADE, rubbish) for rubbish in RUBBISH]
                talkers += [_send(system, os.urandom(200)) for _ in range(5)]
                await asyncio.sleep(0.3)
                for one in talkers:
                    one.close()
            for one in unfinished:
                one.close()

    await ride_out(
        system, inject, fault="14 malformed frames, unfinished handshakes", invariants=INVARIANTS,
        seed=seed,
    )  # fmt: skip
    assert {process.pid for process in system.processes()} == pids


class _Comer:
    """A socket that only connects until it is ready; it resumes nothing."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._url = "ws" + person.origin.removeprefix("http") + "/ws"
        self._stack = contextlib.AsyncExitStack()

    async def connect(self) -> None:
        self._socket = await self._stack.enter_async_context(
            connect(
                self._url, subprotocols=[SUBPROTOCOL], compression=None, max_size=None,
                ping_interval=None, open_timeout=HERD_BACK_SECONDS, close_timeout=0.1, proxy=None,
                max_queue=None,  # nothing is read later, but the close must be seen
            )
        )  # fmt: skip
        await self._socket.send(
            msgspec.json.encode({"type": "connect", "token": self._person.token}).decode()
        )
        first = msgspec.json.decode((await self._socket.recv()).splitlines()[0])
        assert first["type"] == "ready"

    async def come_back(self) -> None:
        await self._socket.wait_closed()
        while True:
            try:
                return await self.connect()
            except (OSError, EOFError, TimeoutError, WebSocketException):
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        self._socket.transport.abort()
        await self._stack.aclose()


def _memory(system: Hubbub, role: str) -> int:
    return sum(
        int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE_BYTES
        for process in system.processes(role)
    )


def _send(system: Hubbub, *parts: bytes) -> socket.socket:
    """Opens a raw connection, sends these bytes with short pauses, and reads nothing."""
    parsed = urlsplit(system.origin)
    raw = socket.create_connection((parsed.hostname, parsed.port or 0), timeout=5)
    for part in parts:
        with contextlib.suppress(ConnectionError):  # it may have been disconnected already
            raw.sendall(part)
    return raw


def _read_a_byte(raw: socket.socket) -> None:
    raw.setblocking(False)
    with contextlib.suppress(OSError):  # nothing has arrived, or it was disconnected
        raw.recv(1)


def _open_and_never_read(system: Hubbub, person: Person) -> socket.socket:
    text = msgspec.json.encode({"type": "connect", "token": person.token})
    assert 125 < len(text) < 65_536
    header = b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\x00\x00\x00\x00"  # masked by zero
    raw = _send(system, UPGRADE)
    raw.recv(1024)  # the answer to the upgrade; a frame before it would be lost in the proxy
    raw.sendall(header + text)
    return raw
