"""Sends messages and changes of messages to chats in micro-batches. Knows nothing of HTTP."""

from typing import Final

import msgspec

from common.calls.calls import Calls
from common.calls.lanes import Lanes, Spacing
from common.process.trace import followed_trace
from common.protocol.errors import Refusal
from common.protocol.items import (
    AnyItem,
    AppendAnswer,
    AppendRequest,
    AppendResult,
    ChangeStored,
    DeleteItem,
    EditItem,
    MessageStored,
    ReactItem,
    Refused,
    SendItem,
    UnreactItem,
)
from edge.metrics import SEND_BATCH

MAX_BATCH_ITEMS: Final = 256
MAX_BATCH_CHARACTERS: Final = 1_048_576
# Between the beginnings of two calls, after one of 4 to 63 items: a call costs much more than one.
# Where calls are larger by themselves both cores are busy, and a pause would only leave one idle.
SPACING: Final = Spacing(pause_seconds=0.006, fewest=4, many=64, returning=True)


class Appends:
    """All items of one process."""

    def __init__(self, chats: Calls) -> None:
        self._chats = chats
        self._lanes = Lanes[AnyItem, AppendResult](
            chats.preferred,
            self._call,
            max_items=MAX_BATCH_ITEMS,
            size_of=_size,
            max_size=MAX_BATCH_CHARACTERS,
            spacing=SPACING,
        )

    async def store_message(self, item: SendItem | EditItem) -> MessageStored:
        """Raises Refusal: chats', or unavailable."""
        result = await self._append(item)
        assert isinstance(result, MessageStored)
        return result

    async def store_change(self, item: DeleteItem | ReactItem | UnreactItem) -> ChangeStored:
        """Raises Refusal: chats', or unavailable."""
        result = await self._append(item)
        assert isinstance(result, ChangeStored)
        return result

    async def _append(self, item: AnyItem) -> MessageStored | ChangeStored:
        if trace := followed_trace.get():
            item = msgspec.structs.replace(item, trace=trace)
        result = await self._lanes.fetch(item.chat, item)
        if isinstance(result, Refused):
            raise Refusal(result.code, result.detail, errors=result.errors)
        return result

    async def _call(self, chat: str, items: list[AnyItem], seconds: float) -> list[AppendResult]:
        try:
            answer = await self._chats.call(
                "append", AppendRequest(items=items), AppendAnswer, key=chat, timeout=seconds
            )
        finally:
            SEND_BATCH.observe(len(items))
        return answer.results


def _size(item: AnyItem) -> int:
    return len(item.message) if isinstance(item, SendItem | EditItem) else 0
