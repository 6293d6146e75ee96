"""How the Python client fetches missed events."""

import asyncio
import time
from typing import Any
from unittest.mock import Mock

import pytest
from hubbub_client.errors import NoAnswer, RateLimited, Transient, Unavailable
from hubbub_client.pulls import MAX_PAGES, Pulls, again_seconds
from hubbub_client.session import Pull, Session

from tests.clients.stub import Answer, message, refused, seq_of, somebody, until

READY = {
    "type": "ready", "protocol": "chat.v1", "user": "ann", "epoch": "e", "pingSeconds": 25,
    "chats": {"c": 0}, "behind": [],
}  # fmt: skip
MESSAGE = {
    "type": "message", "chat": "c", "at": "2026-01-02T03:04:05.678Z", "by": "ben",
    "messageId": "m", "message": "hello",
}  # fmt: skip


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NoAnswer("gone"), 1.0),
        (Unavailable(503, "unavailable", "", retry_after=0.2), 1.0),
        (RateLimited(429, "rate_limited", "", retry_after=7.0), 7.0),
        (Unavailable(503, "unavailable", "", retry_after=86_400.0), 60.0),
    ],
)
def test_a_pull_waits_as_the_server_says(error: NoAnswer | Transient, seconds: float) -> None:
    """At least a second, at most a minute."""
    assert again_seconds(error) == seconds


@pytest.mark.parametrize("is_refused", [True, False])
async def test_a_pull_that_brings_nothing_is_not_repeated_at_once(is_refused: bool) -> None:
    """It pauses after each page that fails or is empty, and finally has everything in order."""
    session = Session("ann")
    session.receive(READY)
    asked: list[float] = []

    async def fetch_events(_: str, after: int) -> dict[str, Any]:
        asked.append(time.monotonic())
        if len(asked) == 1 and not is_refused:
            return {"events": [], "seq": 0, "more": False}
        if len(asked) == 1:
            raise Unavailable(503, "unavailable", "", retry_after=0.0)
        return {"events": [MESSAGE | {"seq": 1}], "seq": 2, "more": False}

    (pull,) = session.receive(MESSAGE | {"seq": 2})
    assert isinstance(pull, Pull)
    taken: list[Any] = []
    has_room = asyncio.Event()
    has_room.set()
    async with asyncio.timeout(30):
        await Pulls(session, fetch_events, taken.append, has_room).load(pull)
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 0.99
    assert [seq_of(event) for event in taken] == [1, 2]


async def test_a_server_in_trouble_gets_few_requests_however_many_chats_are_behind() -> None:
    """As many a second as pages may be in flight."""
    chats = {f"c{number}": 9 for number in range(500)}
    session = Session("ann", dict.fromkeys(chats, 1), "e")
    session.hello("token")
    outputs = session.receive(READY | {"chats": chats, "behind": list(chats)})
    pulls = [output for output in outputs if isinstance(output, Pull)]
    assert len(pulls) == 500
    asked: list[str] = []
    began = time.monotonic()

    async def fetch_events(chat: str, _: int) -> dict[str, Any]:
        asked.append(chat)
        raise Unavailable(503, "unavailable", "")

    has_room = asyncio.Event()
    has_room.set()
    loading = Pulls(session, fetch_events, Mock(), has_room)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(loading.load(pull)) for pull in pulls]
        await until(lambda: len(asked) > 2 * MAX_PAGES)
        for task in waiting:
            task.cancel()
    assert time.monotonic() - began >= 1.99
    assert len(asked) <= 3 * MAX_PAGES


async def test_what_waits_for_missing_events_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it becomes too much while the server gives no page, the client catches up anew, on another
    socket."""
    monkeypatch.setattr("hubbub_client.session.MAX_HELD", 4)
    async with somebody() as (stub, client):
        answers: list[Answer] = [refused(503, "unavailable")]
        stub.answer = lambda *_: answers[-1]
        await stub.hear(*(message(seq) for seq in range(7, 11)))
        await until(lambda: len(stub.asked) == 1)
        assert len(stub.sockets) == 1
        stub.ready |= {"chats": {"c": 11}, "behind": ["c"]}
        answers.append((200, {"events": [message(seq) for seq in range(6, 12)], "more": False}))
        await stub.hear(message(11))
        await until(lambda: len(stub.sockets) == 2)
        assert stub.connects[-1]["resume"] == {"c": 5}
        await stub.hear(message(12))
        events = client.events()
        assert [seq_of(await anext(events)) for _ in range(7)] == list(range(6, 13))
