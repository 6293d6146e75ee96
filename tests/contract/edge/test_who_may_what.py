"""Every route as every kind of person with every kind of id; a route that is missing here fails."""

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from common.protocol.ids import new_id
from edge.operations import OPERATIONS

PEOPLE = ("owner", "participant", "former", "stranger", "nobody")
IDS = ("own", "foreign", "missing", "malformed")
MALFORMED = (
    "x", "1", "00000000000040008000000000000000", "00000000-0000-4000-8000-00000000000A",
    "00000000-0000-4000-8000-0000000000000", "{00000000-0000-4000-8000-000000000000}",
    "00000000-0000-4000-8000-00000000000%30", "%00",
)  # fmt: skip


class Rule(NamedTuple):
    """Statuses for owner, participant, former participant and stranger of the chat in the path.

    Nobody always gets 401; a chat that is foreign, missing or malformed is always 404.
    """

    owner: int
    participant: int
    body: Callable[["Cast"], Any] = lambda cast: None


CHAT_RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/api/chat/{chat_id}"): Rule(200, 200),
    ("PATCH", "/api/chat/{chat_id}"): Rule(200, 403, lambda cast: {"chatName": "new"}),
    ("DELETE", "/api/chat/{chat_id}"): Rule(200, 403),
    ("POST", "/api/chat/{chat_id}/participant"): Rule(
        201, 403, lambda cast: {"userId": cast.people["stranger"].id}
    ),
    ("DELETE", "/api/chat/{chat_id}/participant/{user_id}"): Rule(200, 403),
    ("POST", "/api/chat/{chat_id}/message"): Rule(201, 201, lambda cast: {"message": "x"}),
    ("GET", "/api/chat/{chat_id}/message"): Rule(200, 200),
    ("GET", "/api/chat/{chat_id}/events"): Rule(200, 200),
}
# Statuses for somebody with a token; nobody gets 401.
PERSONAL = {
    ("POST", "/api/user/logout"): 200,
    ("GET", "/api/user/me"): 200,
    ("PATCH", "/api/user/me"): 200,
    ("GET", "/api/user"): 200,
    ("GET", "/api/user/sessions"): 200,
    ("DELETE", "/api/user/sessions"): 200,
    ("POST", "/api/chat"): 201,
    ("GET", "/api/chat"): 200,
}
# The id in the path names a person or a session.
NAMED = {
    ("GET", "/api/user/{user_id}"): {"own": 200, "foreign": 200},
    ("DELETE", "/api/user/session/{session_id}"): {"own": 200, "foreign": 404},
}
OPEN = {
    ("POST", "/api/user"),
    ("POST", "/api/user/login"),
    ("POST", "/api/user/refresh"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
}


class Cast:
    """A chat with an owner, a participant, a former one, beside a stranger and nobody."""

    def __init__(self, client: httpx.Client, people: dict[str, Any]) -> None:
        self._client = client
        self.people = people
        self.owner = people["owner"]
        self.own = self.owner.create_chat(people["participant"].id, people["former"].id)
        gone = self.owner.ask("DELETE", f"/api/chat/{self.own}/participant/{people['former'].id}")
        assert gone.status_code == 200

    def ask(self, who: str, method: str, path: str, body: Any) -> httpx.Response:
        options = {} if body is None else {"json": body}
        if who == "nobody":
            return self._client.request(method, path, **options)
        answer: httpx.Response = self.people[who].ask(method, path, **options)
        return answer


@pytest.fixture(scope="module")
def people(make_person: Callable[[], Any]) -> dict[str, Any]:
    return {who: make_person() for who in PEOPLE[:4]}


@pytest.fixture(scope="module")
def foreign_chat(make_person: Callable[[], Any]) -> str:
    chat: str = make_person().create_chat()
    return chat


@pytest.fixture
def cast(client: httpx.Client, people: dict[str, Any]) -> Cast:
    return Cast(client, people)


@pytest.fixture(scope="module")
def lasting_cast(client: httpx.Client, people: dict[str, Any]) -> Cast:
    """For those who are refused or only read."""
    return Cast(client, people)


def test_every_route_has_a_row() -> None:
    """The rows here and the published operations are the same calls."""
    rows = {*CHAT_RULES, *PERSONAL, *NAMED, *OPEN}
    assert rows == {(operation.method, operation.path) for operation in OPERATIONS}


CHAT_CASES = [(*call, who, kind) for call in CHAT_RULES for who in PEOPLE for kind in IDS]


@pytest.mark.parametrize(("method", "path", "who", "kind"), CHAT_CASES)
def test_chat(cast: Cast, foreign_chat: str, method: str, path: str, who: str, kind: str) -> None:
    """A chat answers to those in it; to all others it is as if it were not there."""
    rule = CHAT_RULES[method, path]
    chats = {"own": cast.own, "foreign": foreign_chat, "missing": new_id(), "malformed": "x"}
    whom = "owner" if who == "participant" else "participant"
    place = path.format(chat_id=chats[kind], user_id=cast.people[whom].id)
    answer = cast.ask(who, method, place, rule.body(cast))
    expected = 404
    if who == "nobody":
        expected = 401
    elif kind == "own" and who in ("owner", "participant"):
        expected = rule.owner if who == "owner" else rule.participant
    assert answer.status_code == expected, answer.text
    if expected == 404:
        never = cast.ask(
            who, method, path.format(chat_id=new_id(), user_id=new_id()), rule.body(cast)
        )
        assert answer.content == never.content


@pytest.mark.parametrize("malformed", MALFORMED)
@pytest.mark.parametrize(("method", "path"), CHAT_RULES)
def test_malformed_chat_id(ann: Any, method: str, path: str, malformed: str) -> None:
    """An id in any other spelling names nothing."""
    body = {"message": "x", "chatName": "x", "userId": ann.id}
    place = path.format(chat_id=malformed, user_id=ann.id)
    answer = ann.ask(method, place, **({} if method in ("GET", "DELETE") else {"json": body}))
    assert answer.status_code == 404


PEOPLE_TO_REMOVE = {
    ("owner", "participant"): 200,
    ("owner", "owner"): 200,
    ("owner", "former"): 404,
    ("owner", "stranger"): 404,
    ("participant", "participant"): 200,
    ("participant", "owner"): 403,
    ("participant", "former"): 404,
    ("participant", "stranger"): 404,
    ("former", "former"): 404,
    ("stranger", "owner"): 404,
    ("stranger", "stranger"): 404,
    ("nobody", "owner"): 401,
}


@pytest.mark.parametrize(("who", "whom"), PEOPLE_TO_REMOVE)
def test_removal(cast: Cast, who: str, whom: str) -> None:
    """The owner removes anybody, others themselves alone; who is not in is not found."""
    place = f"/api/chat/{cast.own}/participant/{cast.people[whom].id}"
    answer = cast.ask(who, "DELETE", place, None)
    assert answer.status_code == PEOPLE_TO_REMOVE[who, whom]


@pytest.mark.parametrize("who", ["owner", "participant"])
@pytest.mark.parametrize("whom", ["missing", *MALFORMED])
def test_removal_of_no_one(lasting_cast: Cast, who: str, whom: str) -> None:
    """What names no participant is not found, also for those who might not remove them."""
    id_ = new_id() if whom == "missing" else whom
    place = f"/api/chat/{lasting_cast.own}/participant/{id_}"
    assert lasting_cast.ask(who, "DELETE", place, None).status_code == 404


@pytest.mark.parametrize(("method", "path"), PERSONAL)
def test_personal(
    make_person: Callable[[], Any], client: httpx.Client, method: str, path: str
) -> None:
    """Somebody with a token gets their own; nobody gets 401."""
    person = make_person()
    body = {"chatName": "x", "participants": [], "email": f"{new_id()}@example.org"}
    options: dict[str, Any] = {"params": {"username": "p"}} if path == "/api/user" else {}
    if method in ("POST", "PATCH"):
        options["json"] = body
    assert client.request(method, path, **options).status_code == 401
    assert person.ask(method, path, **options).status_code == PERSONAL[method, path]


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize(("method", "path"), NAMED)
def test_named(
    make_person: Callable[[], Any], client: httpx.Client, method: str, path: str, kind: str
) -> None:
    """People are found by their id; sessions are their owner's alone."""
    person, other = make_person(), make_person()
    ids = {"missing": new_id(), "malformed": "x"}
    for name, somebody in (("own", person), ("foreign", other)):
        session = somebody.ask("GET", "/api/user/sessions").json()["sessions"][0]["id"]
        ids[name] = session if "session" in path else somebody.id
    place = path.format(user_id=ids[kind], session_id=ids[kind])
    assert client.request(method, place).status_code == 401
    assert person.ask(method, place).status_code == NAMED[method, path].get(kind, 404)


@pytest.mark.parametrize(("method", "path"), sorted(OPEN))
def test_open(client: httpx.Client, method: str, path: str) -> None:
    """What needs no token never asks for one, and ignores one that is bad."""
    headers = {"Authorization": "Bearer x"}
    answer = client.request(method, path, headers=headers, json={})
    assert answer.status_code != 401, answer.text


BAD_TOKENS = {
    "missing": None, "empty": "", "scheme alone": "Bearer",
    "not a token": "Bearer x", "Basic": "Basic YTpi",
    "unsigned": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    "two dots": "Bearer ..", "not ASCII": "Bearer é",
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TOKENS)
def test_bad_token(client: httpx.Client, case: str) -> None:
    """Whatever is no good access token is 401, before anything else is looked at."""
    value = BAD_TOKENS[case]
    headers = {} if value is None else {"Authorization": value.encode("latin-1")}
    answer = client.post("/api/chat/x/message?limit=x", headers=headers, content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_token_with_another_signature_is_refused(client: httpx.Client, ann: Any) -> None:
    """One flipped character in the signature is enough."""
    token = ann.headers["Authorization"]
    flipped = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    headers = {"Authorization": flipped}
    assert client.get("/api/user/me", headers=headers).status_code == 401


def test_the_scheme_may_be_in_any_case(client: httpx.Client, ann: Any) -> None:
    """`bearer` is `Bearer`, as RFC 9110 has it."""
    headers = {"Authorization": ann.headers["Authorization"].replace("Bearer", "bEARER")}
    assert client.get("/api/user/me", headers=headers).status_code == 200
