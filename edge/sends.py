"""Messages on their way to chats, in micro-batches. Knows nothing of HTTP."""

from common.calls.calls import Calls
from common.calls.lanes import Lanes
from common.protocol.chats import SendItem, SendResult, SendsAnswer, SendsRequest
from common.protocol.errors import Refusal
from edge.metrics import SEND_BATCH

MAX_BATCH_ITEMS = 200
MAX_BATCH_BYTES = 1_048_576


class Sends:
    """All sends of one process."""

    def __init__(self, chats: Calls) -> None:
        self._chats = chats
        self._lanes = Lanes[SendItem, SendResult](
            chats.preferred,
            self._call,
            max_items=MAX_BATCH_ITEMS,
            size_of=lambda item: len(item.message),
            max_size=MAX_BATCH_BYTES,
        )

    async def send(self, item: SendItem) -> SendResult:
        """The stored message. Raises Refusal: chats', or unavailable."""
        result = await self._lanes.fetch(item.chat, item)
        if result.code:
            raise Refusal(result.code, result.detail)
        return result

    async def _call(self, chat: str, items: list[SendItem], seconds: float) -> list[SendResult]:
        SEND_BATCH.observe(len(items))
        answer = await self._chats.call(
            "send", SendsRequest(items=items), SendsAnswer, key=chat, timeout=seconds
        )
        return answer.results
