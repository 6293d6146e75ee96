"""Micro-batches of messages: waiting messages share a request; each succeeds or fails alone."""

import asyncio
from typing import Any

from msgspec import UNSET, UnsetType

from common.calls.calls import Calls
from common.process.trace import enter_trace
from common.protocol.errors import Refusal
from common.protocol.items import (
    AppendAnswer,
    AppendRequest,
    AppendResult,
    MessageStored,
    Refused,
    SendItem,
)
from edge.appends import MAX_BATCH_ITEMS, Appends

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Chats(Calls):
    """Answers in order once `go` is set; records the requests."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.traces: list[str | UnsetType] = []
        self.go = asyncio.Event()
        self.error: Refusal | None = None

    def preferred(self, key: str) -> str:
        return key[0]

    async def call(self, name: str, request: Any, answer: Any, **_: Any) -> Any:
        assert (name, answer) == ("append", AppendAnswer)
        assert isinstance(request, AppendRequest)
        items = [item for item in request.items if isinstance(item, SendItem)]
        assert items == request.items
        self.batches.append([item.message for item in items])
        self.traces += [item.trace for item in items]
        await self.go.wait()
        if self.error:
            raise self.error
        return AppendAnswer(results=[result_of(item.message) for item in items])


def result_of(message: str) -> AppendResult:
    if message == "bad":
        return Refused(code="not_found", detail="No.")
    return MessageStored(
        message_id=f"id of {message}", seq=2, at="", message=message, client_id=None, is_new=True
    )


def item(message: str, chat: str = "a") -> SendItem:
    return SendItem(chat=chat, user="u", key="k", show_key=False, message=message)


async def until_asked(chats: Chats, times: int) -> None:
    async with asyncio.timeout(30):
        while len(chats.batches) < times:  # noqa: ASYNC110 - the double has no event for it
            await asyncio.sleep(0)


async def test_what_piles_up_is_one_request() -> None:
    """The first message is sent at once; those that arrive meanwhile follow together, in order."""
    chats = Chats()
    appends = Appends(chats)
    tasks = [asyncio.create_task(appends.store_message(item("0")))]
    await until_asked(chats, 1)
    tasks += [asyncio.create_task(appends.store_message(item(str(n)))) for n in range(1, 6)]
    await asyncio.sleep(0)
    chats.go.set()
    results = await asyncio.gather(*tasks)
    assert chats.batches == [["0"], ["1", "2", "3", "4", "5"]]
    assert [result.message_id for result in results] == [f"id of {n}" for n in range(6)]


async def test_a_bad_message_fails_alone() -> None:
    """The other messages of the batch are stored."""
    chats = Chats()
    chats.go.set()
    appends = Appends(chats)
    tasks = [appends.store_message(item(text)) for text in ("x", "bad", "y")]
    good, bad, other = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(bad, Refusal)
    assert bad.code == "not_found"
    assert isinstance(good, MessageStored)
    assert isinstance(other, MessageStored)
    assert [good.message, other.message] == ["x", "y"]


async def test_replicas_have_lanes_of_their_own() -> None:
    """A slow replica does not delay messages for another one."""
    chats = Chats()
    appends = Appends(chats)
    tasks = [asyncio.create_task(appends.store_message(item("x", chat))) for chat in ("a1", "b1")]
    await until_asked(chats, 2)
    chats.go.set()
    await asyncio.gather(*tasks)


async def test_a_failed_request_fails_all_in_it() -> None:
    """Every waiting caller gets the error, and the lane works for the next message."""
    error = Refusal("unavailable", "No.")
    chats = Chats()
    chats.error = error
    chats.go.set()
    appends = Appends(chats)
    found = await asyncio.gather(
        *(appends.store_message(item("x")) for _ in range(3)), return_exceptions=True
    )
    assert found == [error] * 3
    chats.error = None
    assert (await appends.store_message(item("y"))).message == "y"


async def test_a_request_is_bounded() -> None:
    """Messages that do not fit into one request go with the next."""
    chats = Chats()
    chats.go.set()
    appends = Appends(chats)
    count = 2 * MAX_BATCH_ITEMS + 10
    results = await asyncio.gather(*(appends.store_message(item(str(n))) for n in range(count)))
    assert [result.message for result in results] == [str(n) for n in range(count)]
    assert max(len(batch) for batch in chats.batches) == MAX_BATCH_ITEMS


async def test_a_message_takes_the_trace_of_its_request_with_it() -> None:
    """Only if the client asked for tracing."""
    chats = Chats()
    chats.go.set()
    appends = Appends(chats)
    await appends.store_message(item("x"))
    enter_trace(f"00-{TRACE}-b7ad6b7169203331-01")
    await appends.store_message(item("y"))
    assert chats.traces == [UNSET, TRACE]
