"""A real realtime node with real users and chats processes; one set shared by the tests of this
folder, and separate ones for tests that kill processes.
"""

import asyncio
import base64
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.protocol import chats as c
from common.protocol import users as u
from common.protocol.ids import new_id
from common.protocol.items import AnyItem, AppendAnswer, AppendRequest, MessageStored, SendItem
from common.protocol.limits import ACCESS_TOKEN_SECONDS
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from tests.fixtures.callers import AnyCaller, Credentials
from tests.fixtures.servers import PostgresServer, Server, ValkeyServer, is_ready
from tests.fixtures.signing import read_signing_key
from users.keys import KeyRing

T = TypeVar("T")
ORIGIN = "http://127.0.0.1:8500"
PATIENCE_SECONDS = 60.0
Frame = dict[str, Any]


class Process(NamedTuple):
    """A service process, and where it serves calls and health."""

    server: Server
    address: str
    health: str


class Tier:
    """Processes that find each other, each on fixed ports."""

    def __init__(self, folder: Path, postgres: PostgresServer, valkey_url: str) -> None:
        self._folder = folder
        self.valkey_url = valkey_url
        self.topic_prefix = f"realtime-{secrets.token_hex(4)}:"
        self.credentials = Credentials(folder)
        self.balancer_key = secrets.token_hex(16)
        self._processes: list[Process] = []
        self._ports: list[ReservedPort] = []
        self.chats_replicas: list[str] = []
        (folder / "balancer.key").write_text(self.balancer_key)
        self._signing_secret = secrets.token_hex(16)
        (folder / "signing.key").write_text(self._signing_secret)
        self._shared = {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "default",
            "HUBBUB_VALKEY_URL": valkey_url,
            "HUBBUB_TOPIC_PREFIX": self.topic_prefix,
            "HUBBUB_BALANCER_KEY_FILE": str(folder / "balancer.key"),
            "HUBBUB_SIGNING_SECRET_FILE": str(folder / "signing.key"),
            "HUBBUB_USERS_DATABASE_URL": postgres.make_database("users"),
            "HUBBUB_CHATS_DATABASE_URL": postgres.make_database("chats"),
            "HUBBUB_PUBLIC_URL": ORIGIN,
        }

    def start(self, role: str, **environment: str) -> Process:
        """Starts a process of the role and waits until it is ready."""
        port, health = ReservedPort(), ReservedPort()
        self._ports += [port, health]
        probe = health if role == "realtime" else port
        number = len(self._processes)
        env = {
            **self._shared,
            **self.credentials.environment(role),
            **environment,
            "HUBBUB_NAME": f"{role}-{number}",
            "HUBBUB_LISTEN": port.address,
        }
        if role == "realtime":
            env["HUBBUB_METRICS_LISTEN"] = health.address

        def run() -> subprocess.Popen[bytes]:
            with (self._folder / f"{role}-{number}.log").open("ab") as output:
                command = [sys.executable, "-m", role]
                return spawn(command, env=env, cwd=Path.cwd(), output=output)

        server = Server(run, lambda: is_ready(probe.address))
        self._processes.append(Process(server, port.address, probe.address))
        seeds = f"HUBBUB_{role.upper()}_SEEDS"
        self._shared[seeds] = ",".join(filter(None, (self._shared.get(seeds), port.address)))
        if role == "chats":
            self.chats_replicas.append(port.address)
        return self._processes[-1]

    @contextlib.contextmanager
    def running_node(self, **environment: str) -> Iterator[Process]:
        """A node for some tests only: an idle process slows down the tests after them."""
        node = self.start("realtime", **environment)
        yield node
        node.server.kill()

    def log_of(self, process: Process) -> str:
        """The log of the process so far."""
        number = self._processes.index(process)
        (path,) = self._folder.glob(f"*-{number}.log")
        return path.read_text()

    def sign(self, person: "Person", seconds_left: float) -> str:
        """An access token of the user's session that expires at another time than usual."""
        url = self._shared["HUBBUB_USERS_DATABASE_URL"]
        keys = KeyRing(
            [read_signing_key(url, self._signing_secret)],
            clock=lambda: time.time() + seconds_left - ACCESS_TOKEN_SECONDS,
        )
        return keys.sign_access_token(person.id, person.session, 0)

    def close(self) -> None:
        for process in reversed(self._processes):
            process.server.kill()
        for port in self._ports:
            port.close()

    @contextlib.asynccontextmanager
    async def world(self, node: Process) -> AsyncIterator["World"]:
        """What a test can do, on this node."""
        with contextlib.closing(HttpClient(AnyCaller(self.credentials.shared))) as http:
            users = Replicas("users", (self._shared["HUBBUB_USERS_SEEDS"],))
            chats = Replicas("chats", tuple(self.chats_replicas))
            yield World(self, node, PatientCalls(http, users), PatientCalls(http, chats))


async def read_metrics(node: Process) -> str:
    """The metrics on the node's internal port."""
    reader, writer = await asyncio.open_connection(*node.health.split(":"))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return text


class Person:
    """A user with an account and a session; `token` may be replaced."""

    def __init__(self, grant: u.Grant) -> None:
        self.id = grant.user.id
        self.token = grant.token
        self.refresh_token = grant.refresh_token
        claims = msgspec.json.decode(_decode_part(grant.token.split(".")[1]))
        self.session: str = claims["sid"]


def _decode_part(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Socket:
    """The client's end of one connection: reads line by line."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._lines: list[Frame] = []
        self.ready: Frame = {}

    async def say(self, *frames: Frame | str) -> None:
        """Sends all in one text frame."""
        lines = [f if isinstance(f, str) else msgspec.json.encode(f).decode() for f in frames]
        await self.connection.send("\n".join(lines))

    async def hear(self, seconds: float = PATIENCE_SECONDS) -> Frame:
        """The next object of any type."""
        if not self._lines:
            async with asyncio.timeout(seconds):
                data = await self.connection.recv()
            assert isinstance(data, str)
            self._lines = [msgspec.json.decode(line) for line in data.split("\n")]
        return self._lines.pop(0)

    async def hear_type(self, type_: str) -> Frame:
        """The next object of a type; others before it are skipped."""
        while (frame := await self.hear())["type"] != type_:
            pass
        return frame

    async def hear_event(self) -> Frame:
        """The next object with a seq that is not an answer."""
        while "seq" not in (frame := await self.hear()) or frame["type"] == "sent":
            pass
        return frame

    async def hear_until(self, seq: int) -> list[Frame]:
        """Events up to one seq."""
        events = [await self.hear_event()]
        while events[-1]["seq"] < seq:
            events.append(await self.hear_event())
        return events

    async def hear_nothing_more(self) -> list[Frame]:
        """Everything in transit: a ping's answer comes after it."""
        await self.say({"type": "ping"})
        frames = []
        while (frame := await self.hear())["type"] != "pong":
            frames.append(frame)
        return frames

    async def hear_end(self, seconds: float = PATIENCE_SECONDS) -> tuple[int, str]:
        """The close code and reason; everything before is skipped."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.connection.recv()
        except ConnectionClosed:
            return self.connection.close_code or 1006, self.connection.close_reason or ""


class PatientCalls(Calls):
    """On a busy machine an answer may take longer than services wait for each other."""

    async def call(self, *of: Any, **how: Any) -> Any:
        return await super().call(*of, **{"timeout": PATIENCE_SECONDS, **how})


class World:
    """Users, chats and sockets on one node."""

    def __init__(self, tier: Tier, node: Process, users: Calls, chats: Calls) -> None:
        self.tier = tier
        self.node = node
        self.users = users
        self.chats = chats

    async def make_person(self) -> Person:
        name = f"p{secrets.token_hex(6)}"
        request = u.SignUp(
            username=name,
            email=f"{name}@example.com",
            password=None,
            key=new_id(),
        )
        return Person(await self.users.call("sign_up", request, u.Grant))

    async def make_people(self, number: int) -> list[Person]:
        return [await self.make_person() for _ in range(number)]

    async def refresh(self, person: Person) -> Person:
        request = u.RefreshSession(refresh_token=person.refresh_token)
        return Person(await self.users.call("refresh", request, u.Grant))

    async def log_out(self, person: Person) -> None:
        request = u.EndSession(user=person.id, session=person.session)
        await self.users.call("log_out", request, u.Empty)

    async def make_chat(self, owner: Person, *others: Person) -> str:
        request = c.CreateChat(
            user=owner.id,
            session=owner.session,
            key=new_id(),
            chat_name="A chat",
            participants=[other.id for other in others],
        )
        return (await self.chats.call("create_chat", request, c.Chat)).id

    async def post(self, chat: str, sender: Person, *texts: str) -> list[MessageStored]:
        items: list[AnyItem] = [
            SendItem(chat=chat, user=sender.id, key=new_id(), show_key=True, message=text)
            for text in texts
        ]
        request = AppendRequest(items=items)
        answer = await self.chats.call("append", request, AppendAnswer, key=chat)
        return cast("list[MessageStored]", answer.results)

    async def add(self, chat: str, owner: Person, *others: Person) -> None:
        request = c.AddParticipants(
            user=owner.id,
            session=owner.session,
            chat=chat,
            key=new_id(),
            users=[other.id for other in others],
        )
        await self.chats.call("add_participants", request, c.Done, key=chat)

    async def remove(self, chat: str, owner: Person, other: Person) -> None:
        request = c.RemoveParticipant(
            user=owner.id, session=owner.session, chat=chat, key=new_id(), participant=other.id
        )
        await self.chats.call("remove_participant", request, c.Done, key=chat)

    async def delete(self, chat: str, owner: Person) -> None:
        request = c.DeleteChat(user=owner.id, session=owner.session, chat=chat, key=new_id())
        await self.chats.call("delete_chat", request, c.Done, key=chat)

    async def events(self, chat: str, person: Person) -> list[Frame]:
        request = c.GetEvents(user=person.id, chat=chat, after=0, limit=200)
        page = await self.chats.call("get_events", request, c.EventPage, key=chat)
        return [msgspec.json.decode(event) for event in page.events]

    @contextlib.asynccontextmanager
    async def dial(self, node: Process | None = None, **options: Any) -> AsyncIterator[Socket]:
        """An upgraded connection that has sent nothing yet."""
        async with connect(
            f"ws://{(node or self.node).address}/ws",
            subprotocols=[Subprotocol("chat.v1")],
            compression=None,
            max_size=None,
            max_queue=None,  # it answers pings even if the test reads nothing for a while
            ping_interval=None,
            open_timeout=PATIENCE_SECONDS,
            close_timeout=1,
            proxy=None,
            **options,
        ) as connection:
            yield Socket(connection)

    @contextlib.asynccontextmanager
    async def connect(
        self, person: Person, node: Process | None = None, **fields: Any
    ) -> AsyncIterator[Socket]:
        """A socket that is ready."""
        async with self.dial(node) as socket:
            await socket.say({"type": "connect", "token": person.token, **fields})
            socket.ready = await socket.hear()
            assert socket.ready["type"] == "ready", socket.ready
            yield socket


@pytest.fixture(scope="session")
def tier(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, valkey: ValkeyServer
) -> Iterator[Tier]:
    """Services that tests share and must not stop."""
    found = Tier(tmp_path_factory.mktemp("realtime"), postgres, valkey.url)
    try:
        found.start("users")
        found.start("chats")
        found.start("chats")
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def node(tier: Tier) -> Process:
    """A node that tests share."""
    return tier.start("realtime", HUBBUB_RATE_LIMITS="high")


@pytest.fixture(scope="session")
def other_node(tier: Tier, node: Process) -> Process:
    """Another shared node."""
    return tier.start("realtime", HUBBUB_RATE_LIMITS="high")


@pytest.fixture
async def world(tier: Tier, node: Process) -> AsyncIterator[World]:
    async with tier.world(node) as world:
        yield world


@pytest.fixture
def make_tier(
    tmp_path: Path, postgres: PostgresServer, make_valkey: Callable[[], ValkeyServer]
) -> Iterator[Callable[[], tuple[Tier, ValkeyServer]]]:
    """Separate services and a Valkey for one test, which may kill their processes."""
    tiers: list[Tier] = []

    def make() -> tuple[Tier, ValkeyServer]:
        valkey = make_valkey()
        tiers.append(Tier(tmp_path, postgres, valkey.url))
        return tiers[-1], valkey

    yield make
    for found in tiers:
        found.close()
