"""GET /api/search: its answers and refusals."""

import time
from typing import Any

import httpx
import pytest

from common.protocol.ids import new_id
from tests.fixtures.busy import bound

NOBODY = "00000000-0000-4000-8000-000000000000"  # a case has the same name in every worker

FOUND_SECONDS = bound(1.0, 30.0)


def search(person: Any, query: str) -> httpx.Response:
    answer: httpx.Response = person.ask("GET", f"/api/search?{query}")
    return answer


def until_found(person: Any, query: str, number: int) -> dict[str, Any]:
    deadline = time.monotonic() + FOUND_SECONDS
    while True:
        answer = search(person, query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if len(found["messages"]) == number:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_messages_are_found_page_by_page(ann: Any, chat: str) -> None:
    """Newest first; `next` leads on until it is null."""
    for text in ("kiwi one", "kiwi two", "kiwi three"):
        sent = ann.ask("POST", f"/api/chat/{chat}/message", json={"message": text})
        assert sent.status_code == 201
        time.sleep(0.002)  # each in a separate millisecond
    found = until_found(ann, f"q=kiwi&chat={chat}", 3)
    assert [m["message"] for m in found["messages"]] == ["kiwi three", "kiwi two", "kiwi one"]
    assert found["next"] is None
    first = search(ann, f"q=ki&limit=2&by={ann.id}").json()
    assert [m["message"] for m in first["messages"]] == ["kiwi three", "kiwi two"]
    rest = search(ann, f"q=ki&limit=2&before={first['next']}").json()
    assert [m["message"] for m in rest["messages"]] == ["kiwi one"]
    assert rest["next"] is None
    assert search(ann, f"q=kiwi&by={new_id()}").json() == {"messages": [], "next": None}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("q=", 400),
        ("q=%20", 400),
        ("q=...", 400),
        ("q=%ff", 400),
        ("q=%00a", 400),
        ("q=%ed%a0%80a", 400),
        ("q=" + "x" * 200, 200),
        ("q=" + "x" * 201, 400),
        ("q=" + "%F0%9F%98%80" * 199 + "x", 200),
        ("q=x&chat=nowhere", 400),
        (f"q=x&chat={NOBODY}", 404),
        ("q=x&by=nobody", 400),
        (f"q=x&by={NOBODY}", 200),
        ("q=x&limit=0", 400),
        ("q=x&limit=1", 200),
        ("q=x&limit=50", 200),
        ("q=x&limit=51", 400),
        ("q=x&before=", 400),
        ("q=x&before=zzz", 400),
        (f"q=%20&chat={NOBODY}", 400),
        ("q=%22unbalanced", 200),
        ("q=%27%3B%20DROP%20TABLE%20log%3B--%20%26%7C%21%3A%2A%5C%25_", 200),
    ],
)
def test_a_query_within_the_limits_is_answered_and_others_are_refused(
    ann: Any, query: str, status: int
) -> None:
    """400 before 404; user input contains no operators."""
    answer = search(ann, query)
    assert answer.status_code == status, answer.text


def test_a_chat_of_others_is_not_found(chat: str, make_person: Any) -> None:
    """Like one that does not exist."""
    assert search(make_person(), f"q=x&chat={chat}").status_code == 404
