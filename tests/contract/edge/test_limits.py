"""Every limit on a request's content, at the limit and one beyond; and what is never accepted."""

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from common.protocol.ids import new_id

NOBODY = "00000000-0000-4000-8000-000000000000"
EMAIL_TAIL = "@example.org"


def unique(length: int) -> str:
    return new_id().replace("-", "")[-length:].rjust(length, "x")


def sign_up(**changes: Any) -> dict[str, Any]:
    name = f"p-{new_id()[-12:]}"
    return {"username": name, "email": f"{name}{EMAIL_TAIL}", **changes}


def long_email(length: int) -> str:
    """A 64-character local part and a domain that fills the rest."""
    local = unique(20).rjust(64, "l")
    return f"{local}@{'d' * (length - 69)}.org"


SIGN_UPS: dict[str, tuple[Callable[[], dict[str, Any]], str | None]] = {
    "username of 3": (lambda: sign_up(username=unique(3)), None),
    "username of 2": (lambda: sign_up(username="ab"), "username"),
    "username of 32": (lambda: sign_up(username=unique(32)), None),
    "username of 33": (lambda: sign_up(username=unique(33)), "username"),
    "username with all kinds": (lambda: sign_up(username="A_z.-" + unique(10)), None),
    "username with a space": (lambda: sign_up(username="a b c"), "username"),
    "username with a slash": (lambda: sign_up(username="a/bc"), "username"),
    "username with an umlaut": (lambda: sign_up(username="änne"), "username"),
    "username with a foreign digit": (lambda: sign_up(username="ann\u0663"), "username"),
    "username with a line end": (lambda: sign_up(username="anna\n"), "username"),
    "username with NUL": (lambda: sign_up(username="ann\0"), "username"),
    "username empty": (lambda: sign_up(username=""), "username"),
    "invite with NUL": (lambda: sign_up(invite="x\0"), "invite"),
    "username null": (lambda: sign_up(username=None), "username"),
    "username a number": (lambda: sign_up(username=123), "username"),
    "email of 254": (lambda: sign_up(email=long_email(254)), None),
    "email of 255": (lambda: sign_up(email=long_email(255)), "email"),
    "email local part of 1": (lambda: sign_up(email=f"a@{unique(20)}.org"), None),
    "email local part of 0": (lambda: sign_up(email="@example.org"), "email"),
    "email local part of 64": (lambda: sign_up(email=unique(64) + EMAIL_TAIL), None),
    "email local part of 65": (lambda: sign_up(email=unique(65) + EMAIL_TAIL), "email"),
    "email without @": (lambda: sign_up(email="ann.example.org"), "email"),
    "email with two @": (lambda: sign_up(email="a@b@example.org"), "email"),
    "email without dot": (lambda: sign_up(email="ann@example"), "email"),
    "email with dot in front alone": (lambda: sign_up(email="a.nn@example"), "email"),
    "email with space": (lambda: sign_up(email="an n@example.org"), "email"),
    "email with no-break space": (lambda: sign_up(email="an\xa0n@example.org"), "email"),
    "email with tab": (lambda: sign_up(email="ann@exam\tple.org"), "email"),
    "email with control": (lambda: sign_up(email="ann@exam\x7fple.org"), "email"),
    "email with line end": (lambda: sign_up(email="ann@example.org\n"), "email"),
    "email with NUL": (lambda: sign_up(email="an\0n@example.org"), "email"),
    "email empty": (lambda: sign_up(email=""), "email"),
    "email null": (lambda: sign_up(email=None), "email"),
    "email a list": (lambda: sign_up(email=[]), "email"),
    "password of 8": (lambda: sign_up(password="x" * 8), None),
    "password of 7": (lambda: sign_up(password="x" * 7), "password"),
    "password of 256": (lambda: sign_up(password="x" * 256), None),
    "password of 257": (lambda: sign_up(password="x" * 257), "password"),
    "password of 8 emoji": (lambda: sign_up(password="😀" * 8), None),
    "password of 7 emoji": (lambda: sign_up(password="😀" * 7), "password"),
    "password of 8 as sent, 7 in NFC": (lambda: sign_up(password="x" * 6 + "e\u0301"), "password"),
    "password of 257 as sent, 256 in NFC": (
        lambda: sign_up(password="x" * 255 + "e\u0301"),
        None,
    ),
    "password with NUL": (lambda: sign_up(password="1234567\0"), "password"),
    "password null": (lambda: sign_up(password=None), "password"),
    "unknown field": (lambda: sign_up(color="red"), None),
    "unknown field null": (lambda: sign_up(color=None), None),
}


@pytest.mark.parametrize("case", SIGN_UPS)
def test_sign_up(client: httpx.Client, case: str) -> None:
    """A sign-up within the limits is stored as sent; one beyond names the field."""
    make, wrong_field = SIGN_UPS[case]
    body = make()
    answer = client.post("/api/user", json=body)
    if wrong_field is None:
        assert answer.status_code == 201, answer.text
        assert answer.json()["user"]["username"] == body["username"]
        assert answer.json()["user"]["email"] == body["email"]
    else:
        check_wrong(answer, wrong_field)


def check_wrong(answer: httpx.Response, field: str) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert answer.json()["errors"][0]["detail"]


NAMES = {
    "1": ("x", True),
    "0": ("", False),
    "128": ("x" * 128, True),
    "129": ("x" * 129, False),
    "128 emoji": ("😀" * 128, True),
    "129 emoji": ("😀" * 129, False),
    "spaces": ("   ", False),
    "ideographic space": ("\u3000\u2003\x85", False),
    "spaces around": ("  x  ", True),
    "zero width space": ("\u200b", True),
    "decomposed": ("e\u0301", True),
    "NUL": ("a\0b", False),
    "null": (None, False),
    "number": (7, False),
}


@pytest.mark.parametrize("case", NAMES)
def test_chat_name(ann: Any, case: str) -> None:
    """A chat's name within the limits is stored as sent, when creating and renaming."""
    name, good = NAMES[case]
    created = ann.ask("POST", "/api/chat", json={"participants": [], "chatName": name})
    if not good:
        check_wrong(created, "chatName")
        place = f"/api/chat/{ann.create_chat()}"
        check_wrong(ann.ask("PATCH", place, json={"chatName": name}), "chatName")
        return
    assert created.status_code == 201
    assert created.json()["chat"]["chatName"] == name
    place = f"/api/chat/{created.json()['chat']['id']}"
    assert ann.ask("PATCH", place, json={"chatName": name}).status_code == 200
    assert ann.ask("GET", place).json()["chatName"] == name


MESSAGES = {
    "1 byte": ("x", True),
    "0 bytes": ("", False),
    "8192 bytes": ("x" * 8192, True),
    "8193 bytes": ("x" * 8193, False),
    "8192 bytes of emoji": ("😀" * 2048, True),
    "8193 bytes of emoji": ("😀" * 2048 + "x", False),
    "white space alone": (" \n ", True),
    "decomposed": (unicodedata.normalize("NFD", "é"), True),
    "right to left": ("שלום\u202e", True),
    "NUL": ("a\0", False),
    "null": (None, False),
    "number": (7, False),
    "list": (["x"], False),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_message(ann: Any, chat: str, case: str) -> None:
    """A message within the limits is stored as sent, byte for byte."""
    text, good = MESSAGES[case]
    answer = ann.ask("POST", f"/api/chat/{chat}/message", json={"message": text})
    if not good:
        check_wrong(answer, "message")
        return
    assert answer.status_code == 201
    assert answer.json()["messageInfo"]["message"] == text
    last = ann.ask("GET", f"/api/chat/{chat}/message?limit=1").json()["messages"][0]
    assert last["message"] == text


PARTICIPANTS: dict[str, tuple[Callable[[str], Any], str | None]] = {
    "1000 as listed": (lambda own: [own] * 1000, None),
    "1001 as listed": (lambda own: [own] * 1001, "participants"),
    "none": (lambda own: [], None),
    "upper case": (lambda own: [own.upper()], "participants"),
    "without dashes": (lambda own: [own.replace("-", "")], "participants"),
    "braces": (lambda own: [f"{{{own}}}"], "participants"),
    "line end": (lambda own: [own + "\n"], "participants"),
    "null among them": (lambda own: [own, None], "participants"),
    "a number among them": (lambda own: [own, 1], "participants"),
    "null": (lambda own: None, "participants"),
    "a text": (lambda own: own, "participants"),
    "an object": (lambda own: {}, "participants"),
}


@pytest.mark.parametrize("case", PARTICIPANTS)
def test_participants_of_a_new_chat(ann: Any, case: str) -> None:
    """At most 1,000 ids as listed, in the canonical spelling of ids."""
    make, wrong = PARTICIPANTS[case]
    answer = ann.ask("POST", "/api/chat", json={"participants": make(ann.id), "chatName": "x"})
    if wrong:
        check_wrong(answer, wrong)
    else:
        assert answer.status_code == 201
        assert answer.json()["chat"]["participants"] == [ann.id]


ADDED: dict[str, tuple[dict[str, Any], int]] = {
    "both fields": ({"userId": NOBODY, "userIds": [NOBODY]}, 400),
    "neither field": ({}, 400),
    "empty list": ({"userIds": []}, 400),
    "1001 ids": ({"userIds": [NOBODY] * 1001}, 400),
    "null": ({"userId": None}, 400),
    "null beside a list": ({"userId": None, "userIds": [NOBODY]}, 400),
    "malformed": ({"userId": "x"}, 400),
    "malformed in a list": ({"userIds": ["x"]}, 400),
    "upper case": ({"userId": NOBODY.replace("8", "A")}, 400),
}


@pytest.mark.parametrize("case", ADDED)
def test_added_participants(ann: Any, chat: str, case: str) -> None:
    """One of userId and userIds, with 1 to 1,000 well-formed ids."""
    body, status = ADDED[case]
    answer = ann.ask("POST", f"/api/chat/{chat}/participant", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, "invalid_request")


def test_a_thousand_participants_may_be_added_at_once(ann: Any, ben: Any, chat: str) -> None:
    """1,000 ids as listed are within the limit; if all are participants already, the answer is
    200."""
    body = {"userIds": [ben.id] * 1000}
    assert ann.ask("POST", f"/api/chat/{chat}/participant", json=body).status_code == 200


QUERIES = [
    *[("chat", f"limit={v}", 200) for v in ("1", "200")],
    *[("chat", f"limit={v}", 400) for v in ("0", "201", "-1", "1.5", "x", "", "1e1", "%2B1", "٣")],
    ("chat", f"before={NOBODY}", 200),
    *[("chat", f"before={v}", 400) for v in ("", "x", NOBODY.replace("8", "A"), "1")],
    *[("message", f"limit={v}", 200) for v in ("1", "100")],
    *[("message", f"limit={v}", 400) for v in ("0", "101", "-1", "x", "", "%20")],
    *[("message", f"before={v}", 200) for v in ("1", "2", "9223372036854775807")],
    *[("message", f"before={v}", 400) for v in ("-1", "x", "", "1.0", "9223372036854775808")],
    *[("events", f"limit={v}", 200) for v in ("1", "200")],
    *[("events", f"limit={v}", 400) for v in ("0", "201", "-1", "x", "")],
    *[("events", f"after={v}", 200) for v in ("0", "1", "1000000", "9223372036854775807")],
    *[("events", f"after={v}", 400) for v in ("-1", "x", "", "0x1", "9" * 40)],
    ("events", "limit=1&limit=2", 400),
    ("events", "page=7&page=8&color=%ff", 200),
    ("chat", "limit=1&offset=x", 200),
]


@pytest.mark.parametrize(("what", "query", "status"), QUERIES)
def test_query(ann: Any, chat: str, what: str, query: str, status: int) -> None:
    """A query value is accepted within its range and refused beyond it, never clamped."""
    path = "/api/chat" if what == "chat" else f"/api/chat/{chat}/{what}"
    answer = ann.ask("GET", f"{path}?{query}")
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


NAME_QUERIES = {
    "": 400, "username=": 400, "username=%00": 400, "username=%ff": 400,
    "username=%ed%a0%80": 400, "username=a&username=b": 400, "username=%25": 200,
    "username=_": 200, "username=p-": 200, "username=P-": 200, "username=%F0%9F%98%80": 200,
}  # fmt: skip


@pytest.mark.parametrize("query", NAME_QUERIES)
def test_search_of_people(ann: Any, query: str) -> None:
    """A prefix of any valid text is accepted; wildcards are literal; at most 20 are found."""
    answer = ann.ask("GET", f"/api/user?{query}")
    assert answer.status_code == NAME_QUERIES[query], answer.text
    if answer.status_code == 200:
        prefix = query.removeprefix("username=").lower()
        assert len(answer.json()["users"]) <= 20
        for person in answer.json()["users"]:
            assert person.keys() == {"id", "username", "displayName", "status", "avatar"}
            assert person["username"].lower().startswith(prefix)


def padded(size: int) -> bytes:
    """A valid body of this many bytes, padded with an unknown field."""
    start = json.dumps({"message": "x", "pad": ""}).encode()
    return start[:-2] + b"x" * (size - len(start)) + b'"}'


def nested(depth: int) -> bytes:
    """A valid body with this nesting depth; the outermost object is 1."""
    return b'{"message":"x","deep":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


BODIES: dict[str, tuple[bytes, int]] = {
    "64 KiB": (padded(65_536), 201),
    "64 KiB and 1": (padded(65_537), 413),
    "1 MiB": (padded(1_048_576), 413),
    "depth 32": (nested(32), 201),
    "depth 33": (nested(33), 400),
    "depth 20000": (nested(20_000), 400),
    "brackets in a text": (b'{"message":"' + b"[{" * 100 + b'"}', 201),
    "empty": (b"", 400),
    "white space": (b"  ", 400),
    "malformed": (b'{"message":', 400),
    "trailing": (b'{"message":"x"} x', 400),
    "array": (b"[]", 400),
    "text": (b'"message"', 400),
    "null": (b"null", 400),
    "NaN": (b'{"message":"x","n":NaN}', 400),
    "byte order mark": (b'\xef\xbb\xbf{"message":"x"}', 400),
    "invalid UTF-8": (b'{"message":"\xff"}', 400),
    "invalid UTF-8 in an unknown field": (b'{"message":"x","y":"\xff"}', 400),
    "encoded surrogate": (b'{"message":"\xed\xa0\x80"}', 400),
    "lone surrogate": (rb'{"message":"\ud800"}', 400),
    "lone surrogate at the end": (rb'{"message":"x\udc00"}', 400),
    "surrogate pair": (rb'{"message":"\ud83d\ude00"}', 201),
    "line end in a text": (b'{"message":"a\nb"}', 400),
    "UTF-16": ('{"message":"x"}'.encode("utf-16"), 400),
}


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("case", BODIES)
def test_body(ann: Any, chat: str, case: str, chunked: bool) -> None:
    """A body's size, depth, encoding and form, sent whole or in chunks."""
    data, status = BODIES[case]
    content = (data[at : at + 5000] for at in range(0, len(data), 5000)) if chunked else data
    json_type = {"Content-Type": "application/json"}
    place = f"/api/chat/{chat}/message"
    answer = ann.ask("POST", place, content=content, headers=json_type)
    assert answer.status_code == status, answer.text


TYPES = {
    "application/json": 201, "application/json; charset=utf-8": 201,
    "application/json;charset=UTF-8": 201, 'application/json; charset="utf-8"': 201,
    "APPLICATION/JSON": 201, "application/json; charset=latin-1": 415,
    "application/json; charset=utf-16": 415, "text/plain": 415, "text/json": 415,
    "application/x-www-form-urlencoded": 415, "application/problem+json": 415,
    "application/jsonp": 415, "multipart/form-data; boundary=x": 415, "json": 415, "": 415,
}  # fmt: skip


@pytest.mark.parametrize("media", TYPES)
def test_content_type(ann: Any, chat: str, media: str) -> None:
    """A body is JSON in UTF-8, or refused as an unsupported type."""
    headers = {"Content-Type": media}
    place = f"/api/chat/{chat}/message"
    answer = ann.ask("POST", place, content=b'{"message":"x"}', headers=headers)
    assert answer.status_code == TYPES[media]


def test_a_missing_content_type_is_refused(ann: Any, chat: str) -> None:
    """A body without a content type is 415, also if compressed."""
    place = f"/api/chat/{chat}/message"
    assert ann.ask("POST", place, content=b'{"message":"x"}').status_code == 415
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = ann.ask("POST", place, content=b'{"message":"x"}', headers=headers)
    assert answer.status_code == 415
