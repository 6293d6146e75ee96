"""A process of files that ends finishes its transfers, or tells clients that it cannot."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.contract.edge.conftest import Person, Services
from tests.contract.edge.uploading import MAX_BYTES, upload_file, wait_until

SIZE = 1_200_000  # three pieces
SENT = 600_000
LONG = 300
END_SECONDS = 60.0  # within which a process ends that has no reason to wait


class Draining:
    """A process of files that is told to end while a client transfers something."""

    def __init__(
        self, services: Services, number: int, process: subprocess.Popen[bytes], url: str
    ) -> None:
        self._services, self._number = services, number
        self.process = process
        self.address = ("127.0.0.1", int(url.rpartition(":")[2]))

    @property
    def log(self) -> list[dict[str, object]]:
        lines = self._services.log_of("files", self._number).splitlines()
        return [json.loads(line) for line in lines]

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Returns once the drain has begun."""
        self.process.send_signal(number)
        wait_until(lambda: any(line["event"] == "draining" for line in self.log))

    def check_quiet(self) -> None:
        """It has ended in order, and reports no error."""
        assert self.process.wait(END_SECONDS) == 0
        wrong = [line for line in self.log if line["level"] not in ("info", "debug")]
        assert wrong == []


@contextmanager
def serving(services: Services, number: int, seconds: int) -> Iterator[Draining]:
    """It lets transfers go on for so many seconds."""
    server, url = services.start("files", number, HUBBUB_FILES_DRAIN_SECONDS=str(seconds))
    try:
        yield Draining(services, number, server.process, url)
    finally:
        server.kill()


@contextmanager
def uploading(files: Draining, person: Person, chat: str, folder: Path) -> Iterator[socket.socket]:
    """Half of an upload has arrived."""
    before = set(folder.glob("??/*"))
    with socket.create_connection(files.address) as client:
        client.settimeout(END_SECONDS)
        client.sendall(
            f"POST /api/chat/{chat}/file?name=a HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n"
            f"Authorization: {person.headers['Authorization']}\r\n\r\n".encode()
            + b"x" * SENT
        )
        wait_until(lambda: len(set(folder.glob("??/*")) - before) == 1)
        yield client


def answer_to(client: socket.socket) -> tuple[HTTPResponse, dict[str, object]]:
    answer = HTTPResponse(client)
    answer.begin()
    return answer, json.loads(answer.read())


@pytest.mark.usefixtures("files_url")
def test_an_upload_ends_before_its_process_does(
    services: Services, ann: Person, chat: str, folder: Path
) -> None:
    """It takes no new ones meanwhile."""
    with (
        serving(services, 21, LONG) as files,
        uploading(files, ann, chat, folder) as client,
    ):
        files.end()
        wait_until(lambda: refuses(files.address))
        client.sendall(b"x" * (SIZE - SENT))
        answer, body = answer_to(client)
        assert (answer.status, body["message"]) == (201, "File uploaded successfully")
        files.check_quiet()


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.usefixtures("files_url")
@pytest.mark.parametrize(("seconds", "by"), [(1, signal.SIGTERM), (LONG, signal.SIGINT)])
def test_an_upload_that_takes_too_long_is_undone_and_answered(
    services: Services, ann: Person, chat: str, folder: Path, seconds: int, by: signal.Signals
) -> None:
    """With the refusal after which clients repeat it. SIGINT, by which the fleet ends everything,
    leaves it a few seconds."""
    before = set(folder.glob("??/*"))
    with (
        serving(services, 30 + by, seconds) as files,
        uploading(files, ann, chat, folder) as client,
    ):
        files.end(by)
        answer, body = answer_to(client)
        assert (answer.status, body["code"]) == (503, "unavailable")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.headers["Retry-After"], answer.headers["Connection"]) == ("1", "close")
        files.check_quiet()
    assert set(folder.glob("??/*")) == before


@pytest.mark.usefixtures("files_url")
def test_an_order_to_hurry_ends_a_long_drain(
    services: Services, ann: Person, chat: str, folder: Path
) -> None:
    """The whole system ends while a process drains."""
    with (
        serving(services, 23, LONG) as files,
        uploading(files, ann, chat, folder) as client,
    ):
        files.end()
        wait_until(lambda: refuses(files.address))
        files.process.send_signal(signal.SIGINT)
        assert answer_to(client)[0].status == 503
        files.check_quiet()


@pytest.mark.usefixtures("files_url")
def test_a_download_that_takes_too_long_is_cut_off(
    services: Services, ann: Person, chat: str
) -> None:
    """Its client asks for the rest."""
    file = upload_file(ann, chat, b"x" * MAX_BYTES)
    with (
        serving(services, 24, 1) as files,
        socket.create_connection(files.address) as client,
    ):
        client.settimeout(END_SECONDS)
        client.sendall(
            f"GET /api/chat/{chat}/file/{file} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {ann.headers['Authorization']}\r\n\r\n".encode()
        )
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        files.end()
        files.check_quiet()
