"""Replicas of the users service in the test's process, with a separate database per test."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, overload

import jwt
import msgspec
import pytest

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.database.pool import Pool, create_pool
from common.process.service import serving_calls
from common.protocol.ids import new_id
from common.protocol.users import (
    Empty,
    EndSession,
    FinishMemberships,
    GetProfile,
    Grant,
    LogIn,
    PrepareMemberships,
    Profile,
    SignUp,
)
from tests.fixtures.busy import bound
from tests.fixtures.callers import AnyCaller, Credentials
from tests.fixtures.patient_pools import patient_pools
from tests.fixtures.servers import PostgresServer
from users.app import create_users
from users.passwords import MAX_WAIT_SECONDS
from users.settings import Settings, read_settings

T = TypeVar("T")

CALL_TIMEOUT_SECONDS = 60  # the machine that runs tests may be busy
SIGNING_SECRET = "what wraps the keys of tests"


class Person(NamedTuple):
    """A user who signed up, with the claims of their first access token."""

    id: str
    session: str
    grant: Grant


class Users:
    """One replica, called over HTTP as other services call it."""

    def __init__(self, address: str, http: HttpClient) -> None:
        self.address = address
        self.http = http
        self._calls = Calls(http, Replicas("users", (address,)))

    @overload
    async def call(
        self, name: str, request: msgspec.Struct, *, timeout: float = CALL_TIMEOUT_SECONDS
    ) -> Empty: ...

    @overload
    async def call(
        self,
        name: str,
        request: msgspec.Struct,
        answer: type[T],
        *,
        timeout: float = CALL_TIMEOUT_SECONDS,
    ) -> T: ...

    async def call(
        self,
        name: str,
        request: msgspec.Struct,
        answer: type[Any] = Empty,
        *,
        timeout: float = CALL_TIMEOUT_SECONDS,
    ) -> Any:
        """Raises Refusal like a caller in another service."""
        return await self._calls.call_replica(self.address, name, request, answer, timeout=timeout)

    async def sign_up(self, username: str, password: str | None = None) -> Person:
        request = SignUp(
            username=username,
            email=f"{username}@example.org",
            password=password,
            key=new_id(),
        )
        grant = await self.call("sign_up", request, Grant)
        return Person(grant.user.id, claims_of(grant)["sid"], grant)

    async def chats_of(self, person: Person) -> list[str]:
        return (await self.call("get_profile", GetProfile(user=person.id), Profile)).chats

    async def log_out(self, person: Person) -> None:
        await self.call("log_out", EndSession(user=person.id, session=person.session))

    async def finish(self, transaction: str, *, commit: bool) -> None:
        await self.call("finish", FinishMemberships(transaction=transaction, commit=commit))


def claims_of(grant: Grant) -> dict[str, Any]:
    return jwt.decode(grant.token, options={"verify_signature": False})


@pytest.fixture
def own_database(postgres: PostgresServer) -> Iterator[str]:
    """A separate database for the test, with all tables."""
    url = postgres.make_database("users")
    yield url
    postgres.drop_database(url)


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Credentials(tmp_path)


@pytest.fixture
def environment(
    tmp_path: Path,
    own_database: str,
    valkey_url: str,
    topic_prefix: str,
    credentials: Credentials,
) -> dict[str, str]:
    """The environment that the fleet would give a users process."""
    (tmp_path / "signing.key").write_text(SIGNING_SECRET)
    return {
        "HUBBUB_LISTEN": "127.0.0.1:8390",
        "HUBBUB_VALKEY_URL": valkey_url,
        "HUBBUB_TOPIC_PREFIX": topic_prefix,
        **credentials.environment("users"),
        "HUBBUB_USERS_DATABASE_URL": own_database,
        "HUBBUB_SIGNING_SECRET_FILE": str(tmp_path / "signing.key"),
    }


@pytest.fixture
async def settings(environment: dict[str, str]) -> Settings:
    """Settings with cheap hashes."""
    return msgspec.structs.replace(
        read_settings(environment), hashing_memory_kib=64, hashing_passes=1
    )


@pytest.fixture
def patient_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions may hold a lock, and wait for one, for longer than a second: for tests in which a
    call waits for a transaction of the test, on a machine that may stand still meanwhile."""
    monkeypatch.setattr("common.database.pool._SESSION_OPTIONS", "")


@pytest.fixture
def promised_limits() -> None:
    """Keeps the limits of services, for tests of how long a replica waits for its database."""


@pytest.fixture
async def start_replica(
    settings: Settings,
    credentials: Credentials,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[..., Awaitable[Users]]]:
    """Starts replicas; keyword arguments change their settings."""
    async with AsyncExitStack() as stack:
        if "promised_limits" not in request.fixturenames:
            stack.enter_context(patient_pools())
            monkeypatch.setattr("users.passwords.MAX_WAIT_SECONDS", bound(MAX_WAIT_SECONDS, 60.0))
        http = stack.enter_context(closing(HttpClient(AnyCaller(credentials.shared))))

        async def start(**changes: Any) -> Users:
            service = create_users(msgspec.structs.replace(settings, **changes))
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            await stack.enter_async_context(serving_calls(service, listener))
            return Users("{}:{}".format(*listener.getsockname()), http)

        yield start


@pytest.fixture
async def users(start_replica: Callable[..., Awaitable[Users]]) -> Users:
    return await start_replica()


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    """The test's own connections to the replicas' database."""
    with patient_pools():
        pool = create_pool(settings.database_url, size=4)
    async with pool:
        yield pool


@pytest.fixture
def change_of() -> Callable[..., PrepareMemberships]:
    """Creates a `prepare` request by one user, of a new transaction and a new chat by default."""

    def make(by: Person, **fields: Any) -> PrepareMemberships:
        defaults: dict[str, Any] = {
            "transaction": new_id(),
            "user": by.id,
            "session": by.session,
            "chat": new_id(),
            "add": [],
            "remove": [],
            "remove_all": False,
        }
        return PrepareMemberships(**(defaults | fields))

    return make


@pytest.fixture
def sessions_of(users: Users) -> Callable[[Person, int], Awaitable[list[str]]]:
    """Logs a user in again, with the password `correct horse`; returns the ids, oldest first."""

    async def log_in(person: Person, times: int) -> list[str]:
        request = LogIn(username=person.grant.user.username, password="correct horse")
        return [claims_of(await users.call("log_in", request, Grant))["sid"] for _ in range(times)]

    return log_in
