"""Web Push from a message to the browser, with a push service on this machine.

That a user is not notified is proved by the notification after it.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import msgspec
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.contract.edge.conftest import ORIGIN, Services
from tests.fixtures.push_service import Browser, PushService
from tests.fixtures.small_server import serving

PATIENCE_SECONDS = 60.0
KNOWN_NODE = 'hubbub_known_replicas{of="realtime"} 1.0'
UNREACHABLE = 'hubbub_files_pushes_total{end="unreachable"}'
PUSH = "/api/user/me/push"


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with serving(PushService) as running:
        yield running


@pytest.fixture(scope="module")
def node(services: Services, files_url: str) -> Iterator[str]:
    """A realtime node, for the users who are online, once files knows about it."""
    assert files_url
    with services.running("realtime", 1) as url:
        until(lambda: KNOWN_NODE in httpx.get(f"{services.inner['files']}/metrics").text)
        yield url.replace("http", "ws", 1) + "/ws"


def subscribe(person: Any, service: PushService, **choice: Any) -> Browser:
    browser = service.make_browser()
    answer = person.ask("PUT", PUSH, json={**browser.subscription, **choice})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"message": "Push subscription saved successfully"}
    return browser


def send(person: Any, chat: str, text: str, **more: Any) -> dict[str, Any]:
    answer = person.ask("POST", f"/api/chat/{chat}/message", json={"message": text, **more})
    assert answer.status_code == 201, answer.text
    info: dict[str, Any] = answer.json()["messageInfo"]
    return info


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def bodies(browser: Browser) -> list[str]:
    return [said["body"] for said in browser.told]


def test_a_message_is_told(make_person: Callable[[], Any], service: PushService) -> None:
    """Those who are away get its text and chat, encrypted and signed with the server's key."""
    ann, ben = make_person(), make_person()
    chat = ann.create_chat(ben.id, name="Summer party")
    key = ben.ask("GET", PUSH).json()["publicKey"]
    assert key == ann.ask("GET", PUSH).json()["publicKey"]
    browser, own = subscribe(ben, service), subscribe(ann, service)
    info = send(ann, chat, "Who brings the **cake**?")
    until(lambda: len(browser.delivered) == 1)
    (told,) = browser.delivered
    assert told.said == {
        "me": ben.id,
        "chat": chat,
        "seq": info["seq"],
        "messageId": info["messageId"],
        "title": "Summer party",
        "body": f"{ann.name}: Who brings the **cake**?",
        "at": info["at"],
        "silent": False,
    }
    assert told.headers["content-encoding"] == "aes128gcm"
    assert told.headers["urgency"] == "normal"
    assert int(told.headers["ttl"]) > 3600
    assert len(told.headers["topic"]) == 32
    assert told.headers["authorization"].endswith(f"k={key}")
    assert told.claims["sub"] == "mailto:owner@example.org"
    assert 0 < told.claims["exp"] - time.time() <= 24 * 3600
    direct = ben.ask("PUT", f"/api/user/{ann.id}/direct").json()["chat"]["id"]
    send(ann, direct, "x" * 5_000)
    until(lambda: len(browser.delivered) == 2)
    told = browser.delivered[1]
    assert (told.said["title"], told.headers["urgency"]) == (ann.name, "high")
    assert told.said["body"] == "x" * 299 + "…"
    assert own.asked == 0


def test_only_what_somebody_wants_to_hear(
    make_person: Callable[[], Any], service: PushService
) -> None:
    """By the setting of the chat and of the browser: everything, mentions only, or nothing."""
    ann, ben, cat = make_person(), make_person(), make_person()
    muted, calm, usual = (ann.create_chat(ben.id, cat.id) for _ in range(3))
    ben.ask("PATCH", f"/api/chat/{muted}/mine", json={"notify": "none"})
    ben.ask("PATCH", f"/api/chat/{calm}/mine", json={"notify": "mentions"})
    all_of, mentions_of = (
        subscribe(ben, service, silent=True),
        subscribe(cat, service, level="mentions"),
    )
    for chat in (muted, calm):
        send(ann, chat, "to nobody")
    send(ann, muted, "to ben", mentions=[ben.id])
    send(ann, calm, "to ben too", mentions=[ben.id])
    until(lambda: len(all_of.delivered) == 1)
    send(ann, usual, "to all")
    until(lambda: len(all_of.delivered) == 2)
    assert bodies(all_of) == [f"{ann.name}: to ben too", f"{ann.name}: to all"]
    assert all_of.told[0]["silent"] is True
    send(ann, usual, "to cat", mentions=[cat.id])
    until(lambda: len(mentions_of.delivered) == 1)
    assert bodies(mentions_of) == [f"{ann.name}: to cat"]


def test_whoever_looks_at_hubbub_is_not_told(
    make_person: Callable[[], Any], service: PushService, node: str
) -> None:
    """A socket that is active anywhere is enough; one in the background is not."""
    ann, ben, cat = make_person(), make_person(), make_person()
    chat = ann.create_chat(ben.id, cat.id)
    looks, away = subscribe(ben, service), subscribe(cat, service)
    with connected(node, ben) as connection:
        send(ann, chat, "ben sees it")
        until(lambda: len(away.delivered) == 1)
        connection.send('{"type":"active","active":false}')
        connection.send('{"type":"ping"}')
        until(lambda: '"pong"' in str(connection.recv(PATIENCE_SECONDS)))
        send(ann, chat, "ben has gone for coffee")
        until(lambda: len(looks.delivered) == 1)
    assert bodies(looks) == [f"{ann.name}: ben has gone for coffee"]


@contextmanager
def connected(node: str, person: Any) -> Iterator[ClientConnection]:
    token = person.headers["Authorization"].removeprefix("Bearer ")
    with connect(node, subprotocols=[Subprotocol("chat.v1")], origin=Origin(ORIGIN)) as connection:
        connection.send(msgspec.json.encode({"type": "connect", "token": token}), text=True)
        assert '"ready"' in str(connection.recv(PATIENCE_SECONDS))
        yield connection


def test_what_was_deleted_meanwhile_is_not_told(
    make_person: Callable[[], Any], service: PushService
) -> None:
    """Nor what was read; an overloaded push service is retried later."""
    ann, ben = make_person(), make_person()
    deleted, read, other = (ann.create_chat(ben.id) for _ in range(3))
    browser = subscribe(ben, service)
    browser.status, browser.retry_after = 429, "1"
    gone = send(ann, deleted, "a secret")
    seen = send(ann, read, "an old hat")
    until(lambda: browser.asked > 0)
    ann.ask("DELETE", f"/api/chat/{deleted}/message/{gone['messageId']}")
    ben.ask("PUT", f"/api/chat/{read}/read", json={"upTo": seen["seq"]})
    send(ann, other, "news")
    browser.status = 201
    until(lambda: len(browser.delivered) == 1)
    assert bodies(browser) == [f"{ann.name}: news"]


def test_the_message_before_a_deleted_one_is_told(
    make_person: Callable[[], Any], service: PushService
) -> None:
    """Under its own sender, and no message is notified twice."""
    ann, ben, cyd = make_person(), make_person(), make_person()
    chat = ann.create_chat(ben.id, cyd.id)
    browser = subscribe(ben, service)
    send(ann, chat, "told")
    until(lambda: len(browser.delivered) == 1)
    browser.status, browser.retry_after = 429, "1"
    send(ann, chat, "come here")
    gone = send(cyd, chat, "a secret")
    until(lambda: browser.asked > 1)
    cyd.ask("DELETE", f"/api/chat/{chat}/message/{gone['messageId']}")
    browser.status = 201
    until(lambda: len(browser.delivered) == 2)
    gone = send(ann, chat, "another secret")
    ann.ask("DELETE", f"/api/chat/{chat}/message/{gone['messageId']}")
    send(cyd, ann.create_chat(ben.id, cyd.id), "news")
    until(lambda: len(browser.delivered) == 3)
    told = [f"{ann.name}: told", f"{ann.name}: come here", f"{cyd.name}: news"]
    assert bodies(browser) == told


def test_a_push_service_that_hangs_holds_up_no_other(
    make_person: Callable[[], Any], service: PushService, services: Services, files_url: str
) -> None:
    """Others are asked before it is given up."""
    assert files_url
    ann, ben, cat = make_person(), make_person(), make_person()
    chat = ann.create_chat(ben.id, cat.id)

    def given_up() -> float:
        metrics = httpx.get(f"{services.inner['files']}/metrics").text
        return sum(
            float(line.split()[1]) for line in metrics.splitlines() if line.startswith(UNREACHABLE)
        )

    before = given_up()
    with unanswering() as address:
        subscribe(ben, PushService(address))
        browser = subscribe(cat, service)
        send(ann, chat, "Who is there?")
        until(lambda: len(browser.delivered) == 1)
        assert given_up() == before
        until(lambda: given_up() == before + 1)


@contextmanager
def unanswering() -> Iterator[str]:
    """An address at which connections are neither accepted nor refused: its backlog is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("way", ["gone", "logged out", "dropped", "deleted"])
def test_a_subscription_ends(
    make_person: Callable[[], Any], service: PushService, way: str
) -> None:
    """With the browser's subscription, with the session, by a call, with the account."""
    ann, ben, cat = make_person(), make_person(), make_person()
    chat = ann.create_chat(ben.id, cat.id)
    ends, stays = subscribe(ben, service), subscribe(cat, service)
    if way == "gone":
        ends.status = 410
        send(ann, chat, "to nobody")
        until(lambda: ends.asked == 1)
    elif way == "logged out":
        assert ben.ask("POST", "/api/user/logout").status_code == 200
    elif way == "dropped":
        for _ in range(2):
            answer = ben.ask("DELETE", PUSH)
            assert answer.json() == {"message": "Push subscription removed successfully"}
    else:
        assert ben.ask("POST", "/api/user/me/delete", json={}).status_code == 200
    ends.status = 201
    number = 0

    def is_told_no_more() -> bool:
        """users may receive the push service's answer a moment later."""
        nonlocal number
        number += 1
        asked = ends.asked
        send(ann, chat, f"word {number}")
        until(lambda: bodies(stays)[-1:] == [f"{ann.name}: word {number}"])
        return ends.asked == asked

    until(is_told_no_more)


def test_a_browser_is_one_persons(make_person: Callable[[], Any], service: PushService) -> None:
    """It belongs to its current user: no other user's messages come to it."""
    ann, ben, cat = make_person(), make_person(), make_person()
    chat, other = ann.create_chat(ben.id), ann.create_chat(cat.id)
    browser = subscribe(ben, service)
    again = cat.ask("PUT", PUSH, json=browser.subscription)
    assert again.status_code == 200
    send(ann, chat, "to ben")
    send(ann, other, "to cat")
    until(lambda: len(browser.delivered) == 1)
    assert [said["me"] for said in browser.told] == [cat.id]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "http://push.example.org/x"}, "endpoint"),
        ({"endpoint": "https://10.0.0.1/x"}, "endpoint"),
        ({"endpoint": "https://push.example.org/" + "x" * 1_024}, "endpoint"),
        ({"keys": {"p256dh": "x", "auth": "x"}}, "keys.p256dh"),
        ({"keys": {"auth": "BTBZMqHH6r4Tts7J_aSIgg"}}, "keys.p256dh"),
        ({"keys": {"p256dh": "B" + "A" * 86 + "\n", "auth": "A" * 22}}, "keys.p256dh"),
        ({"keys": {"p256dh": "B" + "A" * 86, "auth": "A" * 22 + "\n"}}, "keys.auth"),
        ({"level": "none"}, "level"),
        ({"silent": 1}, "silent"),
    ],
)
def test_what_is_no_subscription(
    ann: Any, service: PushService, change: dict[str, Any], field: str
) -> None:
    """It is refused with the field, and nothing is stored."""
    body = {**service.make_browser().subscription, **change}
    answer: httpx.Response = ann.ask("PUT", PUSH, json=body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
