"""Helpers for tests of files over REST."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

TEXT = b"Salad, bread, lemonade"
MAX_BYTES = 25 * 2**20
GONE_SECONDS = 60.0


def upload(person: Any, chat: str, data: Any = TEXT, name: str = "a.txt", **options: Any) -> Any:
    place = f"/api/chat/{chat}/file?name={quote(name, safe='')}"
    return person.ask("POST", place, content=data, **options)


def upload_file(person: Any, chat: str, data: Any = TEXT, **options: Any) -> str:
    answer = upload(person, chat, data, **options)
    assert answer.status_code == 201, answer.text
    file: str = answer.json()["file"]["id"]
    return file


def send(person: Any, chat: str, text: str = "", **fields: Any) -> httpx.Response:
    answer: httpx.Response = person.ask(
        "POST", f"/api/chat/{chat}/message", json={"message": text, **fields}
    )
    return answer


def link_to(person: Any, chat: str, file: str) -> str:
    answer = person.ask("POST", f"/api/chat/{chat}/file/link", json={"files": [file]})
    url: str = answer.json()["links"][file]["url"]
    return url


def lies_in(folder: Path, file: str) -> bool:
    return (folder / file[-2:] / file).exists()


def wait_until(condition: Callable[[], bool], seconds: float = GONE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def get_openly(person: Any, place: str) -> httpx.Response:
    """Without a token."""
    answer: httpx.Response = person.ask("GET", place, headers={"Authorization": ""})
    return answer
