"""Each process is killed at each step of an upload: after the sweep no unknown bytes are left."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.protocol.ids import new_id
from files.store import FileStore, Location
from files.sweep import Sweep
from files.upstream import Chats
from tests.contract.edge.cast import DOT
from tests.contract.edge.conftest import Person, Services
from tests.contract.edge.uploading import wait_until
from tests.fixtures.callers import AnyCaller
from tests.fixtures.servers import Server, ValkeyServer

DATA = b"x" * 1_200_000  # three pieces
HALF_AN_HOUR = "UPDATE files SET began_at = began_at - interval '31 minutes' WHERE seq IS NULL"


class Stage:
    """Separate services for a test, which may kill them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.users = services.start("users")[0]
        self.chats = services.start("chats")[0]
        edge = services.start("edge", HUBBUB_RATE_LIMITS="high")[1]
        self.files, self.url = services.start("files", HUBBUB_RATE_LIMITS="high")
        self.folder = Path(services.environment["HUBBUB_FILES_URL"].removeprefix("file://"))
        self.client = httpx.Client(base_url=edge, timeout=30)
        self.person = Person(self.client)
        self.chat = self.person.create_chat()
        self.place = f"{self.url}/api/chat/{self.chat}/file?name=a"

    def upload(self, body: Any, key: str) -> httpx.Response:
        headers = {**self.person.headers, "Idempotency-Key": key}
        return httpx.post(self.place, content=body, headers=headers, timeout=30)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Queries the database of chats."""
        with psycopg.connect(self.services.environment["HUBBUB_CHATS_DATABASE_URL"]) as connection:
            done = connection.execute(query)
            return done.fetchall() if done.description else []

    def names(self) -> set[str]:
        return {path.name for path in self.folder.glob("*/*")}

    def rows(self) -> set[str]:
        return {str(file) for (file,) in self.ask("SELECT id FROM files")}


@pytest.fixture(scope="module")
def stage(
    make_services: Callable[[ValkeyServer], Services], valkey: ValkeyServer
) -> Iterator[Stage]:
    services = make_services(valkey)
    try:
        stage = Stage(services)
        with closing(stage.client):
            yield stage
    finally:
        services.close()


def killed(server: Server) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("sent", [0, 600_000])
@pytest.mark.parametrize("role", ["files", "chats"])
def test_killed_while_bytes_come(stage: Stage, role: str, sent: int) -> None:
    """The client's next try creates the file; the remains of the first are swept half an hour
    later."""
    key, may_end, has_sent = new_id(), threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        if sent:
            yield DATA[:sent]
        has_sent.set()
        assert may_end.wait(60)
        yield DATA[sent:]

    def first() -> httpx.Response | None:
        try:
            return stage.upload(body(), key)
        except httpx.TransportError:
            return None

    before = stage.rows()
    with ThreadPoolExecutor(1) as threads:
        trying = threads.submit(first)
        assert has_sent.wait(30)
        wait_until(lambda: len(stage.rows() - before) == 1)
        killed(getattr(stage, role))
        may_end.set()
        trying.result()
    wait_until(lambda: stage.upload(DATA, key).status_code == 201)
    stage.ask(HALF_AN_HOUR)
    wait_until(lambda: stage.rows() == stage.names() and len(stage.rows()) == len(before) + 1)
    file = stage.upload(DATA, key).json()["file"]["id"]
    place = f"{stage.url}/api/chat/{stage.chat}/file/{file}"
    got = httpx.get(place, headers=stage.person.headers, timeout=30)
    assert got.content == DATA


def test_an_upload_that_goes_on_is_told_of(stage: Stage) -> None:
    """However long it takes, it is reported as in progress."""
    told, may_end = "SELECT id FROM files WHERE told_at > began_at", threading.Event()
    before = set(stage.ask(told))

    def body() -> Iterator[bytes]:
        yield DATA[:600_000]
        assert may_end.wait(60)
        yield DATA[600_000:]

    with ThreadPoolExecutor(1) as threads:
        trying = threads.submit(lambda: stage.upload(body(), new_id()))
        try:
            wait_until(lambda: len(set(stage.ask(told)) - before) == 1)
        finally:
            may_end.set()
        assert trying.result().status_code == 201


def test_killed_behind_the_last_byte(stage: Stage) -> None:
    """chats learns late or never that the bytes are stored: the file is created exactly once all
    the same."""
    key, may_end = new_id(), threading.Event()

    def body() -> Iterator[bytes]:
        yield DATA[:600_000]
        assert may_end.wait(60)
        yield DATA[600_000:]

    before = stage.rows()
    with ThreadPoolExecutor(1) as threads:
        trying = threads.submit(lambda: stage.upload(body(), key))
        wait_until(lambda: len(stage.rows() - before) == 1)
        (file,) = stage.rows() - before
        stage.chats.pause()
        try:
            may_end.set()
            wait_until(lambda: any((p / "2").exists() for p in stage.folder.glob(f"*/{file}")))
            stage.files.kill()
        finally:
            stage.chats.go_on()
        assert trying.exception() is not None
    stage.files.start()
    assert stage.upload(DATA, key).status_code == 201
    stage.ask(HALF_AN_HOUR)
    wait_until(lambda: stage.rows() == stage.names() and len(stage.rows()) == len(before) + 1)


@pytest.mark.parametrize("data", [DATA, DOT + DATA], ids=["text", "picture"])
def test_an_upload_to_a_chat_that_ends_meanwhile(stage: Stage, data: bytes) -> None:
    """It gets not_found at the end, and bytes that arrive after the sweep are deleted with the
    rest."""
    chat, before, may_end = stage.person.create_chat(), stage.rows(), threading.Event()

    def body() -> Iterator[bytes]:
        yield data[:600_000]
        assert may_end.wait(60)
        yield data[600_000:]

    place = f"{stage.url}/api/chat/{chat}/file?name=a"
    with ThreadPoolExecutor(1) as threads:
        trying = threads.submit(
            httpx.post, place, content=body(), headers=stage.person.headers, timeout=30
        )
        try:
            wait_until(lambda: len(stage.rows() - before) == 1)
            (file,) = stage.rows() - before
            wait_until(lambda: file in stage.names())
            assert stage.person.ask("DELETE", f"/api/chat/{chat}").status_code == 200
            wait_until(lambda: file not in stage.rows() | stage.names())
        finally:
            may_end.set()
        assert trying.result().status_code == 404, trying.result().text
    assert file not in stage.names()


def test_killed_between_bytes_and_row(stage: Stage) -> None:
    """Of files to delete: the next sweep finishes what one has not."""
    file = stage.upload(DATA, new_id()).json()["file"]["id"]
    stage.files.kill()
    stage.ask(f"UPDATE files SET doomed_at = now() WHERE id = '{file}'")  # noqa: S608
    for piece in stage.folder.glob(f"*/{file}/*"):
        piece.unlink()
        break
    stage.files.start()
    wait_until(lambda: file not in stage.rows() | stage.names())


async def test_unknown_bytes_are_removed(stage: Stage) -> None:
    """As after the restore of an older database: they are removed, together with a half-written
    piece."""
    known = stage.upload(DATA, new_id()).json()["file"]["id"]
    unknown = new_id()[:-2] + known[-2:]
    folder = stage.folder / unknown[-2:] / unknown
    folder.mkdir()
    (folder / "0#1").write_bytes(b"half")
    address = stage.services.urls["chats"].removeprefix("http://")
    with (
        closing(FileStore(Location(stage.folder.as_uri()))) as store,
        closing(HttpClient(AnyCaller(stage.services.credentials.shared))) as http,
    ):
        sweep = Sweep(Chats(Calls(http, Replicas("chats", (address,)))), store, {})
        assert await sweep.remove_unknown(known[-2:]) == []  # too young
        assert await sweep.remove_unknown(known[-2:], -60) == [unknown]
    assert stage.names() >= {known}
    assert unknown not in stage.names()
