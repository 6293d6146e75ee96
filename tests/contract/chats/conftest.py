"""Replicas of chats and the real users service, in this process, with real HTTP and two
databases.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import jwt
import msgspec
import pytest
import pytest_asyncio

from chats.app import create_chats
from chats.settings import ChatsSettings
from common.calls.callers import CALLERS, CredentialHashes, callers_lines, read_callers
from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.process.service import serving_calls
from common.process.settings import Listener, ServiceSettings
from common.protocol.chats import (
    Chat,
    CreateChat,
    EventPage,
    GetEvents,
)
from common.protocol.ids import new_id
from common.protocol.items import (
    AnyItem,
    AppendAnswer,
    AppendRequest,
    AppendResult,
    MessageStored,
    Refused,
    SendItem,
)
from common.protocol.users import GetProfile, Grant, Profile, SignUp
from tests.fixtures.callers import AnyCaller
from tests.fixtures.patient_pools import CONNECT_SECONDS, patient_pools
from tests.fixtures.servers import PostgresServer, ValkeyServer
from users.app import create_users
from users.settings import Settings as UsersSettings

T = TypeVar("T")
SERVICE_KEY = "a service key for tests"
SECRETS = {name: f"the secret of {name}" for name in CALLERS}


def callers_of(role: str) -> CredentialHashes:
    return read_callers(callers_lines(SECRETS, role))


class Person(NamedTuple):
    id: str
    session: str


class World:
    """What a test talks to: the replicas of chats, by number, and users."""

    def __init__(self, http: HttpClient, chats: list[str], users: str) -> None:
        self._http = http
        self.chats = chats
        self._users = Calls(http, Replicas("users", (users,)))

    async def call(
        self,
        name: str,
        request: msgspec.Struct,
        answer: type[T],
        replica: int = 0,
        *,
        seconds: float = 30.0,
    ) -> T:
        """Raises Refusal."""
        calls = Calls(self._http, Replicas("chats", (self.chats[replica],)))
        address = self.chats[replica]
        return await calls.call_replica(address, name, request, answer, timeout=seconds)

    async def call_users(self, name: str, request: msgspec.Struct, answer: type[T]) -> T:
        """Raises Refusal."""
        return await self._users.call(name, request, answer, timeout=30.0)

    async def make_person(self) -> Person:
        name = f"p{secrets.token_hex(6)}"
        grant = await self.call_users(
            "sign_up",
            SignUp(
                username=name,
                email=f"{name}@example.com",
                password=None,
                key=new_id(),
            ),
            Grant,
        )
        claims = jwt.decode(grant.token, options={"verify_signature": False})
        return Person(grant.user.id, claims["sid"])

    async def make_people(self, number: int) -> list[Person]:
        return [await self.make_person() for _ in range(number)]

    async def chats_in_users(self, person: Person) -> list[str]:
        """The memberships as users stores them."""
        profile = await self.call_users("get_profile", GetProfile(user=person.id), Profile)
        return profile.chats

    async def until_memberships_are(self, person: Person, chats: set[str]) -> None:
        """users follows within a second, or after its resolver has run."""
        async with asyncio.timeout(30):
            while set(await self.chats_in_users(person)) != chats:  # noqa: ASYNC110 - polls
                await asyncio.sleep(0.02)

    async def make_chat(self, owner: Person, *others: Person, name: str = "A chat") -> Chat:
        request = CreateChat(
            user=owner.id,
            session=owner.session,
            key=new_id(),
            chat_name=name,
            participants=[other.id for other in others],
        )
        return await self.call("create_chat", request, Chat)

    async def append(
        self, *items: AnyItem, replica: int = 0, seconds: float = 30.0
    ) -> list[AppendResult]:
        """Tried once, with this timeout. Raises Refusal unless all items were settled in time."""
        request = AppendRequest(items=list(items))
        answer = await self.call("append", request, AppendAnswer, replica, seconds=seconds)
        return answer.results

    async def send(
        self, *items: SendItem, replica: int = 0, seconds: float = 30.0
    ) -> list[MessageStored]:
        """Like `append`, for valid messages."""
        results = await self.append(*items, replica=replica, seconds=seconds)
        assert not [result for result in results if not isinstance(result, MessageStored)]
        return cast("list[MessageStored]", results)

    async def read_events(self, chat: str, person: Person) -> list[dict[str, object]]:
        """The whole history."""
        events: list[dict[str, object]] = []
        while True:
            request = GetEvents(user=person.id, chat=chat, after=len(events), limit=200)
            page = await self.call("get_events", request, EventPage)
            events += [msgspec.json.decode(raw) for raw in page.events]
            if not page.more:
                return events


def new_message(
    chat: str, sender: Person, text: str = "hello", key: str = "", **more: Any
) -> SendItem:
    return SendItem(
        chat=chat, user=sender.id, key=key or new_id(), show_key=True, message=text, **more
    )


def code_of(result: AppendResult) -> str:
    """Why an item was refused; empty if it was not."""
    return result.code if isinstance(result, Refused) else ""


class Stage(NamedTuple):
    """Where the services of a test run."""

    chats_database_url: str
    users_database_url: str
    valkey_url: str
    topic_prefix: str
    folder: Path


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A database for one test, with all tables of chats."""
    url = postgres.make_database("chats")
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def stage(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Shared by the tests of a file, which create their own users and chats."""
    urls = postgres.make_database("chats"), postgres.make_database("users")
    prefix = f"test-{secrets.token_hex(6)}:"
    yield Stage(*urls, valkey.url, prefix, tmp_path_factory.mktemp("chats"))
    for url in urls:
        postgres.drop_database(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stage: Stage) -> AsyncIterator[World]:
    """Two replicas of chats and one of users."""
    async with running_world(stage) as world:
        yield world


@pytest.fixture(autouse=True)
def patient_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own pool waits for a connection while the machine stands still."""
    monkeypatch.setattr("common.database.pool.WAIT_SECONDS", CONNECT_SECONDS)


@contextlib.asynccontextmanager
async def running_world(
    stage: Stage, *, replicas: int = 2, with_users: bool = True, is_patient: bool = True
) -> AsyncIterator[World]:
    """With `is_patient` its databases may stand still for as long as any machine does."""
    async with contextlib.AsyncExitStack() as stack:
        if is_patient:
            stack.enter_context(patient_pools())
        listeners = [stack.enter_context(Listener("127.0.0.1", 0, None).open()) for _ in range(3)]
        ports = [listener.getsockname()[1] for listener in listeners]
        addresses = [f"127.0.0.1:{port}" for port in ports]

        def settings(role: str, port: int) -> ServiceSettings:
            return ServiceSettings(
                role=role,
                name=f"{role}-{port}",
                listen=Listener("127.0.0.1", port, None),
                log_file=None,
                metrics_listen=None,
                advertise=f"127.0.0.1:{port}",
                valkey_url=stage.valkey_url,
                topic_prefix=stage.topic_prefix,
                users_seeds=(addresses[0],),
                chats_seeds=tuple(addresses[1:]),
                realtime_seeds=(),
                service_key=SECRETS[role],
                shared_key=SERVICE_KEY,
                rate_factor=1,
            )

        users = create_users(
            UsersSettings(
                settings("users", ports[0]),
                stage.users_database_url,
                signing_secret=SERVICE_KEY,
                callers=callers_of("users"),
            )
        )
        if with_users:
            await stack.enter_async_context(serving_calls(users, listeners[0]))
        for port, listener in list(zip(ports, listeners, strict=True))[1 : replicas + 1]:
            chats = create_chats(
                ChatsSettings(
                    service=settings("chats", port),
                    database_url=stage.chats_database_url,
                    callers=callers_of("chats"),
                    pool_size=8,
                    window_bytes=2**20,
                    window_bytes_a_chat=2**16,
                )
            )
            await stack.enter_async_context(serving_calls(chats, listener))
        with contextlib.closing(HttpClient(AnyCaller(SERVICE_KEY))) as http:
            yield World(http, addresses[1 : replicas + 1], addresses[0])
