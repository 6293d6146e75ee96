"""The service as a whole: database outages, credentials, start."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from operator import sub
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from psycopg.conninfo import make_conninfo

from common.calls.callers import Caller
from common.calls.calls import KEY_REFUSED_HEADER, Calls
from common.calls.replicas import Replicas
from common.protocol.errors import Refusal
from common.protocol.instance import DemandRole
from common.protocol.users import Grant, LogIn, PeopleFound, SearchPeople
from tests.fixtures.busy import quiet_environment
from tests.fixtures.callers import AnyCaller, Credentials
from tests.fixtures.proxy import Proxy
from users.background import BACKGROUND_FAILED
from users.store.upkeep import PreparedTransactionsOff, set_up_database

PROJECT = Path(__file__).parents[3]


ROUNDS = ("resolve", "join", "delete accounts")


def rounds_failed() -> list[float]:
    return [BACKGROUND_FAILED.labels(of)._value.get() for of in ROUNDS]


async def status_of(users: Any, path: str) -> int:
    return int((await users.http.get(users.address, path)).status)


@pytest.mark.usefixtures("promised_limits")
async def test_dead_database_is_unavailable_and_comes_back(
    start_replica: Callable[..., Awaitable[Any]],
    make_postgres: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """503 and not ready while PostgreSQL is down; it serves again once PostgreSQL is back. The
    rounds that fail meanwhile are counted, and logged once."""
    caplog.set_level(logging.WARNING, "hubbub")
    server = make_postgres()
    url = server.make_database()
    await set_up_database(url)
    users = await start_replica(database_url=url)
    await users.sign_up("Ann")
    server.kill()
    before = rounds_failed()
    for name, request in (
        ("search_people", SearchPeople(prefix="a")),
        ("log_in", LogIn(username="Ann", password="x")),
    ):
        answered = await users.http.post(
            users.address,
            f"/calls/{name}",
            msgspec.json.encode(request),
            users.http.caller.headers("users"),
        )
        assert answered.status == 503
        assert msgspec.json.decode(answered.body)["code"] == "unavailable"
    assert await status_of(users, "/health/ready") == 503
    assert await status_of(users, "/health/live") == 200
    async with asyncio.timeout(60):
        while min(map(sub, rounds_failed(), before)) < 2:  # noqa: ASYNC110 - polls a metric
            await asyncio.sleep(0.05)
    failures = [r for r in caplog.records if r.message == "background work fails"]
    logged = [vars(failure)["fields"]["of"] for failure in failures]
    assert [logged.count(of) for of in ROUNDS] == [1, 1, 1]
    server.start()
    calls = Calls(users.http, Replicas("users", (users.address,)))
    found = await calls.call(
        "search_people", SearchPeople(prefix="a"), PeopleFound, timeout=20, try_timeout=20
    )
    assert [person.username for person in found.users] == ["Ann"]
    assert await status_of(users, "/health/ready") == 200


async def test_calls_demand_the_credential_of_a_service(
    users: Any, credentials: Credentials
) -> None:
    """Health is open, calls are not: they refuse strangers, a service that presents its credential
    for another service, and one that claims another's name."""
    edge = Caller("edge", credentials.secrets["edge"])
    (name, value), *_ = edge.headers("users").items()
    for shown in (
        {},
        AnyCaller("another secret").headers("users"),
        Caller("edge", "another secret").headers("users"),
        edge.headers("chats"),
        {name: value.replace("edge", "chats")},
        {name: value[:-1]},
        {name: "\xff"},
    ):
        refused = await users.http.post(users.address, "/calls/keys", b"{}", shown)
        assert refused.status == 401, shown
        assert KEY_REFUSED_HEADER.lower().encode() in refused.headers
        assert (await users.http.get(users.address, "/openapi.json", shown)).status == 401
    assert (await users.http.get(users.address, "/health/ready")).status == 200
    answered = await users.http.post(users.address, "/calls/keys", b"{}", edge.headers("users"))
    assert answered.status == 200


async def test_each_service_may_make_its_own_calls_alone(
    users: Any, credentials: Credentials
) -> None:
    """All others are refused with a message, before their body is read; the credential that all
    shared in 0.1.0 does not help a caller that names itself."""
    for caller, call in (("realtime", "sign_up"), ("edge", "prepare"), ("files", "make_owner")):
        for shared in (None, credentials.shared):
            shown = Caller(caller, credentials.secrets[caller], shared).headers("users")
            refused = await users.http.post(users.address, f"/calls/{call}", b"no JSON", shown)
            assert refused.status == 403
            assert KEY_REFUSED_HEADER.lower().encode() in refused.headers
            assert msgspec.json.decode(refused.body)["detail"] == f"{caller} may not call {call}."


async def test_malformed_call_is_refused(users: Any) -> None:
    """A struct without its fields is a problem response, not a crash."""
    with pytest.raises(Refusal) as refused:
        await users.call("log_in", SearchPeople(prefix="a"), Grant)
    assert refused.value.code == "invalid_request"


async def test_calls_are_described_by_openapi(users: Any) -> None:
    """Every call is in the document, with its request and response structs."""
    shown = users.http.caller.headers("users")
    answered = await users.http.get(users.address, "/openapi.json", shown)
    document = msgspec.json.decode(answered.body)
    assert {"/calls/sign_up", "/calls/prepare", "/calls/change_user"} <= document["paths"].keys()
    answer = document["paths"]["/calls/refresh"]["post"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Grant")


@pytest.mark.usefixtures("promised_limits")
async def test_a_start_waits_for_a_database_that_stalls(
    start_replica: Callable[..., Awaitable[Any]],
    own_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Longer than a request does, also once the tables are there: a process that ended would be
    started again for nothing."""
    monkeypatch.setattr("common.database.pool.WAIT_SECONDS", 0.2)
    monkeypatch.setattr("common.database.start.WAIT_SECONDS", 60.0)
    place = urlsplit(own_database)
    async with Proxy(str(place.hostname), int(place.port or 0)) as proxy:
        await proxy.turn("stall")
        url = make_conninfo(own_database, port=proxy.address.rpartition(":")[2])
        starting = asyncio.ensure_future(start_replica(database_url=url))
        await asyncio.wait([starting], timeout=0.6)
        assert not starting.done()
        await proxy.turn("pass")
        users = await starting
        assert await status_of(users, "/health/live") == 200


async def test_prepared_transactions_are_needed(make_postgres: Callable[..., Any]) -> None:
    """Without them there is no two-phase commit: the process says what to do and exits."""
    server = make_postgres(max_prepared_transactions="0")
    with pytest.raises(PreparedTransactionsOff, match="set it to 200 in"):
        await set_up_database(server.make_database())


def test_missing_setting_ends_the_start_with_a_sentence(environment: dict[str, str]) -> None:
    """No traceback: the variable's name and EX_CONFIG."""
    del environment["HUBBUB_SIGNING_SECRET_FILE"]
    done = subprocess.run(
        [sys.executable, "-m", "users"],
        env={**os.environ, **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == os.EX_CONFIG
    assert done.stderr == "users: HUBBUB_SIGNING_SECRET_FILE is not set\n"


async def run_command(environment: dict[str, str], *words: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "users", *words,
        env={**quiet_environment(), **environment}, cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


async def test_the_operator_makes_an_owner_by_the_command_line(
    users: Any, environment: dict[str, str]
) -> None:
    """`python -m users owner NAME`, also while a replica runs; it reports an unknown name."""
    ann = await users.sign_up("ann")
    made = await run_command(environment, "owner", "ann")
    assert made == (0, "ann is an owner of this instance now.\n")
    await users.call("demand_role", DemandRole(caller=ann.id, roles=["owner"]))
    code, said = await run_command(environment, "owner", "ben")
    assert (code, "no account" in said) == (1, True)
    assert (await run_command(environment, "own"))[0] == 1


async def test_the_operator_is_told_of_a_database_without_tables(
    database_url: str, environment: dict[str, str]
) -> None:
    """In a sentence that says what to do, without a traceback."""
    environment["HUBBUB_USERS_DATABASE_URL"] = database_url
    assert await run_command(environment, "owner", "ann") == (
        1, "users: users' database has no tables yet: start Hubbub first, and sign up\n",
    )  # fmt: skip
