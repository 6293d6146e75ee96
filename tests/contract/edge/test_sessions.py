"""Tokens, refresh, log-out, cookies, and the list of a user's sessions."""

import time
from typing import Any

import httpx
import pytest

from common.protocol.ids import new_id
from tests.fixtures.busy import BUSY, bound

COOKIE = {"X-Hubbub-Session": "cookie"}
ORIGIN = "http://127.0.0.1:8600"
REVOKED_WITHIN_SECONDS = 1.0
LOG_OUTS = 10


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def wait_until_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    """The session's token is refused, within a second on an idle machine."""
    deadline = time.monotonic() + BUSY * REVOKED_WITHIN_SECONDS
    while client.get("/api/user/me", headers=headers).status_code != 401:
        assert time.monotonic() < deadline


def test_refresh(client: httpx.Client, make_person: Any) -> None:
    """A refresh token returns new tokens; the first access token works until it expires."""
    person = make_person()
    answer = client.post("/api/user/refresh", json={"refreshToken": person.refresh_token})
    assert answer.status_code == 200
    assert answer.json().keys() == {"token", "refreshToken", "expiresIn"}
    assert answer.json()["expiresIn"] == 900
    assert client.get("/api/user/me", headers=bearer(answer.json()["token"])).status_code == 200


def test_a_used_refresh_token_ends_the_session(client: httpx.Client, make_person: Any) -> None:
    """Once the new access token was used, the old refresh token counts as stolen: nothing works."""
    person = make_person()
    old = {"refreshToken": person.refresh_token}
    first = client.post("/api/user/refresh", json=old).json()
    again = client.post("/api/user/refresh", json=old)
    assert again.status_code == 200, "the answer of the first refresh may have been lost"
    newest = bearer(again.json()["token"])
    assert client.get("/api/user/me", headers=newest).status_code == 200
    deadline = time.monotonic() + BUSY * 2
    while client.post("/api/user/refresh", json=old).status_code != 401:
        assert time.monotonic() < deadline
    wait_until_refused(client, newest)
    assert client.post("/api/user/refresh", json=first).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"refreshToken": None}, 400), ({"refreshToken": 1}, 400),
     ({"refreshToken": ""}, 401), ({"refreshToken": "x"}, 401), ({"refreshToken": "\0"}, 401)],
)  # fmt: skip
def test_bad_refresh_tokens(client: httpx.Client, body: Any, status: int) -> None:
    """A missing token is a bad request; an invalid one is not authenticated."""
    assert client.post("/api/user/refresh", json=body).status_code == status


def test_log_out(client: httpx.Client, make_person: Any) -> None:
    """The session ends at once: its access token, its refresh token, a second log-out."""
    person = make_person()
    assert person.ask("POST", "/api/user/logout").status_code == 200
    assert person.ask("GET", "/api/user/me").status_code == 401
    body = {"refreshToken": person.refresh_token}
    assert client.post("/api/user/refresh", json=body).status_code == 401
    assert person.ask("POST", "/api/user/logout").status_code == 401


def test_log_out_counts_at_another_edge(services: Any, make_person: Any) -> None:
    """A log-out on one edge counts on another within a second, and nearly always at once."""
    at_once = 0
    with services.running("edge", 2) as url, httpx.Client(base_url=url, timeout=30) as other:
        for _ in range(LOG_OUTS):
            person = make_person()
            assert other.get("/api/user/me", headers=person.headers).status_code == 200
            assert person.ask("POST", "/api/user/logout").status_code == 200
            at_once += other.get("/api/user/me", headers=person.headers).status_code == 401
            wait_until_refused(other, person.headers)
    assert at_once > bound(LOG_OUTS / 2, 0)  # by polls alone it would be one in a hundred


def test_a_new_password_ends_the_other_sessions(client: httpx.Client, make_person: Any) -> None:
    """The session that set it continues; a password that is set needs the current one to change
    it."""
    person = make_person()
    assert person.ask("PATCH", "/api/user/me", json={"password": "first one"}).status_code == 200
    log_in = {"username": person.name, "password": "first one"}
    other = bearer(client.post("/api/user/login", json=log_in).json()["token"])
    for wrong in ({}, {"currentPassword": "wrong one"}, {"currentPassword": ""}):
        answer = person.ask("PATCH", "/api/user/me", json={"password": "second one", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    change = {"password": "second one", "currentPassword": "first one"}
    assert person.ask("PATCH", "/api/user/me", json=change).status_code == 200
    wait_until_refused(client, other)
    assert person.ask("GET", "/api/user/me").status_code == 200
    assert client.post("/api/user/login", json=log_in).status_code == 401


PROFILE_CHANGES: dict[str, tuple[dict[str, Any], int]] = {
    "nothing": ({}, 400),
    "unknown fields alone": ({"username": "new"}, 400),
    "email": ({"email": "{id}@example.org"}, 200),
    "email without @": ({"email": "x"}, 400),
    "email null": ({"email": None}, 400),
    "password of 7": ({"password": "1234567"}, 400),
    "password null": ({"password": None}, 400),
    "current password null": ({"password": "12345678", "currentPassword": None}, 400),
}


@pytest.mark.parametrize("case", PROFILE_CHANGES)
def test_profile_changes(make_person: Any, case: str) -> None:
    """At least one field, each within its limits."""
    change, status = PROFILE_CHANGES[case]
    person = make_person()
    body = {name: text.format(id=new_id()) if text else text for name, text in change.items()}
    answer = person.ask("PATCH", "/api/user/me", json=body)
    assert answer.status_code == status, answer.text
    if status == 200:
        shown = {"displayName": None, "status": None, "avatar": None}
        own = {"id": person.id, "username": person.name, **shown}
        assert answer.json()["user"] == {**own, **body}


def test_the_cookie_takes_the_place_of_the_refresh_token(client: httpx.Client) -> None:
    """In cookie mode no body contains the refresh token; the cookie refreshes; log-out clears
    it."""
    name = f"p-{new_id()[-12:]}"
    account = {"username": name, "email": f"{name}@example.org"}
    up = client.post("/api/user", json=account, headers=COOKIE)
    assert "refreshToken" not in up.json()
    cookie = up.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/api/user" in cookie
    pair = {"Cookie": cookie.partition(";")[0]}
    client.cookies.clear()
    for body in (b"{}", b""):
        headers = {**COOKIE, **pair, "Content-Type": "application/json", "Origin": ORIGIN}
        answer = client.post("/api/user/refresh", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {"token", "expiresIn"}
        pair = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        client.cookies.clear()
    own = {**bearer(answer.json()["token"]), **COOKIE}
    out = client.post("/api/user/logout", headers=own)
    assert out.status_code == 200
    assert "Max-Age=0" in out.headers["set-cookie"]


@pytest.mark.parametrize(
    "others",
    ['theme={"dark":true}', "a=b c", 'a="b', "version=1", "path=/", "seen", "=1", "a=\xe9"],
)
def test_the_cookie_is_found_among_others(client: httpx.Client, others: str) -> None:
    """Cookies are not separated by port: those that other programs on the host have set are sent
    too."""
    name = f"p-{new_id()[-12:]}"
    account = {"username": name, "email": f"{name}@example.org"}
    up = client.post("/api/user", json=account, headers=COOKIE)
    client.cookies.clear()
    own = up.headers["set-cookie"].partition(";")[0]
    cookie = {"Cookie": f"{others}; {own}; {others}"}
    headers = httpx.Headers({**COOKIE, **cookie}, encoding="latin-1")
    answer = client.post("/api/user/refresh", headers=headers)
    client.cookies.clear()
    assert answer.status_code == 200, answer.text


def test_a_cookie_alone_does_nothing(client: httpx.Client) -> None:
    """Without the header that a foreign page cannot send, or from its origin, the cookie is
    ignored."""
    name = f"p-{new_id()[-12:]}"
    account = {"username": name, "email": f"{name}@example.org"}
    up = client.post("/api/user", json=account, headers=COOKIE)
    pair = {"Cookie": up.headers["set-cookie"].partition(";")[0]}
    client.cookies.clear()
    assert client.post("/api/user/refresh", json={}, headers=pair).status_code == 400
    for origin in ("http://evil.example", "null", ORIGIN + ".evil.example"):
        headers = {**pair, **COOKIE, "Origin": origin}
        answer = client.post("/api/user/refresh", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    without = client.post("/api/user/refresh", json={}, headers=COOKIE)
    assert (without.status_code, without.json()["code"]) == (401, "unauthenticated")


def test_sessions_are_listed_and_ended(client: httpx.Client, make_person: Any) -> None:
    """A user's sessions are listed, and ended one by one or all together."""
    person = make_person()
    assert person.ask("PATCH", "/api/user/me", json={"password": "first one"}).status_code == 200
    log_in = {"username": person.name, "password": "first one"}
    other = bearer(client.post("/api/user/login", json=log_in).json()["token"])
    sessions = person.ask("GET", "/api/user/sessions").json()["sessions"]
    assert sorted(session["current"] for session in sessions) == [False, True]
    ended = next(session["id"] for session in sessions if not session["current"])
    assert person.ask("DELETE", f"/api/user/session/{ended}").status_code == 200
    assert client.get("/api/user/me", headers=other).status_code == 401
    assert person.ask("DELETE", f"/api/user/session/{ended}").status_code == 404
    assert person.ask("DELETE", "/api/user/sessions").status_code == 200
    assert person.ask("GET", "/api/user/me").status_code == 401
