"""The caller's private data of a chat, over REST."""

from collections.abc import Callable
from typing import Any

import pytest

from common.protocol.ids import new_id


def test_a_chat_shows_what_is_the_callers_own(make_person: Callable[[], Any]) -> None:
    """In its own call, in the list, and in the answer to its creation."""
    ann, bob = make_person(), make_person()
    made = ann.ask("POST", "/api/chat", json={"chatName": "N", "participants": [bob.id]})
    mine = {"read": 1, "unread": 0, "mentions": 0, "notify": "all", "archived": False}
    chat = made.json()["chat"]
    assert (chat["last"], chat["mine"]) == (None, mine)
    place = f"/api/chat/{chat['id']}"
    body = {"message": "hello", "mentions": [bob.id]}
    sent = ann.ask("POST", f"{place}/message", json=body).json()["messageInfo"]
    shown = bob.ask("GET", place).json()
    assert shown["mine"] == {**mine, "unread": 1, "mentions": 1}
    assert shown["last"] == bob.ask("GET", f"{place}/message/{sent['messageId']}").json()
    assert bob.ask("GET", "/api/chat").json()["chats"] == [shown]
    assert ann.ask("GET", place).json()["mine"] == mine


def test_markers_move(make_person: Callable[[], Any]) -> None:
    """Forward by `read`, back only by `unread`, and each answer has the marker's position."""
    ann = make_person()
    place = f"/api/chat/{ann.create_chat()}"
    for _ in range(3):
        ann.ask("POST", f"{place}/message", json={"message": "x"})
    for call, body, read in (
        ("read", {"upTo": 4}, 4),
        ("read", {"upTo": 2}, 4),
        ("unread", {"from": 3}, 2),
        ("unread", {"from": 4}, 2),
        ("unread", {"from": 1}, 0),
    ):
        answer = ann.ask("PUT", f"{place}/{call}", json=body)
        assert answer.json() == {"message": "Read marker updated successfully", "read": read}


@pytest.mark.parametrize(
    ("method", "call", "body"),
    [
        ("PUT", "read", {"upTo": 2}),
        ("PUT", "read", {"upTo": -1}),
        ("PUT", "read", {"upTo": "1"}),
        ("PUT", "read", {}),
        ("PUT", "unread", {"from": 0}),
        ("PUT", "unread", {"from": 2}),
        ("PATCH", "mine", {}),
        ("PATCH", "mine", {"notify": "some"}),
        ("PATCH", "mine", {"archived": None}),
    ],
)
def test_what_is_no_marker_or_setting(
    make_person: Callable[[], Any], method: str, call: str, body: dict[str, Any]
) -> None:
    """It is refused, and changes nothing."""
    ann = make_person()
    place = f"/api/chat/{ann.create_chat()}"
    answer = ann.ask(method, f"{place}/{call}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert ann.ask("GET", place).json()["mine"]["read"] == 1


def test_settings_of_a_chat(make_person: Callable[[], Any]) -> None:
    """Each changes alone; archiving ends with the next message."""
    ann = make_person()
    place = f"/api/chat/{ann.create_chat()}"
    answer = ann.ask("PATCH", f"{place}/mine", json={"archived": True})
    assert answer.json()["message"] == "Chat settings updated successfully"
    assert answer.json()["mine"]["archived"]
    mine = ann.ask("PATCH", f"{place}/mine", json={"notify": "none"}).json()["mine"]
    assert (mine["notify"], mine["archived"]) == ("none", True)
    ann.ask("POST", f"{place}/message", json={"message": "x"})
    mine = ann.ask("GET", place).json()["mine"]
    assert (mine["notify"], mine["archived"]) == ("none", False)


def test_the_list_in_the_order_of_activity(make_person: Callable[[], Any]) -> None:
    """Page by page with an opaque `next`."""
    ann = make_person()
    chats = [ann.create_chat() for _ in range(3)]
    ann.ask("POST", f"/api/chat/{chats[1]}/message", json={"message": "x"})
    listed, query = [], {"order": "activity", "limit": "1"}
    while True:
        page = ann.ask("GET", "/api/chat", params=query).json()
        listed += [chat["id"] for chat in page["chats"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert listed == [chats[1], chats[2], chats[0]]
    made_up = f"2026-02-30T12:00:00.000Z_{new_id()}"
    for wrong in (
        {"order": "size"},
        {"order": "activity", "before": "x"},
        {"order": "activity", "before": made_up},
        {"before": "x"},
    ):
        assert ann.ask("GET", "/api/chat", params=wrong).status_code == 400
