"""What users show of themselves and their chats: names, status lines, topics."""

from collections.abc import Callable
from typing import Any

import pytest

from common.protocol.ids import new_id


@pytest.mark.parametrize(
    "body",
    [
        {"displayName": ""},
        {"displayName": " \u2003"},
        {"displayName": "x" * 65},
        {"displayName": 1},
        {"status": "x" * 141},
        {"status": "\0"},
        {},
    ],
)
def test_what_is_no_name_or_status_is_refused(
    make_person: Callable[[], Any], body: dict[str, Any]
) -> None:
    """The refusal names the invalid field."""
    answer = make_person().ask("PATCH", "/api/user/me", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_longest_name_and_status(make_person: Callable[[], Any]) -> None:
    """Counted in code points; null removes them; other users see them without an e-mail address."""
    ann, bob = make_person(), make_person()
    fields = {"displayName": "\U0001f600" * 64, "status": "é" * 140}
    answer = ann.ask("PATCH", "/api/user/me", json=fields)
    assert answer.status_code == 200
    assert answer.json()["user"].items() >= fields.items()
    assert ann.ask("GET", "/api/user/me").json()["user"].items() >= fields.items()
    shown = bob.ask("GET", "/api/user", params={"ids": ann.id}).json()["users"]
    assert shown == [{"id": ann.id, "username": shown[0]["username"], "avatar": None, **fields}]
    assert ann.ask("PATCH", "/api/user/me", json={"status": None}).json()["user"]["status"] is None


def test_users_by_ids(make_person: Callable[[], Any]) -> None:
    """1 to 200 ids, answered in order, and not combined with a username."""
    ann, bob = make_person(), make_person()
    found = ann.ask("GET", "/api/user", params={"ids": f"{bob.id},{new_id()},{ann.id},{bob.id}"})
    assert [user["id"] for user in found.json()["users"]] == [bob.id, ann.id]
    most = ",".join(new_id() for _ in range(200))
    assert ann.ask("GET", "/api/user", params={"ids": most}).json() == {"users": []}
    for query in (
        {"ids": ""},
        {"ids": "x"},
        {"ids": f"{most},{ann.id}"},
        {"ids": ann.id, "username": "a"},
        {},
    ):
        assert ann.ask("GET", "/api/user", params=query).status_code == 400, query


def test_topic(make_person: Callable[[], Any]) -> None:
    """At most 250 code points or null, with or without the name."""
    ann = make_person()
    chat = f"/api/chat/{ann.create_chat()}"
    for body in ({"topic": "x" * 251}, {"topic": 1}, {"chatName": None, "topic": "x"}, {}):
        assert ann.ask("PATCH", chat, json=body).status_code == 400, body
    answer = ann.ask("PATCH", chat, json={"topic": "ö" * 250})
    assert answer.json() == {"message": "Chat details updated successfully"}
    assert ann.ask("GET", chat).json()["topic"] == "ö" * 250
    assert ann.ask("PATCH", chat, json={"chatName": "M", "topic": None}).status_code == 200
    assert "topic" not in ann.ask("GET", chat).json()
