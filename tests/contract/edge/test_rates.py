"""Rates on an edge with the documented limits, at n and n+1, by user, account and address."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, cycle
from typing import Any

import httpx
import pytest

from common.calls.balancer import network_of
from common.protocol.ids import new_id
from tests.fixtures.busy import IS_AT_REST, bound

LATE: set[int] = set() if IS_AT_REST else {503}  # a busy machine may hash a password too late


@pytest.fixture(scope="module")
def strict_url(services: Any) -> Iterator[str]:
    """An edge with the default limits."""
    with services.running("edge", 3) as url:
        yield url


@pytest.fixture
def from_address(services: Any, strict_url: str) -> Callable[..., httpx.Response]:
    """A POST as the balancer forwards it, from a client's address."""

    def post(path: str, address: str, **options: Any) -> httpx.Response:
        forwarded = {"X-Hubbub-Balancer": f"{services.balancer_key} {address} {new_id()}"}
        headers = forwarded | options.pop("headers", {})
        return httpx.post(f"{strict_url}{path}", headers=headers, timeout=30, **options)

    return post


def new_address() -> str:
    """An address that no other test uses, in a separate /64 of the documentation range."""
    return f"2001:db8:{new_id()[-4:]}:{new_id()[-4:]}::1"


def account() -> dict[str, str]:
    name = f"p-{new_id()[-12:]}"
    return {"username": name, "email": f"{name}@example.org"}


def check_refused(answer: httpx.Response, limit: int, most_seconds: int) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= most_seconds
    assert answer.headers["ratelimit-limit"] == str(limit)
    assert answer.headers["ratelimit-remaining"] == "0"
    assert int(answer.headers["ratelimit-reset"]) >= 1


def ask_until_refused(ask: Callable[[], httpx.Response], most: int) -> list[httpx.Response]:
    answers = [ask()]
    while answers[-1].status_code != 429 and len(answers) < most:
        answers.append(ask())
    return answers


def check_log_ins(ask: Callable[[], httpx.Response], allowed: int) -> None:
    """This many fail, more if tokens are refilled meanwhile, one every 6 s; then they are
    refused."""
    started = time.monotonic()
    answers = ask_until_refused(ask, 50)
    flowed_back = 1 + int((time.monotonic() - started) / 6)
    assert allowed <= len(answers) - 1 <= allowed + flowed_back
    assert {answer.status_code for answer in answers[:-1]} <= {401}
    check_refused(answers[-1], 10, 6)


def ask_when_drained(
    drain: Callable[[], httpx.Response], ask: Callable[[], httpx.Response]
) -> httpx.Response:
    """The answer with an empty bucket; repeated if a token was refilled in between."""
    for _ in range(50):
        ask_until_refused(drain, 100)
        answer = ask()
        if answer.status_code == 429:
            break
    return answer


def test_sign_ups(from_address: Callable[..., httpx.Response]) -> None:
    """20 an hour from one address; invalid requests do not count; other addresses are
    unaffected."""
    address = new_address()
    assert (
        from_address("/api/user", address, json={"username": "x", "email": "y"}).status_code == 400
    )
    for _ in range(20):
        assert from_address("/api/user", address, json=account()).status_code == 201
    check_refused(from_address("/api/user", address, json=account()), 20, 180)
    assert from_address("/api/user", address, json={"email": "y"}).status_code == 400
    assert from_address("/api/user", new_address(), json=account()).status_code == 201


def test_failed_log_ins_of_an_account(from_address: Callable[..., httpx.Response]) -> None:
    """10 a minute, from any addresses, in any case of letters; other accounts are unaffected."""
    body = {"username": f"P-{new_id()[-12:]}", "password": "wrong one"}
    check_log_ins(lambda: from_address("/api/user/login", new_address(), json=body), 10)
    lower = {**body, "username": body["username"].lower()}
    check_log_ins(lambda: from_address("/api/user", new_address(), json=lower), 0)
    other = {**body, "username": "somebody-else"}
    assert from_address("/api/user/login", new_address(), json=other).status_code == 401


def test_spellings_of_an_account_are_one(from_address: Callable[..., httpx.Response]) -> None:
    """Letters that some case mapping folds together do not make a separate account."""
    name = f"alice-kiss-{new_id()[-12:]}"
    spellings = [name, name.replace("i", "\u0130", 1), name.replace("k", "\u212a"),
                 name.replace("s", "\u017f"), name.replace("i", "i\u0307")]  # fmt: skip
    names = cycle(spellings)

    def guess() -> httpx.Response:
        body = {"username": next(names), "password": "wrong"}
        return from_address("/api/user/login", new_address(), json=body)

    check_log_ins(guess, 10)
    for _ in spellings:
        check_log_ins(guess, 0)


def test_an_address_of_ipv4_is_the_same_over_ipv6(
    from_address: Callable[..., httpx.Response],
) -> None:
    """With and without the mapped form."""
    address = f"198.18.{int(new_id()[-4:-2], 16)}.{int(new_id()[-2:], 16)}"
    spellings = cycle((address, f"::ffff:{address}"))

    def guess() -> httpx.Response:
        body = {"username": new_id(), "password": "wrong"}
        return from_address("/api/user/login", next(spellings), json=body)

    check_log_ins(guess, 10)
    check_log_ins(guess, 0)


def test_failed_log_ins_of_an_address(from_address: Callable[..., httpx.Response]) -> None:
    """10 a minute, for any accounts; log-ins that succeed do not count."""
    address = new_address()
    person = {**account(), "password": "right one"}
    assert from_address("/api/user", address, json=person).status_code == 201
    good = {"username": person["username"], "password": "right one"}
    for _ in range(12):
        assert from_address("/api/user/login", address, json=good).status_code == 200

    def guess() -> httpx.Response:
        wrong = {"username": f"p-{new_id()[-12:]}", "password": "wrong one"}
        return from_address("/api/user/login", address, json=wrong)

    check_log_ins(guess, 10)


def sign_up(from_address: Callable[..., httpx.Response]) -> dict[str, str]:
    """Signs up; returns the log-in."""
    person = {**account(), "password": "right one"}
    assert from_address("/api/user", new_address(), json=person).status_code == 201
    return {"username": person["username"], "password": "right one"}


@pytest.mark.parametrize("at", ["one address", "one account"])
def test_log_ins_at_once_that_succeed_are_not_refused(
    from_address: Callable[..., httpx.Response], at: str
) -> None:
    """More than may fail, from users behind one address or of one account: some wait for others."""
    people = [sign_up(from_address) for _ in range(14 if at == "one address" else 1)]
    place = new_address()

    def log_in(number: int) -> httpx.Response:
        person = people[number % len(people)]
        address = place if at == "one address" else new_address()
        return from_address("/api/user/login", address, json=person)

    with ThreadPoolExecutor(14) as pool:
        answers = list(pool.map(log_in, range(28)))
    assert {answer.status_code for answer in answers} - LATE == {200}


def test_guesses_at_once_are_counted(from_address: Callable[..., httpx.Response]) -> None:
    """Those that wait for others are refused once these have failed."""
    wrong = {**sign_up(from_address), "password": "wrong one"}

    def guess(_: int) -> int:
        return from_address("/api/user/login", new_address(), json=wrong).status_code

    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(guess, range(30)))
    tried = statuses.count(401) + statuses.count(503)
    assert 10 <= tried <= bound(12, 20)  # one is refilled every 6 s
    assert set(statuses) - LATE == {401, 429}


def test_a_log_in_that_succeeded_counts_at_no_edge(
    services: Any, strict_url: str, from_address: Callable[..., httpx.Response]
) -> None:
    """One failure is left, and each log-in goes to the other edge."""
    good = sign_up(from_address)
    wrong = {**good, "password": "wrong one"}
    place = new_address()
    for _ in range(9):
        assert from_address("/api/user/login", place, json=wrong).status_code == 401
    with services.running("edge", 4) as other_url:
        headers = {"X-Hubbub-Balancer": f"{services.balancer_key} {place} {new_id()}"}
        for _ in range(3):
            for url in (strict_url, other_url):
                answer = httpx.post(f"{url}/api/user/login", headers=headers, json=good, timeout=30)
                assert answer.status_code == 200


def test_an_owner_is_not_locked_out(from_address: Callable[..., httpx.Response]) -> None:
    """Strangers who guess use up an account's rate; from where it was used before, it still
    works."""
    home, person = new_address(), {**account(), "password": "right one"}
    assert from_address("/api/user", home, json=person).status_code == 201
    good = {"username": person["username"], "password": "right one"}
    wrong = {**good, "password": "wrong one"}

    def log_in(body: dict[str, str], address: str = "") -> httpx.Response:
        return from_address("/api/user/login", address or new_address(), json=body)

    check_log_ins(lambda: log_in(wrong), 10)
    check_refused(ask_when_drained(lambda: log_in(wrong), lambda: log_in(good)), 10, 6)
    assert log_in(good, home).status_code == 200
    check_log_ins(lambda: log_in(wrong, home), 10)
    check_refused(ask_when_drained(lambda: log_in(wrong, home), lambda: log_in(good, home)), 10, 6)


def test_a_network_of_ipv6_is_one_address(
    from_address: Callable[..., httpx.Response], services: Any
) -> None:
    """A /64 counts as one address; the log of the refusal has the network."""
    network = new_address().removesuffix("1")
    hosts = count(1)

    def guess() -> httpx.Response:
        body = {"username": f"p-{new_id()[-12:]}", "password": "wrong one"}
        return from_address("/api/user/login", f"{network}{next(hosts):x}", json=body)

    check_log_ins(guess, 10)
    deadline = time.monotonic() + 30
    client = f'"client":"{network_of(f"{network}1")}"'
    while client not in services.log_of("edge", 3):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_guesses_of_the_current_password(from_address: Callable[..., httpx.Response]) -> None:
    """With a token 10 times a minute; calls without a password are unaffected."""
    person = {**account(), "password": "right one"}
    token = from_address("/api/user", new_address(), json=person).json()["token"]
    place = str(from_address("/api/user", new_address(), json={}).url) + "/me"
    body = {"password": "second one", "currentPassword": "wrong one"}
    own = {"Authorization": f"Bearer {token}"}
    change = partial(httpx.patch, place, headers=own, timeout=30)
    check_log_ins(lambda: change(json=body), 10)
    assert change(json={"status": "away"}).status_code == 200


def test_guesses_of_email_addresses(member: Callable[..., httpx.Response]) -> None:
    """20 an hour find that an address has an account; the user's own changes do not count."""
    taken = account()
    assert member("POST", "/api/user", json=taken).status_code == 201
    change = partial(member, "PATCH", "/api/user/me")
    assert all(change(json={"email": f"{n}-{taken['email']}"}).is_success for n in range(30))
    for _ in range(20):
        assert change(json={"email": taken["email"]}).json()["code"] == "email_taken"
    check_refused(change(json={"email": taken["email"]}), 20, 180)
    assert change(json={"status": "away"}).is_success


def test_guesses_at_the_deletion_of_an_account(
    from_address: Callable[..., httpx.Response],
) -> None:
    """Each counts as a failed log-in, for the account and for the address."""
    body, address = {**account(), "password": "correct horse"}, new_address()
    grant = from_address("/api/user", new_address(), json=body).json()
    headers = {"Authorization": f"Bearer {grant['token']}"}
    guess = {"json": {"currentPassword": "wrong horse"}, "headers": headers}

    def delete() -> httpx.Response:
        answer = from_address("/api/user/me/delete", address, **guess)
        assert answer.json()["code"] in ("invalid_credentials", "rate_limited")
        return answer

    check_log_ins(delete, 10)
    good = {"username": body["username"], "password": "correct horse"}
    log_in = partial(from_address, "/api/user/login", address, json=good)
    check_refused(ask_when_drained(delete, log_in), 10, 6)


def test_sends(from_address: Callable[..., httpx.Response]) -> None:
    """50 at once, then 10 a second: 70 fast ones end with a refusal, whatever their bodies."""
    signed_up = from_address("/api/user", new_address(), json=account()).json()
    own = {"Authorization": f"Bearer {signed_up['token']}"}
    place = f"/api/chat/{new_id()}/message"
    answers = []
    with httpx.Client(timeout=30) as client:
        started = time.monotonic()
        base = str(from_address("/api/user", new_address(), json={}).url.copy_with(path="/"))
        for _ in range(200):
            answers.append(client.post(f"{base.rstrip('/')}{place}", headers=own, content=b"{"))
            if answers[-1].status_code == 429:
                break
    flowed_back = int(10 * (time.monotonic() - started)) + 1
    assert 50 < len(answers) <= 50 + flowed_back + 1  # the last one is refused
    assert {answer.status_code for answer in answers[:-1]} == {415}
    check_refused(answers[-1], 50, 1)


@pytest.fixture
def member(
    from_address: Callable[..., httpx.Response], strict_url: str
) -> Iterator[Callable[..., httpx.Response]]:
    """Requests of a new user, on one connection: they come faster than tokens are refilled."""
    answer = from_address("/api/user", new_address(), json=account())
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    with httpx.Client(base_url=strict_url, headers=headers, timeout=30) as client:
        yield client.request


def test_changes_of_chats(member: Callable[..., httpx.Response]) -> None:
    """20 at once, then 5 a second, whichever calls they are and whatever their result; reads are
    unaffected."""
    made = member("POST", "/api/chat", json={"participants": [], "chatName": "plans"})
    chat = f"/api/chat/{made.json()['chat']['id']}"
    changes: list[Callable[[], httpx.Response]] = [
        lambda: member("PATCH", chat, json={"chatName": "other plans"}),
        lambda: member("POST", f"{chat}/participant", json={"userId": new_id()}),
        lambda: member("DELETE", f"{chat}/participant/{new_id()}"),
        lambda: member("DELETE", f"/api/chat/{new_id()}"),
        lambda: member("POST", "/api/invite", json={"uses": 1, "days": 1}),
        lambda: member("DELETE", f"/api/invite/{'x' * 43}"),
    ]
    in_turn = cycle(changes)
    answers = ask_until_refused(lambda: next(in_turn)(), 100)
    assert 20 < len(answers) < 100
    assert {answer.status_code for answer in answers[:-1]} == {200, 400, 403, 404}
    check_refused(answers[-1], 20, 1)
    assert member("GET", chat).status_code == 200


def test_new_chats(member: Callable[..., httpx.Response]) -> None:
    """60 a minute, separate from the rate of changes."""
    answers = ask_until_refused(lambda: member("POST", "/api/chat", content=b"{"), 100)
    assert 60 < len(answers) < 100
    assert {answer.status_code for answer in answers[:-1]} == {415}
    check_refused(answers[-1], 60, 1)
    assert member("DELETE", f"/api/chat/{new_id()}").status_code == 404


def test_an_address_that_anybody_may_claim_does_not_count(strict_url: str) -> None:
    """Without the balancer's secret it is ignored."""
    body = {"username": f"p-{new_id()[-12:]}", "password": "wrong one"}

    def guess() -> httpx.Response:
        address = new_address()
        headers = {
            "X-Forwarded-For": address,
            "X-Hubbub-Balancer": f"wrong {address} {new_id()}",
        }
        other = {**body, "username": f"p-{new_id()[-12:]}"}
        return httpx.post(f"{strict_url}/api/user/login", json=other, headers=headers, timeout=30)

    check_log_ins(guess, 10)


def test_what_makes_an_event_counts_as_a_send(services: Any, strict_url: str) -> None:
    """Sends, edits and reactions share 50 at once; calls that change nothing do not count."""
    with httpx.Client(base_url=strict_url, timeout=10) as client:
        answer = client.post(
            "/api/user", json=account(), headers={"X-Hubbub-Balancer": balanced(services)}
        )
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        created = client.post("/api/chat", json={"participants": [], "chatName": "x"}).json()
        place = f"/api/chat/{created['chat']['id']}/message"
        sent = client.post(place, json={"message": "x"})
        message = f"{place}/{sent.json()['messageInfo']['messageId']}"
        reaction = f"{message}/reaction/%F0%9F%91%8D"
        assert client.put(reaction).status_code == 201
        for _ in range(60):
            assert client.put(reaction).status_code == 200
            assert client.patch(message, json={"message": "x"}).status_code == 200

        def edit() -> httpx.Response:
            return client.patch(message, json={"message": new_id()})

        started = time.monotonic()
        allowed = len(ask_until_refused(edit, 1000)) - 1
        assert 40 <= allowed <= 51 + 10 * (time.monotonic() - started)
        send = partial(client.post, place, json={"message": "x"})
        check_refused(ask_when_drained(edit, send), 50, 1)
        check_refused(ask_when_drained(send, lambda: client.delete(message)), 50, 1)


def balanced(services: Any) -> str:
    return f"{services.balancer_key} {new_address()} {new_id()}"
