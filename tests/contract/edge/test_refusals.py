"""Unknown paths and methods, HEAD, and the order in which a request is checked."""

from typing import Any

import httpx
import pytest

from common.protocol.ids import new_id

JSON = {"Content-Type": "application/json"}
ID = "00000000-0000-4000-8000-000000000000"

UNKNOWN_PATHS = (
    "/api", "/api/", "/api/users", "/api/user/", "/api/chat/", "/api/chats", "/API/chat",
    f"/api/chat/{ID}/", f"/api/chat/{ID}/messages", f"/api/chat/{ID}/message/",
    f"/api/chat/{ID}/message/{ID}/", f"/api/chat/{ID}/participant/", "/api/user/me/",
    "/api/user/me/x", "//api/chat", "/api//chat", "/api/chat//message", "/metrics", "/openapi",
    "/openapi.json/", "/docs/", "/health", "/health/", "/health/live/", "/web", "/web/",
    "/web/nothing.js", "/web/../app.py", "/web/%2e%2e/app.py", "/index.html", "/ws/", "/calls/send",
    "/api%2Fchat", "/api/ch%61t", "/schema", "/favicon.ico",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", UNKNOWN_PATHS)
def test_unknown_path(client: httpx.Client, path: str, method: str) -> None:
    """An unknown path is 404 for everybody, by any method."""
    answer = client.request(
        method, httpx.URL(str(client.base_url)).copy_with(raw_path=path.encode())
    )
    assert answer.status_code == 404
    if method != "HEAD":
        assert answer.json()["code"] == "not_found"


ALLOWED = {
    "/api/user": "GET, HEAD, POST",
    "/api/user/login": "POST",
    "/api/user/refresh": "POST",
    "/api/user/logout": "POST",
    "/api/user/me": "GET, HEAD, PATCH",
    f"/api/user/{ID}": "GET, HEAD",
    "/api/user/sessions": "DELETE, GET, HEAD",
    f"/api/user/session/{ID}": "DELETE",
    "/api/chat": "GET, HEAD, POST",
    f"/api/chat/{ID}": "DELETE, GET, HEAD, PATCH",
    f"/api/chat/{ID}/participant": "POST",
    f"/api/chat/{ID}/participant/{ID}": "DELETE",
    f"/api/chat/{ID}/message": "GET, HEAD, POST",
    f"/api/chat/{ID}/message/{ID}": "DELETE, GET, HEAD, PATCH",
    f"/api/chat/{ID}/message/{ID}/reaction/x": "DELETE, PUT",
    f"/api/chat/{ID}/events": "GET, HEAD",
    "/api/instance": "GET, HEAD",
    "/api/admin/instance": "PATCH",
    "/api/admin/log": "GET, HEAD",
    "/api/admin/overview": "GET, HEAD",
    "/api/admin/user": "GET, HEAD",
    f"/api/admin/user/{ID}": "DELETE, PATCH",
    "/api/user/me/delete": "POST",
    "/api/user/me/push": "DELETE, GET, HEAD, PUT",
    f"/api/admin/user/{ID}/reset": "POST",
    "/api/user/reset": "POST",
    "/api/invite": "GET, HEAD, POST",
    "/api/invite/x": "DELETE",
    "/api/invite/x/take": "POST",
    "/health/live": "GET, HEAD",
    "/health/ready": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/docs": "GET, HEAD",
    "/admin": "GET, HEAD",
    "/": "GET, HEAD",
}


@pytest.mark.parametrize("path", ALLOWED)
def test_method_not_allowed(client: httpx.Client, path: str) -> None:
    """Every other method is 405 with Allow, checked before the token."""
    allowed = ALLOWED[path].split(", ")
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        if method in allowed:
            continue
        answer = client.request(method, path)
        assert answer.status_code == 405, method
        assert answer.headers["allow"] == ALLOWED[path]
        if method != "HEAD":
            assert answer.json()["code"] == "method_not_allowed"


HEADS = (
    "/api/user/me", "/api/user?username=p", f"/api/user/{ID}", "/api/chat", f"/api/chat/{ID}",
    "/api/chat?limit=0", "/openapi.json", "/docs", "/", "/health/live", "/nothing",
)  # fmt: skip


@pytest.mark.parametrize("path", HEADS)
def test_head(ann: Any, path: str) -> None:
    """HEAD is GET without the body: same status, type and length."""
    get, head = ann.ask("GET", path), ann.ask("HEAD", path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


BIG = b'{"message":"x","pad":"' + b"x" * 70_000 + b'"}'

# What is wrong with a message, in the order in which it is checked.
ORDER = {
    "path": ("/api/chat/x/y", None, "text/plain", BIG, "not_found"),
    "token": (f"/api/chat/{ID}/message", False, "text/plain", BIG, "unauthenticated"),
    "type": (f"/api/chat/{ID}/message", True, "text/plain", BIG, "unsupported_media_type"),
    "size": (f"/api/chat/{ID}/message", True, "application/json", BIG, "too_large"),
    "form": (f"/api/chat/{ID}/message", True, "application/json", b"{", "invalid_request"),
    "field": ("/api/chat/x/message", True, "application/json", b"{}", "invalid_request"),
    "chat": ("/api/chat/x/message", True, "application/json", b'{"message":"x"}', "not_found"),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDER)
def test_order_of_judgement(client: httpx.Client, ann: Any, case: str) -> None:
    """Of several errors, the first in the documented order is reported."""
    path, known, media, body, code = ORDER[case]
    headers = {"Content-Type": media, **(ann.headers if known else {})}
    answer = client.post(path, content=body, headers=headers)
    assert answer.json()["code"] == code


def test_permission_comes_before_unknown_users(ann: Any, ben: Any, chat: str) -> None:
    """A participant who adds an unknown user is told that they may not add."""
    place = f"/api/chat/{chat}/participant"
    assert ben.ask("POST", place, json={"userId": new_id()}).json()["code"] == "forbidden"
    refused = ann.ask("POST", place, json={"userIds": [ben.id, ID]})
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_user")
    assert [error["id"] for error in refused.json()["errors"]] == [ID]
    assert ann.ask("GET", f"/api/chat/{chat}").json()["participantCount"] == 2


def test_a_wrong_query_comes_before_a_missing_chat(ann: Any) -> None:
    """400 for the query takes precedence over 404 for the path."""
    assert ann.ask("GET", f"/api/chat/{ID}/message?limit=0").status_code == 400


@pytest.mark.parametrize("body", [b"{", b"\xff" * 100, b"x" * 70_000])
def test_a_body_that_nobody_expects_is_ignored(ann: Any, chat: str, body: bytes) -> None:
    """Calls without a body ignore both the body and its type."""
    headers = {"Content-Type": "text/plain"}
    place = f"/api/chat/{ann.create_chat()}"
    assert ann.ask("DELETE", place, content=body, headers=headers).status_code == 200
    answer = ann.ask("GET", f"/api/chat/{chat}", content=body, headers=headers)
    assert answer.status_code == 200


def test_empty_bodies_are_judged_before_their_type(ann: Any, chat: str) -> None:
    """Without a body its type is not checked."""
    headers = {"Content-Type": "text/plain"}
    answer = ann.ask("POST", f"/api/chat/{chat}/message", content=b"", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


ACCOUNT_BODIES: dict[str, tuple[Any, int, str]] = {
    "neither email nor password": ({"username": "ann"}, 400, "email"),
    "nothing": ({}, 400, "username"),
    "no username": ({"password": "correct horse"}, 400, "username"),
    "email without username": ({"email": "a@b.c"}, 400, "username"),
    "password null": ({"username": "ann", "password": None}, 400, "password"),
    "email null": ({"username": "ann", "email": None, "password": "x"}, 400, "email"),
    "password a number": ({"username": "ann", "password": 1}, 400, "password"),
}


@pytest.mark.parametrize("case", ACCOUNT_BODIES)
def test_what_is_neither_sign_up_nor_log_in(client: httpx.Client, case: str) -> None:
    """The refusal names the field that would distinguish them."""
    body, status, field = ACCOUNT_BODIES[case]
    answer = client.post("/api/user", json=body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field


LOG_INS = {
    "unknown": {"username": "nobody-here", "password": "wrong password"},
    "empty": {"username": "", "password": ""},
    "NUL": {"username": "a\0b", "password": "\0"},
    "long": {"username": "x" * 1000, "password": "y" * 1000},
    "quotes": {"username": "' OR 1=1 --", "password": '"'},
}


@pytest.mark.parametrize("case", LOG_INS)
@pytest.mark.parametrize("path", ["/api/user", "/api/user/login"])
def test_log_in_that_fits_no_account(client: httpx.Client, ann: Any, case: str, path: str) -> None:
    """All strings that match no account get the same answer; so does an account without a
    password."""
    without = client.post(path, json={"username": ann.name, "password": "anything at all"})
    answer = client.post(path, json=LOG_INS[case])
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert answer.content == without.content


def test_both_names_taken_names_the_username(client: httpx.Client, ann: Any) -> None:
    """409 is username_taken if both are taken; case does not matter."""
    email = f"{ann.name}@example.org"
    for username, own_email, code in (
        (ann.name.upper(), email, "username_taken"),
        (ann.name, f"{new_id()}@example.org", "username_taken"),
        (f"p-{new_id()[-12:]}", email.upper(), "email_taken"),
    ):
        answer = client.post("/api/user", json={"username": username, "email": own_email})
        assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_answers_hold_nothing_particular(ann: Any) -> None:
    """Two refusals of one kind have the same bytes; the trace is in a header."""
    first, second = (ann.ask("GET", f"/api/chat/{new_id()}") for _ in range(2))
    assert first.content == second.content
    assert first.headers["x-hubbub-trace"] != second.headers["x-hubbub-trace"]
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["x-content-type-options"] == "nosniff"


def test_a_trace_is_taken_over(ann: Any) -> None:
    """The caller's W3C trace id is returned in the answer's header."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    assert ann.ask("GET", "/api/chat", headers=headers).headers["x-hubbub-trace"] == trace
