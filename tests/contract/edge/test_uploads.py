"""Uploads: what is accepted, from whom, how much, and what a broken one leaves."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from common.protocol.ids import new_id
from tests.contract.edge.test_avatars import picture
from tests.contract.edge.uploading import (
    MAX_BYTES,
    TEXT,
    upload,
    upload_file,
    wait_until,
)


def test_the_largest_file(ann: Any, chat: str) -> None:
    """25 MiB are accepted, one byte more is refused, declared or not."""

    def pieces(size: int) -> Iterator[bytes]:
        for start in range(0, size, 2**20):
            yield b"x" * min(2**20, size - start)

    assert upload(ann, chat, b"x" * MAX_BYTES).json()["file"]["size"] == MAX_BYTES
    assert upload(ann, chat, pieces(MAX_BYTES)).json()["file"]["size"] == MAX_BYTES
    for data in (b"x" * (MAX_BYTES + 1), pieces(MAX_BYTES + 1)):
        answer = upload(ann, chat, data)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


NAMES = {
    "one character": ("a", True), "255": ("a" * 255, True), "other scripts": ("Grüße 🎉", True),
    "three dots": ("...", True), "a quote": ('a"b;c%.txt', True), "a plus": ("1+1", True),
    "none": ("", False), "256": ("a" * 256, False), "a slash": ("a/b", False),
    "a backslash": ("a\\b", False), "one dot": (".", False), "two dots": ("..", False),
    "a line end": ("a\n", False), "NUL": ("a\0", False), "a control of Latin-1": ("a\x85", False),
    "a turned ending": ("a\u202egpj.exe", False), "an isolate": ("a\u2066b", False),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_names(ann: Any, chat: str, case: str) -> None:
    """A name of visible characters that is one path component; it is stored as sent."""
    name, is_good = NAMES[case]
    answer = upload(ann, chat, name=name)
    assert answer.status_code == (201 if is_good else 400), answer.text
    if is_good:
        file = answer.json()["file"]
        assert file["name"] == name
        got = ann.ask("GET", f"/api/chat/{chat}/file/{file['id']}")
        assert got.headers["content-disposition"].endswith(f"''{quote(name, safe='')}")


def test_refused_before_the_chat_is_looked_at(ann: Any) -> None:
    """Form, declared length and name are checked first, then the chat, then the bytes."""
    nowhere = new_id()
    form = {"headers": {"Content-Type": "multipart/form-data; boundary=x"}}
    assert upload(ann, nowhere, name="", **form).status_code == 415
    assert upload(ann, nowhere, b"x" * (MAX_BYTES + 1), name="").status_code == 413
    assert upload(ann, nowhere, name="").status_code == 400
    assert upload(ann, nowhere, b"").status_code == 400
    assert upload(ann, nowhere, headers={"Idempotency-Key": "1"}).status_code == 400
    assert upload(ann, nowhere).status_code == 404
    assert upload(ann, nowhere, iter(())).status_code == 404
    assert ann.ask("POST", f"/api/chat/{nowhere}/file", content=b"x").status_code == 400
    twice = f"/api/chat/{nowhere}/file?name=a&name=b"
    assert ann.ask("POST", twice, content=b"x").status_code == 400


def test_an_empty_body_of_unknown_length_is_refused(ann: Any, chat: str) -> None:
    """Like a declared one."""
    assert upload(ann, chat, iter(())).status_code == 400


def test_what_the_sender_says_of_the_type_does_not_count(ann: Any, chat: str) -> None:
    """Both the header and the name are ignored."""
    headers = {"Content-Type": "image/svg+xml"}
    answer = upload(ann, chat, b"<svg onload='alert(1)'/>", name="a.svg", headers=headers)
    assert answer.json()["file"]["type"] == "text/plain; charset=utf-8"


def test_an_upload_may_be_repeated(ann: Any, ben: Any, chat: str) -> None:
    """With its key it returns the first one, whatever the body, also in parallel; the same key of
    another user is separate."""
    headers = {"Idempotency-Key": new_id()}
    with ThreadPoolExecutor(4) as threads:
        each = [threads.submit(upload, ann, chat, TEXT, headers=headers) for _ in range(4)]
    answers = [one.result() for one in each]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert upload(ann, chat, b"other", headers=headers).text == answers[0].text
    assert upload(ben, chat, headers=headers).text != answers[0].text
    file = answers[0].json()["file"]["id"]
    assert ann.ask("GET", f"/api/chat/{chat}/file/{file}").content == TEXT


def test_a_broken_upload_leaves_nothing(ann: Any, chat: str, files_url: str, folder: Path) -> None:
    """When the connection ends, the received bytes are deleted."""
    before = set(folder.glob("*/*"))

    def part() -> Iterator[bytes]:
        yield b"x" * 600_000
        wait_until(lambda: set(folder.glob("*/*/0")) - {b / "0" for b in before} != set())
        raise ConnectionError("the client is gone")

    place = f"{files_url}/api/chat/{chat}/file?name=a"
    with pytest.raises(ConnectionError):
        httpx.post(place, content=part(), headers=ann.headers, timeout=30)
    wait_until(lambda: set(folder.glob("*/*")) <= before)


def test_a_gigabyte_a_person(services: Any, make_person: Callable[[], Any], ann: Any) -> None:
    """The last byte of it fits, the next does not; deleting makes room."""
    person = make_person()
    chat = person.create_chat(ann.id)
    file = upload_file(person, chat)
    with psycopg.connect(services.environment["HUBBUB_CHATS_DATABASE_URL"]) as connection:
        connection.execute("UPDATE files SET size = %s WHERE id = %s", (2**30 - len(TEXT), file))
    assert upload(person, chat).status_code == 201
    assert upload(person, chat, b"x").status_code == 400
    assert upload(person, chat, iter([b"x"])).status_code == 400
    assert upload(ann, chat).status_code == 201
    assert person.ask("DELETE", f"/api/chat/{chat}/file/{file}").status_code == 200
    assert upload(person, chat, b"x").status_code == 201


@pytest.fixture
def strict_url(services: Any) -> Iterator[str]:
    """A files process with the default limits."""
    with services.running("files", 2) as url:
        yield url


def test_twenty_at_once(services: Any, strict_url: str, make_person: Callable[[], Any]) -> None:
    """The 21st is told to wait; so is one after sixty in a minute."""
    person = make_person()
    chat = person.create_chat()
    go_on = threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"x"
        assert go_on.wait(60)
        yield b"y"

    def post(data: Any) -> httpx.Response:
        place = f"{strict_url}/api/chat/{chat}/file?name=a"
        return httpx.post(place, content=data, headers=person.headers, timeout=60)

    def count() -> int:
        with psycopg.connect(services.environment["HUBBUB_CHATS_DATABASE_URL"]) as connection:
            (found,) = connection.execute(
                "SELECT count(*) FROM files WHERE chat = %s", (chat,)
            ).fetchone() or (0,)
        return int(found)

    began = time.monotonic()
    with ThreadPoolExecutor(20) as threads:
        each = [threads.submit(post, slow()) for _ in range(20)]
        try:
            wait_until(lambda: count() == 20)
            refused = post(b"x")
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.headers["ratelimit-limit"] == "20"
        finally:
            go_on.set()
        assert {one.result().status_code for one in each} == {201}
    used = 21
    while (answer := post(b"x")).status_code == 201:
        used += 1
    assert answer.headers["ratelimit-limit"] == "60"
    # One is refilled each second, and a process may lag a tenth behind Valkey's count.
    assert 60 <= used <= 67 + time.monotonic() - began


@pytest.mark.parametrize("what", ["file", "avatar"])
def test_a_session_that_ends_meanwhile(
    make_person: Callable[[], Any], folder: Path, what: str
) -> None:
    """Its uploads end with it: from then on its token works for nothing else."""
    person = make_person()
    chat = person.create_chat()
    file = f"/api/chat/{chat}/file"
    data = picture()
    before = {path.name for path in folder.glob("*/*")}

    def body() -> Iterator[bytes]:
        yield data[:100]
        assert person.ask("POST", "/api/user/logout").status_code == 200
        wait_until(lambda: person.ask("GET", f"{file}/{new_id()}").status_code == 401)
        yield data[100:]

    if what == "file":
        answer = upload(person, chat, body())
    else:
        answer = person.ask("PUT", "/api/user/me/avatar", content=body())
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    wait_until(lambda: {path.name for path in folder.glob("*/*")} <= before)
