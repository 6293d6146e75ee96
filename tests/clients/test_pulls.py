"""How the Python client fetches missed events."""

import asyncio
import time
from typing import Any

import pytest
from hubbub_client.errors import NoAnswer, RateLimited, Transient, Unavailable
from hubbub_client.pulls import Pulls, again_seconds
from hubbub_client.session import Pull, Session

from tests.clients.stub import seq_of

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
