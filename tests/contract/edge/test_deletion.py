"""Deletion of an account: at once for its user, soon everywhere, whatever is killed meanwhile."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
import redis
from psycopg import sql

from common.protocol.ids import new_id
from tests.fixtures.servers import PostgresServer, Server, ValkeyServer

PASSWORD = "correct horse battery"
PROMISED_SECONDS = 30


class Person:
    """A user whose name, address and password occur nowhere else."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.name = f"leaver-{new_id()[-12:]}"
        self.account = {
            "username": self.name, "email": f"{self.name}@example.org", "password": PASSWORD,
        }  # fmt: skip
        grant = client.post("/api/user", json=self.account).json()
        self.id: str = grant["user"]["id"]
        self.refresh_token: str = grant["refreshToken"]
        self.token: str = grant["token"]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **options)

    def create_chat(self, *participants: str) -> str:
        body = {"participants": participants, "chatName": "x"}
        return str(self.ask("POST", "/api/chat", json=body).json()["chat"]["id"])

    def chats(self) -> set[str]:
        found: list[dict[str, Any]] = self.ask("GET", "/api/chat?limit=200").json()["chats"]
        return {chat["id"] for chat in found if len(chat["participants"]) > 1}


class System(NamedTuple):
    """One process of each role for this module."""

    services: Any
    client: httpx.Client
    users: Server
    chats: Server
    valkey: ValkeyServer


@pytest.fixture(scope="module")
def system(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    make_services: Callable[[ValkeyServer], Any],
) -> Iterator[System]:
    valkey = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    services = make_services(valkey)
    users, chats = services.start("users")[0], services.start("chats")[0]
    _, url = services.start("edge", HUBBUB_RATE_LIMITS="high")
    with httpx.Client(base_url=url, timeout=30) as client:
        yield System(services, client, users, chats, valkey)
    services.close()
    valkey.close()


@pytest.fixture
def ann(system: System) -> Person:
    return Person(system.client)


@pytest.fixture
def leaver(system: System) -> Person:
    return Person(system.client)


def wait_until(condition: Callable[[], bool], seconds: float = PROMISED_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def delete_account(
    person: Person, password: str | None = PASSWORD, query: str = ""
) -> httpx.Response:
    body = {} if password is None else {"json": {"currentPassword": password}}
    return person.ask("POST", f"/api/user/me/delete{query}", **body)


def test_an_account_ends_at_once(system: System, ann: Person, leaver: Person) -> None:
    """No token, password or refresh token works; the name is free; others see that the account is
    gone."""
    assert delete_account(leaver).json() == {"message": "User deleted successfully"}
    assert leaver.ask("GET", "/api/user/me").status_code == 401
    log_in = {"username": leaver.name, "password": PASSWORD}
    assert system.client.post("/api/user/login", json=log_in).status_code == 401
    refresh = {"refreshToken": leaver.refresh_token}
    assert system.client.post("/api/user/refresh", json=refresh).status_code == 401
    shown = ann.ask("GET", f"/api/user/{leaver.id}").json()["username"]
    assert shown.startswith("deleted-")
    assert len(shown) == len("deleted-") + 8
    assert ann.ask("GET", "/api/user?username=deleted-").json()["users"] == []
    body = {"participants": [leaver.id], "chatName": "x"}
    assert ann.ask("POST", "/api/chat", json=body).json()["code"] == "unknown_user"
    assert system.client.post("/api/user", json=leaver.account).status_code == 201


def test_deleted_names_are_nobodys(system: System) -> None:
    """Nobody can sign up with a name that deleted accounts are shown as."""
    for name in ("deleted-12345678", "Deleted-abcdefgh"):
        answer = system.client.post("/api/user", json={"username": name, "email": "a@b.example"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "username"


def repeat_deletion(person: Person, key: str, password: str | None = PASSWORD) -> httpx.Response:
    body = {} if password is None else {"currentPassword": password}
    return person.ask("POST", "/api/user/me/delete", json=body, headers={"Idempotency-Key": key})


def test_a_deletion_is_repeated_with_its_key(leaver: Person) -> None:
    """In parallel and later, by the session of the first request, whatever the body: it gets the
    first answer. With another key or none, or for any other call, the session has ended."""
    key = new_id()
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: repeat_deletion(leaver, key), range(5)))
    answers += [repeat_deletion(leaver, key, password) for password in (PASSWORD, "other", None)]
    for answer in answers:
        assert (answer.status_code, answer.json()) == (
            200, {"message": "User deleted successfully"},
        )  # fmt: skip
    for refused in (
        repeat_deletion(leaver, new_id()),
        delete_account(leaver),
        leaver.ask("GET", "/api/user/me", headers={"Idempotency-Key": key}),
        leaver.ask("POST", "/api/user/logout", headers={"Idempotency-Key": key}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


def test_a_key_of_a_deletion_is_of_no_use_to_others(
    system: System, ann: Person, leaver: Person
) -> None:
    """Neither with their own token nor with a forged one."""
    key = new_id()
    assert repeat_deletion(leaver, key).status_code == 200
    assert repeat_deletion(ann, key, "wrong").json()["code"] == "invalid_credentials"
    head, body, signature = leaver.token.split(".")
    for forged in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body}.", "x"):
        leaver.token = forged
        answer = repeat_deletion(leaver, key)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert ann.ask("GET", "/api/user/me").status_code == 200


def test_a_session_that_has_ended_deletes_nothing(system: System, leaver: Person) -> None:
    """The refusal is the same whatever the password, and does not count as a failed log-in."""
    assert leaver.ask("POST", "/api/user/logout").status_code == 200
    for password in (PASSWORD, "wrong", None):
        answer = repeat_deletion(leaver, new_id(), password)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    log_in = {"username": leaver.name, "password": PASSWORD}
    assert system.client.post("/api/user/login", json=log_in).status_code == 200


@pytest.mark.parametrize("password", [None, "wrong password"])
def test_the_password_is_asked_for(leaver: Person, password: str | None) -> None:
    """If one is set, a missing or wrong one deletes nothing."""
    answer = delete_account(leaver, password)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert leaver.ask("GET", "/api/user/me").status_code == 200


def test_groups_are_left_as_by_leaving(ann: Person, leaver: Person) -> None:
    """The events name the user as the one who left; ownership of their chats passes on; a chat with
    no one else is deleted."""
    own, other = leaver.create_chat(ann.id), ann.create_chat(leaver.id)
    leaver.create_chat()
    assert delete_account(leaver).status_code == 200
    wait_until(lambda: not ann.chats())
    for chat in (own, other):
        shown = ann.ask("GET", f"/api/chat/{chat}").json()
        assert (shown["participants"], shown["owner"]) == ([ann.id], ann.id)
        events = ann.ask("GET", f"/api/chat/{chat}/events").json()["events"]
        last = events[-1]
        assert (last["type"], last["by"], last["users"]) == (
            "participant.removed", leaver.id, [leaver.id],
        )  # fmt: skip


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.4])
def test_it_ends_whatever_is_killed(
    system: System, ann: Person, leaver: Person, seconds: float
) -> None:
    """users and chats are killed a moment after the answer; the groups are left all the same."""
    for _ in range(12):
        leaver.create_chat(ann.id)
    assert delete_account(leaver).status_code == 200
    time.sleep(seconds)  # the moment of the kill is the case, not a condition
    for server in (system.users, system.chats):
        server.kill()
    for server in (system.chats, system.users):
        server.start()
    wait_until(lambda: not ann.chats())


def count_in_database(url: str, text: str) -> dict[str, int]:
    """How many rows of which table contain the text anywhere, including as bytes."""
    found = {}
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL(
                "SELECT count(*) FROM {} t"
                " WHERE strpos(lower(t::text), lower(%s)) > 0 OR strpos(t::text, %s) > 0"
            ).format(sql.Identifier(table))
            row = connection.execute(query, (text, text.encode().hex())).fetchone()
            assert row is not None
            if row[0]:
                found[table] = row[0]
    return found


def read_all(valkey: redis.Redis) -> bytes:
    """All data in Valkey: keys, and values of every type in use."""
    found: list[bytes] = []
    readers: dict[bytes, Callable[[bytes], Iterable[Any]]] = {
        b"string": lambda key: [valkey.get(key)],
        b"zset": lambda key: valkey.zrange(key, 0, -1),
        b"set": lambda key: valkey.smembers(key),
        b"hash": lambda key: [part for pair in valkey.hgetall(key).items() for part in pair],
    }
    for key in valkey.scan_iter():
        kind = valkey.type(key)
        assert isinstance(kind, bytes)
        found += [key, *readers[kind](key)]
    return b"\n".join(found)


def test_nothing_personal_is_left(system: System, ann: Person, leaver: Person) -> None:
    """No name, address, password, display name or status is left in a database, in Valkey or in a
    log."""
    chat = leaver.create_chat(ann.id)
    marks = {"displayName": f"Display {new_id()}", "status": f"Status {new_id()}"}
    assert leaver.ask("PATCH", "/api/user/me", json=marks).status_code == 200
    leaver.ask("POST", f"/api/chat/{chat}/message", json={"message": "hello"})
    ann.ask("GET", f"/api/user/{leaver.id}")
    ann.ask("GET", f"/api/user?ids={leaver.id}")
    users, chats = (
        system.services.environment[f"HUBBUB_{role}_DATABASE_URL"] for role in ("USERS", "CHATS")
    )
    with psycopg.connect(users) as connection:
        row = connection.execute(
            "SELECT password_hash FROM users WHERE id = %s", (leaver.id,)
        ).fetchone()
    assert row is not None
    personal = [leaver.name, PASSWORD, *marks.values()]
    for text in (leaver.name, row[0], *marks.values()):
        assert count_in_database(users, text).get("users") == 1
    assert delete_account(leaver).status_code == 200
    wait_until(lambda: not ann.chats())
    for text in (row[0], *personal):
        assert [count_in_database(url, text) for url in (users, chats)] == [{}, {}]
    with redis.Redis.from_url(system.valkey.url) as valkey:
        held = read_all(valkey)
    for text in (row[0], *personal):
        assert text.encode() not in held
        for role in ("edge", "users", "chats"):
            assert text not in system.services.log_of(role)


def test_a_direct_chat_stays_with_the_other(ann: Person, leaver: Person) -> None:
    """It can be read and accepts no message; the private data of the deleted user is gone."""
    direct = ann.ask("PUT", f"/api/user/{leaver.id}/direct").json()["chat"]["id"]
    group = leaver.create_chat(ann.id)
    place = f"/api/chat/{direct}"
    leaver.ask("POST", f"{place}/message", json={"message": "stays"})
    assert delete_account(leaver).status_code == 200
    wait_until(lambda: ann.chats() == {direct})
    send = {"json": {"message": "are you there?"}}
    wait_until(lambda: ann.ask("POST", f"{place}/message", **send).status_code == 403)
    shown = ann.ask("GET", place).json()
    assert shown["participants"] == [ann.id, leaver.id]
    assert ann.ask("GET", f"/api/chat/{group}").json()["participants"] == [ann.id]
    again = ann.ask("PUT", f"/api/user/{leaver.id}/direct")
    assert (again.status_code, again.json()["chat"]["id"]) == (200, direct)
    history = ann.ask("GET", f"{place}/message?limit=100").json()["messages"]
    assert (history[-1]["message"], history[-1]["by"]) == ("stays", leaver.id)


def test_nobody_opens_a_direct_chat_with_who_is_gone(ann: Person, leaver: Person) -> None:
    """They are no longer a user."""
    assert delete_account(leaver).status_code == 200
    assert ann.ask("PUT", f"/api/user/{leaver.id}/direct").status_code == 404


def test_messages_go_too_where_that_is_asked_for(
    system: System, ann: Person, leaver: Person
) -> None:
    """All of them, including in a chat that was left before, and although users and chats are
    killed meanwhile; messages of others stay."""
    stayed, left = ann.create_chat(leaver.id), ann.create_chat(leaver.id)
    for chat in (stayed, left):
        place = f"/api/chat/{chat}/message"
        for number in range(30):
            leaver.ask("POST", place, json={"message": f"secret {number}"})
        ann.ask("POST", place, json={"message": "what ann said"})
    place = f"/api/chat/{left}/participant/{leaver.id}"
    assert leaver.ask("DELETE", place).status_code == 200
    assert delete_account(leaver, query="?messages=true").status_code == 200
    time.sleep(0.5)  # the moment of the kill is the case, not a condition
    for server in (system.users, system.chats):
        server.kill()
    for server in (system.chats, system.users):
        server.start()

    def texts() -> set[str]:
        pages = [ann.ask("GET", f"/api/chat/{c}/message?limit=100").json() for c in (stayed, left)]
        return {message["message"] for page in pages for message in page["messages"]}

    wait_until(lambda: texts() == {"", "what ann said"})
    for chat in (stayed, left):
        answer = ann.ask("GET", f"/api/chat/{chat}/events")
        assert "secret" not in answer.text
        deleted = [e for e in answer.json()["events"] if e["type"] == "message.deleted"]
        assert len(deleted) == 30
        assert {event["by"] for event in deleted} == {leaver.id}


def test_messages_stay_otherwise(ann: Person, leaver: Person) -> None:
    """Unchanged, under the name of a deleted account."""
    chat = ann.create_chat(leaver.id)
    leaver.ask("POST", f"/api/chat/{chat}/message", json={"message": "stays"})
    assert delete_account(leaver).status_code == 200
    wait_until(lambda: not ann.chats())
    (message,) = ann.ask("GET", f"/api/chat/{chat}/message").json()["messages"]
    assert (message["message"], message["by"]) == ("stays", leaver.id)
