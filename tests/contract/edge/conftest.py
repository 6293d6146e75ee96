"""Real edge, users and chats processes on real PostgreSQL and Valkey, shared by the tests."""

import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from common.protocol.ids import new_id
from common.protocol.limits import ACCESS_TOKEN_SECONDS
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from tests.fixtures.callers import AnyCaller, Credentials
from tests.fixtures.documents import Documents
from tests.fixtures.person import Answer
from tests.fixtures.servers import PostgresServer, Server, ValkeyServer, is_ready

ORIGIN = "http://127.0.0.1:8600"


class Services:
    """users, chats and edges side by side, each on a fixed port."""

    def __init__(self, folder: Path, postgres: PostgresServer, valkey: ValkeyServer) -> None:
        self._folder = folder
        self._servers: list[Server] = []
        self._ports: list[ReservedPort] = []
        self.urls: dict[str, str] = {}  # of the first process of each role
        self.inner: dict[str, str] = {}  # where these serve health and metrics
        self.balancer_key = secrets.token_hex(16)
        self.credentials = Credentials(folder)
        for name, secret in (("balancer", self.balancer_key), ("signing", secrets.token_hex(16))):
            (folder / f"{name}.key").write_text(secret)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "default",
            "HUBBUB_VALKEY_URL": valkey.url,
            "HUBBUB_TOPIC_PREFIX": f"edge-{secrets.token_hex(4)}:",
            "HUBBUB_BALANCER_KEY_FILE": str(folder / "balancer.key"),
            "HUBBUB_SIGNING_SECRET_FILE": str(folder / "signing.key"),
            "HUBBUB_USERS_DATABASE_URL": postgres.make_database("users"),
            "HUBBUB_CHATS_DATABASE_URL": postgres.make_database("chats"),
            "HUBBUB_PUBLIC_URL": ORIGIN,
            "HUBBUB_PUSH": "local",
            "HUBBUB_LINK_PREVIEWS": "local",
            "HUBBUB_PUSH_CONTACT": "mailto:owner@example.org",
            "HUBBUB_FILES_URL": (folder / "files").as_uri(),
        }

    def start(self, role: str, number: int = 1, **environment: str) -> tuple[Server, str]:
        """Starts a process of the role, waits until it is ready, and returns its base URL."""
        port, health = ReservedPort(), ReservedPort()
        self._ports += [port, health]
        env = {
            **self.environment,
            **self.credentials.environment(role),
            **environment,
            "HUBBUB_NAME": f"{role}-{number}",
            "HUBBUB_LISTEN": port.address,
        }
        probe = port.address
        if role in ("edge", "realtime", "files"):
            env["HUBBUB_METRICS_LISTEN"] = probe = health.address

        def run() -> subprocess.Popen[bytes]:
            with (self._folder / f"{role}-{number}.log").open("ab") as output:
                command = [sys.executable, "-m", role]
                return spawn(command, env=env, cwd=Path.cwd(), output=output)

        server = Server(run, lambda: is_ready(probe))
        self._servers.append(server)
        self.environment.setdefault(f"HUBBUB_{role.upper()}_SEEDS", probe)
        self.urls.setdefault(role, f"http://{port.address}")
        self.inner.setdefault(role, f"http://{probe}")
        return server, f"http://{port.address}"

    @contextmanager
    def running(self, role: str, number: int, **environment: str) -> Iterator[str]:
        """Like `start`, for some tests only: an idle process slows down the tests after them."""
        server, url = self.start(role, number, **environment)
        yield url
        server.kill()

    def log_of(self, role: str, number: int = 1) -> str:
        return (self._folder / f"{role}-{number}.log").read_text()

    def close(self) -> None:
        for server in reversed(self._servers):
            server.kill()
        for port in self._ports:
            port.close()


@pytest.fixture(scope="session")
def make_services(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer
) -> Callable[[ValkeyServer], Services]:
    """Separate services for one test, with a Valkey; the test closes them."""
    return lambda valkey: Services(tmp_path_factory.mktemp("services"), postgres, valkey)


@pytest.fixture(scope="session")
def services(
    make_services: Callable[[ValkeyServer], Services], valkey: ValkeyServer
) -> Iterator[Services]:
    """Running users and chats; tests share them and must not stop them."""
    found = make_services(valkey)
    try:
        found.start("users")
        found.start("chats")
        yield found
    finally:
        found.close()


@pytest.fixture(scope="session")
def edge_url(services: Services) -> str:
    """An edge with rates raised a thousandfold."""
    return services.start("edge", HUBBUB_RATE_LIMITS="high")[1]


class Balanced(httpx.HTTPTransport):
    """One origin for edge and files, by the balancer's rules."""

    def __init__(self, edge_url: str, files_url: str) -> None:
        super().__init__()
        self._edge, self._files = httpx.URL(edge_url), httpx.URL(files_url)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        to = self._files if is_for_files(request.method, request.url.path) else self._edge
        request.url = request.url.copy_with(host=to.host, port=to.port)
        return super().handle_request(request)


def is_for_files(method: str, path: str) -> bool:
    if path == "/api/user/me/avatar":
        return method in ("PUT", "DELETE")
    if method == "POST":
        return re.fullmatch("/api/chat/[^/]+/file", path) is not None
    if path.endswith("/file/link"):
        return False
    pattern = "/api/(chat/[^/]+/file/[^/]+(/preview)?|(file|avatar)/[^/]+)"
    return method in ("GET", "HEAD") and re.fullmatch(pattern, path) is not None


@pytest.fixture(scope="session")
def files_url(services: Services) -> str:
    """A files process with rates raised a thousandfold."""
    return services.start("files", HUBBUB_RATE_LIMITS="high")[1]


@pytest.fixture(scope="session")
def client(edge_url: str, files_url: str) -> Iterator[httpx.Client]:
    """An anonymous client; every answer is checked against the published description."""
    documents = Documents(edge_url)

    def check(response: httpx.Response) -> None:
        request, headers = response.request, response.headers
        is_of_page = request.url.path.startswith("/web/")
        if (
            request.method != "HEAD"
            and "json" in headers.get("content-type", "")
            and not is_of_page
        ):
            answer = Answer(response.status_code, msgspec.json.decode(response.read()), headers)
            documents.check_answer(request.method, request.url.raw_path.decode(), answer)
        check_refusal(response)

    hooks = {"response": [check]}
    transport = Balanced(edge_url, files_url)
    with httpx.Client(
        base_url=edge_url, timeout=30, event_hooks=hooks, transport=transport
    ) as client:
        yield client


def check_refusal(response: httpx.Response) -> None:
    """Every refusal has RFC 9457 form, with the headers that its status requires."""
    status, headers = response.status_code, response.headers
    if status < 400:
        return
    assert headers["content-type"] == "application/problem+json"
    if status == 401 and b"invalid_credentials" not in response.read():
        assert headers["www-authenticate"] == "Bearer"
    if status == 405:
        assert headers["allow"]
    if status in (429, 503):
        assert int(headers["retry-after"]) >= 1
    limits = [f"ratelimit-{part}" in headers for part in ("limit", "remaining", "reset")]
    assert limits == [status == 429] * 3


class Person:
    """A user with an account and a token, which is renewed in time: some outlive many tests."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._renewing = threading.Lock()
        self.name = f"p-{new_id()[-12:]}"
        account = {"username": self.name, "email": f"{self.name}@example.org"}
        answer = client.post("/api/user", json=account)
        assert answer.status_code == 201, answer.text
        self.id: str = answer.json()["user"]["id"]
        self._take(answer.json())

    def _take(self, grant: dict[str, Any]) -> None:
        self._token: str = grant["token"]
        self.refresh_token: str = grant["refreshToken"]
        self._renew_at = time.monotonic() + ACCESS_TOKEN_SECONDS / 2

    @property
    def headers(self) -> dict[str, str]:
        with self._renewing:
            if time.monotonic() > self._renew_at:
                body = {"refreshToken": self.refresh_token}
                answer = self._client.post("/api/user/refresh", json=body)
                assert answer.status_code == 200, answer.text
                self._take(answer.json())
            return {"Authorization": f"Bearer {self._token}"}

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **options)

    def create_chat(self, *participants: str, name: str = "plans") -> str:
        body = {"participants": participants, "chatName": name}
        answer = self.ask("POST", "/api/chat", json=body)
        assert answer.status_code == 201, answer.text
        chat: str = answer.json()["chat"]["id"]
        return chat


@pytest.fixture(scope="session")
def make_person(client: httpx.Client) -> Callable[[], Person]:
    return lambda: Person(client)


@pytest.fixture(scope="session")
def make_owner(services: Services) -> Callable[[str], None]:
    """Does what `make owner NAME=…` does on the machine."""

    def make(username: str) -> None:
        answer = httpx.post(
            f"{services.urls['users']}/calls/make_owner",
            json={"username": username},
            headers=AnyCaller(services.credentials.shared).headers("users"),
        )
        assert answer.status_code == 200, answer.text

    return make


@pytest.fixture(scope="session")
def owner(make_person: Callable[[], Person], make_owner: Callable[[str], None]) -> Person:
    """An owner of the instance."""
    person = make_person()
    make_owner(person.name)
    return person


@pytest.fixture(scope="session")
def ann(client: httpx.Client) -> Person:
    return Person(client)


@pytest.fixture(scope="session")
def ben(client: httpx.Client) -> Person:
    return Person(client)


@pytest.fixture(scope="session")
def chat(ann: Person, ben: Person) -> str:
    """A chat created by ann, with ben; tests neither rename nor delete it."""
    return ann.create_chat(ben.id)


@pytest.fixture
def folder(services: Services) -> Path:
    """Where files stores bytes."""
    return Path(services.environment["HUBBUB_FILES_URL"].removeprefix("file://"))
