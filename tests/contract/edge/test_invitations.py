"""Invitations end to end: edge, users, chats and the two-phase commit between them."""

import concurrent.futures
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from common.protocol.ids import new_id

ORIGIN = "http://127.0.0.1:8600"


def invite(person: Any, **body: Any) -> dict[str, Any]:
    answer = person.ask("POST", "/api/invite", json={"uses": 2, "days": 7, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["invite"]
    return found


def sign_up(client: httpx.Client, code: str, key: str = "") -> httpx.Response:
    name = f"p-{(key or new_id())[-12:]}"
    body = {"username": name, "email": f"{name}@example.org", "invite": code}
    return client.post("/api/user", json=body, headers={"Idempotency-Key": key or new_id()})


def take(person: Any, code: str, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    answer: httpx.Response = person.ask("POST", f"/api/invite/{code}/take", headers=headers)
    return answer


def events_of(person: Any, chat: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.ask("GET", f"/api/chat/{chat}/events").json()["events"]
    return found


def test_an_invitation_says_what_it_is(owner: Any) -> None:
    """Code, address, uses, role and expiry time; a chat only if there is one."""
    made = invite(owner, role="admin")
    assert made.pop("expiresAt").endswith("Z")
    code = made["code"]
    assert made == {
        "code": code, "url": f"{ORIGIN}/#invite={code}", "uses": 2, "left": 2, "role": "admin",
    }  # fmt: skip
    listed = owner.ask("GET", "/api/invite").json()["invites"]
    assert [one["code"] for one in listed].count(code) == 1


def test_who_signs_up_by_it_is_in_the_chat(client: httpx.Client, ann: Any) -> None:
    """From the answer on they are a participant, added by the owner; a repeat returns the same
    account."""
    chat, key = ann.create_chat(), new_id()
    code = invite(ann, chat=chat)["code"]
    first, again = sign_up(client, code, key), sign_up(client, code, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["user"] == again.json()["user"]
    headers = {"Authorization": f"Bearer {first.json()['token']}"}
    shown = client.get(f"/api/chat/{chat}", headers=headers)
    assert shown.json()["participants"] == [ann.id, first.json()["user"]["id"]]
    (added,) = [event for event in events_of(ann, chat) if event["type"] == "participant.added"]
    assert (added["by"], added["users"]) == (ann.id, [first.json()["user"]["id"]])
    (listed,) = [
        one for one in ann.ask("GET", "/api/invite").json()["invites"] if one["code"] == code
    ]
    assert listed["left"] == 1


def test_an_invitation_into_a_full_chat_signs_nobody_up(
    client: httpx.Client, services: Any, ann: Any, make_person: Callable[[], Any]
) -> None:
    """Nor does anybody use it, until there is room: then the same sign-up succeeds."""
    chat, key = ann.create_chat(), new_id()
    code = invite(ann, chat=chat, uses=1)["code"]
    with psycopg.connect(
        services.environment["HUBBUB_CHATS_DATABASE_URL"], autocommit=True
    ) as connection:
        set_count = "UPDATE chats SET participant_count = %s WHERE id = %s"
        connection.execute(set_count, (10_000, chat))
        refused = sign_up(client, code, key)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
        assert [error["field"] for error in refused.json()["errors"]] == ["invite"]
        assert take(make_person(), code).status_code == 400
        connection.execute(set_count, (1, chat))
    assert sign_up(client, code, key).status_code == 201


def test_a_use_counts_once_a_person(ann: Any, make_person: Callable[[], Any]) -> None:
    """Accepting again is 200, even if all uses are taken; the next user gets not_found."""
    chat = ann.create_chat()
    code = invite(ann, chat=chat, uses=1)["code"]
    ben, cat = make_person(), make_person()
    for _ in range(2):
        answer = take(ben, code)
        expected = {"message": "Invitation taken successfully", "chat": chat}
        assert (answer.status_code, answer.json()) == (200, expected)
    assert take(cat, code).status_code == 404
    assert [event["type"] for event in events_of(ann, chat)].count("participant.added") == 1


def test_who_left_comes_back_without_another_use(
    client: httpx.Client, ann: Any, make_person: Callable[[], Any]
) -> None:
    """Whether they took the invitation or signed up with it, and even if no use is left."""
    chat, ben = ann.create_chat(), make_person()
    code = invite(ann, chat=chat, uses=2)["code"]
    grant = sign_up(client, code).json()
    first = take(ben, code)
    assert first.status_code == 200
    headers = {"Authorization": f"Bearer {grant['token']}"}
    for user, again in ((grant["user"]["id"], headers), (ben.id, ben.headers)):
        place = f"/api/chat/{chat}/participant/{user}"
        assert client.delete(place, headers=again).status_code == 200
        answer = client.post(f"/api/invite/{code}/take", headers=again)
        assert (answer.status_code, answer.json()) == (200, first.json())
        assert user in ann.ask("GET", f"/api/chat/{chat}").json()["participants"]
    assert take(make_person(), code).status_code == 404


def test_a_repeat_whose_answer_was_lost_brings_nobody_back(
    services: Any, ann: Any, make_person: Callable[[], Any]
) -> None:
    """users may die after chats has added them: nor does it use the invitation once more."""
    chat, ben, key = ann.create_chat(), make_person(), new_id()
    code = invite(ann, chat=chat, uses=2)["code"]
    assert take(ben, code, key).status_code == 200
    with psycopg.connect(services.environment["HUBBUB_USERS_DATABASE_URL"]) as connection:
        forgotten = connection.execute(
            "DELETE FROM results WHERE caller = %s AND scope LIKE 'take_invitation%%'", (ben.id,)
        )
        assert forgotten.rowcount == 1
    assert ann.ask("DELETE", f"/api/chat/{chat}/participant/{ben.id}").status_code == 200
    assert take(ben, code, key).status_code == 200
    assert ben.ask("GET", f"/api/chat/{chat}").status_code == 404
    listed = {one["code"]: one for one in ann.ask("GET", "/api/invite").json()["invites"]}
    assert listed[code]["left"] == 1


def test_who_was_removed_comes_back_by_another_use_alone(
    ann: Any, make_person: Callable[[], Any]
) -> None:
    """If one is left, it lets them in again, and counts."""
    chat, ben = ann.create_chat(), make_person()
    code = invite(ann, chat=chat, uses=2)["code"]
    place = f"/api/chat/{chat}/participant/{ben.id}"
    for left in (1, 0):
        assert [take(ben, code).status_code for _ in range(2)] == [200, 200]
        listed = ann.ask("GET", "/api/invite").json()["invites"]
        assert [one["left"] for one in listed if one["code"] == code] == ([left] if left else [])
        assert ann.ask("DELETE", place).status_code == 200
    assert take(ben, code).status_code == 404
    assert ben.ask("GET", f"/api/chat/{chat}").status_code == 404
    assert take(make_person(), code).status_code == 404


def test_many_takings_at_once_after_a_removal_are_one_use(
    ann: Any, make_person: Callable[[], Any]
) -> None:
    """Like before the removal."""
    chat, ben = ann.create_chat(), make_person()
    code = invite(ann, chat=chat, uses=9)["code"]
    for left in (8, 7):
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            answers = pool.map(lambda _: take(ben, code).status_code, range(5))
            assert list(answers) == [200] * 5
        listed = ann.ask("GET", "/api/invite").json()["invites"]
        assert [one["left"] for one in listed if one["code"] == code] == [left]
        assert ann.ask("DELETE", f"/api/chat/{chat}/participant/{ben.id}").status_code == 200


def test_a_taking_that_is_repeated_takes_nothing(ann: Any, make_person: Callable[[], Any]) -> None:
    """A user who was removed since stays out; the first answer is returned, even if the invitation
    was revoked."""
    chat, ben, key = ann.create_chat(), make_person(), new_id()
    code = invite(ann, chat=chat, uses=9)["code"]
    first = take(ben, code, key)
    assert first.status_code == 200
    assert ann.ask("DELETE", f"/api/chat/{chat}/participant/{ben.id}").status_code == 200
    again = take(ben, code, key)
    assert (again.status_code, again.content) == (200, first.content)
    assert ben.ask("GET", f"/api/chat/{chat}").status_code == 404
    listed = ann.ask("GET", "/api/invite").json()["invites"]
    assert [one["left"] for one in listed if one["code"] == code] == [8]
    assert take(ben, code, "1").status_code == 400
    assert ann.ask("DELETE", f"/api/invite/{code}").status_code == 200
    assert take(ben, code, key).content == first.content
    assert take(ben, code, new_id()).status_code == take(ann, code, key).status_code == 404


def test_who_was_added_again_needs_no_use(ann: Any, make_person: Callable[[], Any]) -> None:
    """A participant is told so, even if all uses are taken."""
    chat, ben = ann.create_chat(), make_person()
    code = invite(ann, chat=chat, uses=1)["code"]
    assert take(ben, code).status_code == 200
    assert ann.ask("DELETE", f"/api/chat/{chat}/participant/{ben.id}").status_code == 200
    assert ann.ask("POST", f"/api/chat/{chat}/participant", json={"userId": ben.id}).is_success
    assert take(ben, code).status_code == 200


def test_members_invite_strangers_only_while_sign_up_is_open(
    client: httpx.Client, owner: Any, make_person: Callable[[], Any]
) -> None:
    """Invitations they created before still admit users with an account to the chat."""
    ann, ben = make_person(), make_person()
    code = invite(ann, chat=ann.create_chat())["code"]
    by_owner = invite(owner)["code"]
    change = owner.ask("PATCH", "/api/admin/instance", json={"signup": "invite"})
    assert change.status_code == 200
    try:
        refused = sign_up(client, code)
        assert (refused.status_code, refused.json()["code"]) == (403, "signup_closed")
        assert take(ben, code).status_code == 200
        assert sign_up(client, by_owner).status_code == 201
    finally:
        owner.ask("PATCH", "/api/admin/instance", json={"signup": "open"})


def test_uses_are_never_exceeded(ann: Any, make_person: Callable[[], Any]) -> None:
    """Of many at once, exactly as many join as there are uses."""
    code = invite(ann, chat=ann.create_chat(), uses=2)["code"]
    people = [make_person() for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda person: take(person, code).status_code, people))
    assert sorted(answers) == [200, 200, 404, 404, 404, 404]


def test_what_does_not_work_any_more_is_not_found(
    client: httpx.Client, ann: Any, ben: Any, make_person: Callable[[], Any]
) -> None:
    """Revoked, its chat deleted, its chat owned by another user: for sign-up, accepting and
    revoking alike."""
    revoked = invite(ann, chat=ann.create_chat())["code"]
    assert ann.ask("DELETE", f"/api/invite/{revoked}").status_code == 200
    gone, passed_on = ann.create_chat(), ann.create_chat(ben.id)
    codes = [revoked, invite(ann, chat=gone)["code"], invite(ann, chat=passed_on)["code"]]
    assert ann.ask("DELETE", f"/api/chat/{gone}").status_code == 200
    place = f"/api/chat/{passed_on}/participant/{ann.id}"
    assert ann.ask("DELETE", place).status_code == 200
    for code in codes:
        assert take(make_person(), code).status_code == 404
        assert sign_up(client, code).status_code == 404
        assert ann.ask("DELETE", f"/api/invite/{code}").status_code == 404
    listed = {one["code"] for one in ann.ask("GET", "/api/invite").json()["invites"]}
    assert listed.isdisjoint(codes)


def test_an_invitation_of_somebody_inactive_does_not_work(
    owner: Any, make_person: Callable[[], Any]
) -> None:
    """It works again when they are reactivated."""
    maker, taker = make_person(), make_person()
    code = invite(maker, chat=maker.create_chat())["code"]
    for active, status in ((False, 404), (True, 200)):
        change = {"active": active}
        owner.ask("PATCH", f"/api/admin/user/{maker.id}", json=change)
        assert take(taker, code).status_code == status


def test_roles_come_by_sign_up_alone(client: httpx.Client, owner: Any, ben: Any) -> None:
    """A new account gets the invitation's role; an existing account keeps its own."""
    code = invite(owner, role="admin")["code"]
    grant = sign_up(client, code).json()
    headers = {"Authorization": f"Bearer {grant['token']}"}
    assert client.get("/api/user/me", headers=headers).json()["user"]["role"] == "admin"
    assert take(ben, code).json()["chat"] is None
    assert ben.ask("GET", "/api/user/me").json()["user"]["role"] == "member"


@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        ("member", {}, 403),
        ("member", {"chat": "own", "role": "admin"}, 403),
        ("member", {"chat": "other"}, 403),
        ("member", {"chat": "foreign"}, 404),
        ("member", {"chat": "own"}, 201),
        ("admin", {}, 201),
        ("admin", {"role": "admin"}, 403),
        ("owner", {"role": "admin"}, 201),
        ("owner", {"role": "owner"}, 400),
        ("owner", {"uses": 0}, 400),
        ("owner", {"uses": 1001}, 400),
        ("owner", {"days": 366}, 400),
        ("owner", {"chat": "x"}, 400),
        ("owner", {"chat": None}, 400),
    ],
)
def test_who_may_invite(
    owner: Any, make_person: Callable[[], Any], who: str, body: dict[str, Any], status: int
) -> None:
    """Owners may invite with any role, admins may invite members, members may invite users into
    their own chats."""
    person, other = make_person(), make_person()
    if who == "owner":
        person = owner
    elif who == "admin":
        owner.ask("PATCH", f"/api/admin/user/{person.id}", json={"role": "admin"})
    chats = {
        "own": person.create_chat(),
        "other": other.create_chat(person.id),
        "foreign": other.create_chat(),
    }
    if body.get("chat") in chats:
        body = {**body, "chat": chats[body["chat"]]}
    answer = person.ask("POST", "/api/invite", json={"uses": 1, "days": 1, **body})
    assert answer.status_code == status, answer.text


def test_an_invitation_is_made_once_for_a_key(ann: Any) -> None:
    """A repeat with the key returns the same code, whatever its body, even if the chat is gone."""
    chat, key = ann.create_chat(), {"Idempotency-Key": new_id()}
    body = {"uses": 1, "days": 1, "chat": chat}
    first = ann.ask("POST", "/api/invite", json=body, headers=key)
    assert ann.ask("DELETE", f"/api/chat/{chat}").status_code == 200
    for other in ({}, {"chat": new_id()}, {"role": "admin"}, {"uses": 2}):
        again = ann.ask("POST", "/api/invite", json={**body, **other}, headers=key)
        assert (again.status_code, again.json()) == (201, first.json())
