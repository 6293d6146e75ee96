"""Direct chats over REST."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from common.protocol.ids import new_id


def test_it_is_opened_by_either(make_person: Callable[[], Any]) -> None:
    """Created once; the answer is the chat as the caller sees it, like any other."""
    ann, bob = make_person(), make_person()
    made = ann.ask("PUT", f"/api/user/{bob.id}/direct")
    assert (made.status_code, made.json()["message"]) == (201, "Chat created successfully")
    chat = made.json()["chat"]
    assert chat == {
        "id": chat["id"], "chatName": "", "participants": [ann.id, bob.id],
        "participantCount": 2, "owner": None, "seq": 1, "kind": "direct", "last": None,
        "mine": {"read": 1, "unread": 0, "mentions": 0, "notify": "all", "archived": False},
    }  # fmt: skip
    bob.ask("POST", f"/api/chat/{chat['id']}/message", json={"message": "hi"})
    found = ann.ask("PUT", f"/api/user/{bob.id}/direct")
    assert (found.status_code, found.json()["chat"]["mine"]["unread"]) == (200, 1)
    for query in ({}, {"order": "activity"}):
        listed = ann.ask("GET", "/api/chat", params=query).json()["chats"]
        assert listed == [found.json()["chat"]]
    assert ann.ask("GET", f"/api/chat/{chat['id']}").json() == found.json()["chat"]


def test_forty_at_once_make_one(make_person: Callable[[], Any]) -> None:
    """Both users, in parallel: one call reports that it created the chat."""
    ann, bob = make_person(), make_person()
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(
                lambda pair: pair[0].ask("PUT", f"/api/user/{pair[1].id}/direct"),
                [(ann, bob), (bob, ann)] * 20,
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 39 + [201]
    assert len({answer.json()["chat"]["id"] for answer in answers}) == 1


def test_with_whom_there_is_none(make_person: Callable[[], Any]) -> None:
    """Oneself, an unknown user, and an invalid id."""
    ann = make_person()
    for other, status in ((ann.id, 400), (new_id(), 404), ("x", 404)):
        assert ann.ask("PUT", f"/api/user/{other}/direct").status_code == status


def test_what_is_not_changed(make_person: Callable[[], Any]) -> None:
    """Neither of the two can change name, topic or participants, or delete it."""
    ann, bob, cid = make_person(), make_person(), make_person()
    chat = ann.ask("PUT", f"/api/user/{bob.id}/direct").json()["chat"]["id"]
    place = f"/api/chat/{chat}"
    for person in (ann, bob):
        for method, path, body in (
            ("PATCH", "", {"chatName": "N"}),
            ("PATCH", "", {"topic": None}),
            ("DELETE", "", None),
            ("POST", "/participant", {"userId": cid.id}),
            ("POST", "/participant", {"userId": bob.id}),
            ("DELETE", f"/participant/{ann.id}", None),
            ("DELETE", f"/participant/{bob.id}", None),
        ):
            options = {} if body is None else {"json": body}
            answer = person.ask(method, f"{place}{path}", **options)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        invitation = {"uses": 1, "days": 1, "chat": chat}
        assert person.ask("POST", "/api/invite", json=invitation).status_code == 403
    assert ann.ask("GET", f"{place}/events").json()["seq"] == 1


def test_who_is_deactivated_can_still_be_written_to(
    owner: Any, make_person: Callable[[], Any]
) -> None:
    """Existing chats stay as they are, and new ones can be created."""
    ann, bob, cid = make_person(), make_person(), make_person()
    chat = ann.ask("PUT", f"/api/user/{bob.id}/direct").json()["chat"]["id"]
    change = owner.ask("PATCH", f"/api/admin/user/{bob.id}", json={"active": False})
    assert change.status_code == 200
    sent = ann.ask("POST", f"/api/chat/{chat}/message", json={"message": "later"})
    assert sent.status_code == 201
    for person, status in ((ann, 200), (cid, 201)):
        assert person.ask("PUT", f"/api/user/{bob.id}/direct").status_code == status
