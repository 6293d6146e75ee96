"""Every declared call as every kind of user with every kind of id.

The expected result follows from the declaration's `who`; a call whose ids name neither a chat nor a
user in it needs a row here, and fails without one.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from common.protocol.ids import new_id
from docs.reference.samples import sample
from edge.openapi import describe_api
from edge.operation import Operation, Who
from edge.operations import OPERATIONS
from tests.contract.edge.cast import DOT, Cast, as_options

PEOPLE = ("owner", "participant", "former", "stranger", "nobody")
IDS = ("own", "foreign", "missing", "malformed")
MALFORMED = (
    "x", "1", "00000000000040008000000000000000", "00000000-0000-4000-8000-00000000000A",
    "00000000-0000-4000-8000-0000000000000", "{00000000-0000-4000-8000-000000000000}",
    "00000000-0000-4000-8000-00000000000%30", "%00",
)  # fmt: skip

# What participants get instead if not permitted; message and reaction are the participant's.
MAY_NOT: dict[Who, dict[str, int]] = {
    Who.PARTICIPANTS: {},
    Who.CHAT_OWNER: {"participant": 403},
    Who.SENDER: {"owner": 403},
    Who.SENDER_OR_OWNER: {},
    Who.REACTED: {"owner": 404},
    Who.UPLOADER: {"owner": 404},
}
IN_A_CHAT = [of for of in OPERATIONS if of.who in MAY_NOT]
ABOUT_A_FILE = [of for of in OPERATIONS if "file_id" in of.path_parameters]
ABOUT_A_MESSAGE = [of for of in OPERATIONS if "message_id" in of.path_parameters]
OPEN = [of for of in OPERATIONS if of.who is Who.EVERYBODY]
PERSONAL = [
    of
    for of in OPERATIONS
    if of.who in (Who.SIGNED_IN, Who.WAS_SIGNED_IN) and not of.path_parameters
]
NAMED = [of for of in OPERATIONS if of.who is Who.SIGNED_IN and of.path_parameters]
IN_CHARGE = [of for of in OPERATIONS if of.who in (Who.ADMINS, Who.OWNERS)]
CLOSED = [of for of in OPERATIONS if of.who is not Who.EVERYBODY]
# The id in the path names a user or a session: whether the caller's own or another's.
NAMED_STATUS = {
    "GET /api/user/{user_id}": {"own": 200, "foreign": 200},
    "DELETE /api/user/session/{session_id}": {"own": 200, "foreign": 404},
    "DELETE /api/invite/{code}": {"own": 200, "foreign": 404},
    "POST /api/invite/{code}/take": {"own": 200, "foreign": 200},
    "PUT /api/user/{user_id}/direct": {"own": 400, "foreign": 201},
}
# If the example of the description is not a request that succeeds.
BODIES: dict[str, Callable[[Cast], Any]] = {
    "POST /api/chat/{chat_id}/participant": lambda cast: {"userId": cast.people["stranger"].id},
    "PUT /api/chat/{chat_id}/read": lambda _: {"upTo": 1},
    "PUT /api/chat/{chat_id}/unread": lambda _: {"from": 1},
    "PATCH /api/chat/{chat_id}/mine": lambda _: {"notify": "mentions"},
    "POST /api/chat": lambda cast: {"participants": [], "chatName": "x"},
    "POST /api/chat/{chat_id}/message": lambda cast: {"message": "x"},
    "PATCH /api/user/me": lambda cast: {"email": f"{new_id()}@example.org"},
    "POST /api/invite": lambda cast: {"uses": 1, "days": 1, "chat": cast.own},
    "PATCH /api/admin/instance": lambda cast: {"name": "Hubbub"},
    "PATCH /api/admin/user/{user_id}": lambda cast: {"active": True},
}
ENDS_SESSION = (
    "POST /api/user/logout", "DELETE /api/user/sessions", "POST /api/user/me/delete",
)  # fmt: skip
QUERIES = {"GET /api/search": {"q": "garden"}, "GET /api/user": {"username": "p"}}

DOCUMENT = describe_api(OPERATIONS)


def call_of(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def make_body(operation: Operation, cast: Cast) -> Any:
    """A valid one; None for a call without a body."""
    if operation.takes_bytes:
        return DOT
    if operation.body is None:
        return None
    if make := BODIES.get(call_of(operation)):
        return make(cast)
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]["requestBody"]
    schema = described["content"]["application/json"]["schema"]
    return sample(schema, DOCUMENT["components"]["schemas"])


def sent(body: Any) -> dict[str, Any]:
    """As a request accepts it."""
    if body is None:
        return {}
    return {"content": body} if isinstance(body, bytes) else {"json": body}


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


def test_every_call_is_in_the_table() -> None:
    """A call declares who may use it, or has a row here that says what its ids name."""
    assert {call_of(operation) for operation in NAMED} == NAMED_STATUS.keys()
    parts = (IN_A_CHAT, OPEN, PERSONAL, NAMED, IN_CHARGE)
    assert sum(map(len, parts)) == len(OPERATIONS)
    assert all("chat_id" in operation.path_parameters for operation in IN_A_CHAT)


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("operation", IN_A_CHAT, ids=call_of)
def test_chat(cast: Cast, foreign_chat: str, operation: Operation, who: str, kind: str) -> None:
    """A chat answers its participants; for all others it does not exist."""
    chats = {"own": cast.own, "foreign": foreign_chat, "missing": new_id(), "malformed": "x"}
    body = make_body(operation, cast)
    place = cast.place(operation, who, chat_id=chats[kind])
    answer = cast.ask(who, operation.method, place, body)
    expected = 404
    if who == "nobody":
        expected = 401
    elif kind == "own" and who in ("owner", "participant"):
        expected = MAY_NOT[operation.who].get(who, operation.status)
    assert answer.status_code == expected, answer.text
    if expected == 404:
        nowhere = cast.place(operation, who, chat_id=new_id(), user_id=new_id())
        assert answer.content == cast.ask(who, operation.method, nowhere, body).content


@pytest.mark.parametrize("malformed", MALFORMED)
@pytest.mark.parametrize("operation", IN_A_CHAT, ids=call_of)
def test_malformed_chat_id(
    lasting_cast: Cast, ann: Any, operation: Operation, malformed: str
) -> None:
    """An id in any other spelling is not found."""
    place = lasting_cast.place(operation, "owner", chat_id=malformed)
    body = make_body(operation, lasting_cast)
    options = as_options(body)
    assert ann.ask(operation.method, place, **options).status_code == 404


@pytest.mark.parametrize("message", ["missing", "foreign", *MALFORMED])
@pytest.mark.parametrize("who", ["owner", "participant"])
@pytest.mark.parametrize("operation", ABOUT_A_MESSAGE, ids=call_of)
def test_no_such_message(
    lasting_cast: Cast, people: dict[str, Any], operation: Operation, who: str, message: str
) -> None:
    """An id that is no message of the chat is not found, also for users without permission."""
    id_ = message
    if message == "missing":
        id_ = new_id()
    elif message == "foreign":
        id_ = Cast(lasting_cast.client, people).message
    place = lasting_cast.place(operation, who, message_id=id_)
    body = make_body(operation, lasting_cast)
    assert lasting_cast.ask(who, operation.method, place, body).status_code == 404


@pytest.mark.parametrize("file", ["missing", "foreign", *MALFORMED])
@pytest.mark.parametrize("who", ["owner", "participant"])
@pytest.mark.parametrize("operation", ABOUT_A_FILE, ids=call_of)
def test_no_such_file(
    lasting_cast: Cast, people: dict[str, Any], operation: Operation, who: str, file: str
) -> None:
    """An id that is no file of the chat is not found."""
    id_ = file
    if file == "missing":
        id_ = new_id()
    elif file == "foreign":
        id_ = Cast(lasting_cast.client, people).file
    place = lasting_cast.place(operation, who, file_id=id_)
    assert lasting_cast.ask(who, operation.method, place, None).status_code == 404


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
    """The owner removes anybody, others only themselves; a user who is no participant is not
    found."""
    place = f"/api/chat/{cast.own}/participant/{cast.people[whom].id}"
    answer = cast.ask(who, "DELETE", place, None)
    assert answer.status_code == PEOPLE_TO_REMOVE[who, whom]


@pytest.mark.parametrize("who", ["owner", "participant"])
@pytest.mark.parametrize("whom", ["missing", *MALFORMED])
def test_removal_of_no_one(lasting_cast: Cast, who: str, whom: str) -> None:
    """An id that is no participant is not found, also for users who might not remove them."""
    id_ = new_id() if whom == "missing" else whom
    place = f"/api/chat/{lasting_cast.own}/participant/{id_}"
    assert lasting_cast.ask(who, "DELETE", place, None).status_code == 404


@pytest.mark.parametrize("operation", PERSONAL, ids=call_of)
def test_personal(
    make_person: Callable[[], Any], lasting_cast: Cast, client: httpx.Client, operation: Operation
) -> None:
    """A user with a token gets their own data; an anonymous client gets 401."""
    person, body = lasting_cast.owner, make_body(operation, lasting_cast)
    if call_of(operation) in ENDS_SESSION:
        person = make_person()
    options = {"params": QUERIES.get(call_of(operation)), **as_options(body)}
    assert client.request(operation.method, operation.path, **options).status_code == 401
    answer = person.ask(operation.method, operation.path, **options)
    assert answer.status_code == operation.status, answer.text


def session_of(person: Any) -> str:
    found: str = person.ask("GET", "/api/user/sessions").json()["sessions"][0]["id"]
    return found


def invitation_of(person: Any) -> str:
    body = {"uses": 1, "days": 1, "chat": person.create_chat()}
    answer = person.ask("POST", "/api/invite", json=body)
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["invite"]["code"]
    return code


NAMES: dict[str, Callable[[Any], str]] = {
    "user_id": lambda person: str(person.id), "session_id": session_of, "code": invitation_of,
}  # fmt: skip


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("operation", NAMED, ids=call_of)
def test_named(
    make_person: Callable[[], Any], client: httpx.Client, operation: Operation, kind: str
) -> None:
    """Users are found by their id; sessions and invitations can only be ended by their creators."""
    person, other = make_person(), make_person()
    (parameter,) = operation.path_parameters
    ids = {"missing": "x" * 43 if parameter == "code" else new_id(), "malformed": "x"}
    for name, somebody in (("own", person), ("foreign", other)):
        ids[name] = NAMES[parameter](somebody)
    place = operation.path.format(**{parameter: ids[kind]})
    assert client.request(operation.method, place).status_code == 401
    expected = NAMED_STATUS[call_of(operation)].get(kind, 404)
    assert person.ask(operation.method, place).status_code == expected


class Staff(NamedTuple):
    """One user of each role, and two who are no longer active."""

    owner: Any
    admin: Any
    member: Any
    deactivated: Any
    deleted: Any


@pytest.fixture(scope="module")
def staff(owner: Any, make_person: Callable[[], Any]) -> Staff:
    admin, member, deactivated, deleted = (make_person() for _ in range(4))
    assert owner.ask("DELETE", f"/api/admin/user/{deleted.id}").status_code == 200
    for person, change in ((admin, {"role": "admin"}), (deactivated, {"active": False})):
        answer = owner.ask("PATCH", f"/api/admin/user/{person.id}", json=change)
        assert answer.status_code == 200, answer.text
    deadline = time.monotonic() + 30
    for person in (deactivated, deleted):  # edge learns this within a second
        while person.ask("GET", "/api/user/me").status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return Staff(owner, admin, member, deactivated, deleted)


@pytest.mark.parametrize("kind", ["own", "missing", "malformed"])
@pytest.mark.parametrize("who", [*Staff._fields, "nobody"])
@pytest.mark.parametrize("operation", IN_CHARGE, ids=call_of)
def test_in_charge(
    staff: Staff, lasting_cast: Cast, client: httpx.Client, make_person: Callable[[], Any],
    operation: Operation, who: str, kind: str,
) -> None:  # fmt: skip
    """Owners may do everything, admins everything not reserved to owners; a member gets 403 before
    404."""
    target = staff.member if who == "member" else make_person()
    ids = {"own": target.id, "missing": new_id(), "malformed": "x"}
    body = make_body(operation, lasting_cast)
    place = operation.path.format(user_id=ids[kind])
    options = as_options(body)
    if who == "nobody":
        answer = client.request(operation.method, place, **options)
    else:
        answer = getattr(staff, who).ask(operation.method, place, **options)
    expected = operation.status if kind == "own" or not operation.path_parameters else 404
    if who in ("nobody", "deactivated", "deleted"):
        expected = 401
    elif who == "member" or (who == "admin" and operation.who is Who.OWNERS):
        expected = 403
    assert answer.status_code == expected, answer.text


@pytest.mark.parametrize("who", ["owner", "admin"])
@pytest.mark.parametrize("operation", IN_A_CHAT, ids=call_of)
def test_a_role_opens_no_chat(
    staff: Staff, lasting_cast: Cast, operation: Operation, who: str
) -> None:
    """Owners and admins of the instance are strangers in the chats of others."""
    body = make_body(operation, lasting_cast)
    place = lasting_cast.place(operation, "stranger")
    answer = getattr(staff, who).ask(operation.method, place, **sent(body))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("who", ["owner", "admin"])
@pytest.mark.parametrize("operation", NAMED, ids=call_of)
def test_what_others_have_named(
    staff: Staff, make_person: Callable[[], Any], operation: Operation, who: str
) -> None:
    """Owners and admins find users, and accept and revoke invitations of others; they cannot end
    another user's session."""
    (parameter,) = operation.path_parameters
    place = operation.path.format(**{parameter: NAMES[parameter](make_person())})
    expected = NAMED_STATUS[call_of(operation)]["foreign"]
    if call_of(operation) == "DELETE /api/invite/{code}":
        expected = 200
    assert getattr(staff, who).ask(operation.method, place).status_code == expected


@pytest.mark.parametrize("who", ["owner", "admin"])
@pytest.mark.parametrize(
    "operation", [of for of in PERSONAL if call_of(of) not in ENDS_SESSION], ids=call_of
)
def test_what_is_ones_own_whatever_the_role(
    staff: Staff, lasting_cast: Cast, operation: Operation, who: str
) -> None:
    """As for a member."""
    body = make_body(operation, lasting_cast)
    if call_of(operation) == "POST /api/invite":
        body = {"uses": 1, "days": 1}
    query = QUERIES.get(call_of(operation))
    answer = getattr(staff, who).ask(operation.method, operation.path, params=query, **sent(body))
    assert answer.status_code == operation.status, answer.text


@pytest.mark.parametrize("who", ["deactivated", "deleted"])
@pytest.mark.parametrize("operation", CLOSED, ids=call_of)
def test_who_is_in_no_more(staff: Staff, operation: Operation, who: str) -> None:
    """A deactivated or deleted user is unauthenticated in every call that needs a token."""
    place = operation.path.format(**{name: new_id() for name in operation.path_parameters})
    answer = getattr(staff, who).ask(operation.method, place)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("who", ["bad token", *Staff._fields, "nobody"])
@pytest.mark.parametrize("operation", OPEN, ids=call_of)
def test_open(client: httpx.Client, staff: Staff, operation: Operation, who: str) -> None:
    """Calls without a token ask for none, and answer everybody alike: also inactive users, and
    clients with an invalid token."""
    asked: dict[str, Any] = {"method": operation.method, "url": operation.path, "json": {}}
    headers: dict[str, dict[str, str]] = {"bad token": {"Authorization": "Bearer x"}, "nobody": {}}
    told = headers[who] if who in headers else getattr(staff, who).headers
    answer = client.request(**asked, headers=told)
    assert answer.status_code == client.request(**asked).status_code != 401, answer.text
