"""What edge answers while users, chats or Valkey is down, and how soon it recovers."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import pytest

from common.protocol.ids import new_id
from tests.fixtures.busy import BUSY, IS_AT_REST, bound
from tests.fixtures.servers import PostgresServer, Server, ValkeyServer

SLACK_SECONDS = bound(0.5, 10.0)
WAITED_SECONDS = 4.5  # after a kill, before a call may be refused


class System(NamedTuple):
    """One process of each role for this module."""

    client: httpx.Client
    users: Server
    chats: Server
    realtime: Server
    valkey: ValkeyServer
    headers: dict[str, str]
    chat: str

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, headers=self.headers, **options)

    def send(self) -> httpx.Response:
        return self.ask("POST", f"/api/chat/{self.chat}/message", json={"message": "x"})


@pytest.fixture(scope="module")
def system(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    make_services: Callable[[ValkeyServer], Any],
) -> Iterator[System]:
    valkey = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    services = make_services(valkey)
    users, chats = services.start("users")[0], services.start("chats")[0]
    realtime = services.start("realtime")[0]
    _, url = services.start("edge", HUBBUB_RATE_LIMITS="high")
    with httpx.Client(base_url=url, timeout=30) as client:
        person = client.post("/api/user", json=account()).json()
        headers = {"Authorization": f"Bearer {person['token']}"}
        body = {"participants": [], "chatName": "x"}
        chat = client.post("/api/chat", json=body, headers=headers).json()["chat"]["id"]
        yield System(client, users, chats, realtime, valkey, headers, chat)
    services.close()
    valkey.close()


def account() -> dict[str, str]:
    name = f"p-{new_id()[-12:]}"
    return {"username": name, "email": f"{name}@example.org"}


def check_unavailable(answer: httpx.Response) -> None:
    """503 that says when to retry, and names no address, process or exception."""
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "x-hubbub-gave-up" not in answer.headers
    assert not re.search(r"127\.0|chats|users|Traceback|Error", answer.text)


def seconds(call: Callable[[], httpx.Response]) -> tuple[float, httpx.Response]:
    started = time.monotonic()
    answer = call()
    return time.monotonic() - started, answer


def wait_for(status: int, call: Callable[[], httpx.Response], within: float) -> None:
    """In time on an idle machine."""
    deadline = time.monotonic() + BUSY * within
    while call().status_code != status:
        assert time.monotonic() < deadline


def test_users_gone(system: System) -> None:
    """Sends and reads continue; sign-up is refused within five seconds, later at once; and
    everything works within two seconds of recovery."""
    system.users.kill()
    try:
        assert system.send().status_code == 201
        assert system.ask("GET", f"/api/chat/{system.chat}").status_code == 200
        assert system.client.get("/health/ready").status_code == 200
        took, answer = seconds(lambda: system.client.post("/api/user", json=account()))
        check_unavailable(answer)
        assert took < 5 + SLACK_SECONDS
        took, answer = min(
            (seconds(lambda: system.client.post("/api/user", json=account())) for _ in range(5)),
            key=lambda pair: pair[0],
        )
        check_unavailable(answer)
        assert took < bound(0.05, 1.0)
        assert system.send().status_code == 201
    finally:
        system.users.start()
    wait_for(201, lambda: system.client.post("/api/user", json=account()), 2)


def test_chats_gone(system: System) -> None:
    """Profiles still work; chats are 503, never 404 or 500; the system is not ready."""
    system.chats.kill()
    try:
        assert system.ask("GET", "/api/user/me").status_code == 200
        with ThreadPoolExecutor() as threads:
            answers = list(
                threads.map(
                    lambda path: system.ask("GET", path),
                    ("/api/chat", f"/api/chat/{system.chat}", f"/api/chat/{system.chat}/events"),
                )
            )
        for answer in answers:
            check_unavailable(answer)
        check_unavailable(system.client.get("/health/ready"))
        assert system.client.get("/health/live").status_code == 200
    finally:
        system.chats.start()
    wait_for(201, system.send, 2)
    wait_for(200, lambda: system.client.get("/health/ready"), 2)


@pytest.mark.parametrize("role", ["users", "chats"])
def test_a_restart_fails_nobody(system: System, role: str) -> None:
    """Calls that arrive while the only replica restarts wait for it, up to five seconds."""
    server: Server = getattr(system, role)
    calls: list[Callable[[], httpx.Response]] = (
        [
            lambda: system.client.post("/api/user", json=account()),
            lambda: system.ask("GET", "/api/user/me"),
        ]
        if role == "users"
        else [system.send, lambda: system.ask("GET", "/api/chat")]
    )

    def answer_and_end(call: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
        return call(), time.monotonic()

    server.kill()
    killed = time.monotonic()
    with ThreadPoolExecutor(5 * len(calls)) as threads:
        waiting = [threads.submit(answer_and_end, call) for call in calls * 5]
        server.start()
        for answer, ended in (each.result() for each in waiting):
            if answer.status_code not in (200, 201):
                assert not IS_AT_REST  # elsewhere a start may take longer than a call waits
                check_unavailable(answer)
                assert ended - killed > WAITED_SECONDS


def test_realtime_gone(system: System) -> None:
    """Without a node no socket can become ready, so the system is not ready; REST still works."""
    system.realtime.kill()
    try:
        wait_for(503, lambda: system.client.get("/health/ready"), 2)
        assert system.send().status_code == 201
    finally:
        system.realtime.start()
    wait_for(200, lambda: system.client.get("/health/ready"), 2)


def test_valkey_gone(system: System) -> None:
    """Nothing in edge needs Valkey."""
    system.valkey.kill()
    try:
        took, answer = min((seconds(system.send) for _ in range(3)), key=lambda pair: pair[0])
        assert answer.status_code == 201
        assert system.client.post("/api/user", json=account()).status_code == 201
        assert system.client.get("/health/ready").status_code == 200
        assert took < 1
    finally:
        system.valkey.start()
    assert system.send().status_code == 201


def test_a_hung_users_costs_five_seconds_at_most(system: System) -> None:
    """A hung process is no worse than a dead one."""
    system.users.pause()
    try:
        took, answer = seconds(lambda: system.client.post("/api/user", json=account()))
        check_unavailable(answer)
        assert took < 5 + SLACK_SECONDS
        assert system.send().status_code == 201
    finally:
        system.users.go_on()
    wait_for(200, lambda: system.ask("GET", "/api/user/me"), 2)
