"""Idempotency keys: where they work, how they are spelled, what a repeat returns."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from common.protocol.ids import new_id

MALFORMED = ("x", "", "00000000000040008000000000000000", "00000000-0000-4000-8000-00000000000A")


def key_of(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


@pytest.mark.parametrize("key", MALFORMED)
def test_a_malformed_key_is_refused(client: httpx.Client, ann: Any, chat: str, key: str) -> None:
    """On every POST that creates something the key is a UUID, or the request is invalid."""
    name = f"p-{new_id()[-12:]}"
    account = {"username": name, "email": f"{name}@example.org"}
    for answer in (
        client.post("/api/user", json=account, headers=key_of(key)),
        ann.ask(
            "POST", "/api/chat", json={"participants": [], "chatName": "x"}, headers=key_of(key)
        ),
        ann.ask(
            "POST", f"/api/chat/{chat}/participant", json={"userId": ann.id}, headers=key_of(key)
        ),
        ann.ask("POST", f"/api/chat/{chat}/message", json={"message": "x"}, headers=key_of(key)),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_message_is_stored_once(ann: Any, chat: str) -> None:
    """Twenty parallel repeats with one clientId get the same answer, with the first text."""
    place, key = f"/api/chat/{chat}/message", new_id()
    first = ann.ask("POST", place, json={"message": "first", "clientId": key})

    def repeat(number: int) -> httpx.Response:
        answer: httpx.Response = ann.ask(
            "POST", place, json={"message": f"other {number}", "clientId": key}
        )
        return answer

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(repeat, range(20)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert {answer.content for answer in answers} == {first.content}
    assert first.json()["messageInfo"]["clientId"] == key


def test_the_key_in_the_header_is_the_client_id(ann: Any, chat: str) -> None:
    """A key in the header is the clientId in the answer and in events."""
    key = new_id()
    place = f"/api/chat/{chat}/message"
    answer = ann.ask("POST", place, json={"message": "x"}, headers=key_of(key))
    assert answer.json()["messageInfo"]["clientId"] == key
    last = ann.ask("GET", f"{place}?limit=1").json()["messages"][0]
    assert last["clientId"] == key
    both = ann.ask("POST", place, json={"message": "x", "clientId": key}, headers=key_of(key))
    assert both.json() == answer.json()


def test_two_different_keys_are_refused(ann: Any, chat: str) -> None:
    """A header and a clientId that differ are refused."""
    place = f"/api/chat/{chat}/message"
    body = {"message": "x", "clientId": new_id()}
    answer = ann.ask("POST", place, json=body, headers=key_of(new_id()))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "clientId"


@pytest.mark.parametrize("client_id", [None, "", "x", 7, "00000000-0000-4000-8000-00000000000A"])
def test_a_malformed_client_id_is_refused(ann: Any, chat: str, client_id: Any) -> None:
    """clientId is a UUID in canonical spelling, and not null."""
    body = {"message": "x", "clientId": client_id}
    answer = ann.ask("POST", f"/api/chat/{chat}/message", json=body)
    assert answer.json()["errors"][0]["field"] == "clientId"


def test_a_key_that_the_system_made_never_shows(ann: Any, chat: str) -> None:
    """Without a key of the client a message has no clientId."""
    place = f"/api/chat/{chat}/message"
    answer = ann.ask("POST", place, json={"message": "x"})
    assert "clientId" not in answer.json()["messageInfo"]
    assert "clientId" not in ann.ask("GET", f"{place}?limit=1").json()["messages"][0]


def test_the_balancer_key_counts_with_its_secret_alone(ann: Any, chat: str, services: Any) -> None:
    """A replay by the balancer is stored once; the same header from anybody else is ignored."""
    place, key = f"/api/chat/{chat}/message", new_id()
    trusted = {"X-Hubbub-Balancer": f"{services.balancer_key} 203.0.113.7 {key}"}
    answers = [
        ann.ask("POST", place, json={"message": "x"}, headers=trusted).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert "clientId" not in answers[0]["messageInfo"]
    forged = {"X-Hubbub-Balancer": f"somebody-else 203.0.113.7 {key}"}
    other = ann.ask("POST", place, json={"message": "x"}, headers=forged).json()
    assert other["messageInfo"]["messageId"] != answers[0]["messageInfo"]["messageId"]


def test_a_chat_is_created_once(ann: Any) -> None:
    """A repeat returns the first chat, whatever its body; the same key of another user is
    separate."""
    key, body = new_id(), {"participants": [], "chatName": "first"}
    first = ann.ask("POST", "/api/chat", json=body, headers=key_of(key))
    second = ann.ask("POST", "/api/chat", json={**body, "chatName": "y"}, headers=key_of(key))
    assert first.json() == second.json()


def test_people_are_added_once(ann: Any, make_person: Any) -> None:
    """A repeat gets the first answer and causes no second event."""
    chat, new = ann.create_chat(), make_person()
    place, key = f"/api/chat/{chat}/participant", new_id()
    for _ in range(2):
        answer = ann.ask("POST", place, json={"userId": new.id}, headers=key_of(key))
        assert answer.status_code in (200, 201)
    events = ann.ask("GET", f"/api/chat/{chat}/events").json()["events"]
    assert [event["type"] for event in events] == ["chat.created", "participant.added"]


def test_an_account_is_made_once(client: httpx.Client) -> None:
    """A repeated sign-up returns the same user and new tokens; another body is refused."""
    name, key = f"p-{new_id()[-12:]}", new_id()
    body = {"username": name, "email": f"{name}@example.org"}
    first = client.post("/api/user", json=body, headers=key_of(key))
    second = client.post("/api/user", json=body, headers=key_of(key))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["user"] == second.json()["user"]
    assert first.json()["token"] != second.json()["token"]
    other = client.post("/api/user", json={**body, "username": name + "x"}, headers=key_of(key))
    assert (other.status_code, other.json()["code"]) == (400, "invalid_request")
    assert client.post("/api/user", json=body).status_code == 409


def test_a_reset_that_the_balancer_replays_is_one(
    client: httpx.Client, owner: Any, make_person: Callable[[], Any], services: Any
) -> None:
    """The code works once: a separate request of the client gets not_found, whatever its key."""
    made = owner.ask("POST", f"/api/admin/user/{make_person().id}/reset").json()
    body = {"code": made["url"].partition("#reset=")[2], "password": "correct horse"}
    replayed = {"X-Hubbub-Balancer": f"{services.balancer_key} 203.0.113.7 {new_id()}"}
    given = key_of(new_id())
    answers = [
        client.post("/api/user/reset", json=body, headers=headers)
        for headers in ({**replayed, **given}, replayed, {}, given)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
    assert answers[0].content == answers[1].content
