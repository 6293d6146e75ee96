"""Micro-batches of messages: what piled up while the last `send` to a replica ran is the next one.

No timer: a message that finds its replica's lane idle leaves at once. Knows nothing of HTTP.
"""

import asyncio
import time

from common.calls import DEADLINE_SECONDS, Calls
from common.errors import Refusal, unavailable
from common.logs import current_trace, log
from common.protocol.chats import SendItem, SendResult, SendsAnswer, SendsRequest
from edge.metrics import SEND_BATCH

MAX_BATCH_ITEMS = 200
MAX_BATCH_BYTES = 1_048_576
MAX_WAITING_ITEMS = 10_000  # more than that would not be sent within their 5 s


class _Waiting:
    __slots__ = ("deadline", "done", "item", "trace")

    def __init__(self, item: SendItem, done: "asyncio.Future[SendResult]") -> None:
        self.item = item
        self.done = done
        self.trace = current_trace.get()
        self.deadline = time.monotonic() + DEADLINE_SECONDS


class Sends:
    """One lane for each replica of chats; a lane has one call under way at a time."""

    def __init__(self, chats: Calls) -> None:
        self._chats = chats
        self._lanes: dict[str, list[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def send(self, item: SendItem) -> SendResult:
        """The stored message. Raises Refusal: chats', or unavailable."""
        if self._waiting >= MAX_WAITING_ITEMS:
            raise unavailable()
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        replica = self._chats.preferred(item.chat)
        lane = self._lanes.get(replica)
        if lane is None:
            self._lanes[replica] = [waiting]
            task = asyncio.create_task(self._run_lane(replica))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            lane.append(waiting)
        self._waiting += 1
        try:
            result = await waiting.done
        finally:
            self._waiting -= 1
        if result.code:
            raise Refusal(result.code, result.detail)
        return result

    async def _run_lane(self, replica: str) -> None:
        """Sends until nothing waits; the lane goes with its last batch."""
        lane = self._lanes[replica]
        try:
            while lane:
                await self._send_batch(_take_batch(lane))
        finally:
            del self._lanes[replica]
            for waiting in lane:
                waiting.done.cancel()

    async def _send_batch(self, batch: list[_Waiting]) -> None:
        SEND_BATCH.observe(len(batch))
        current_trace.set(batch[0].trace)
        if len(batch) > 1:
            log("batch", traces=[waiting.trace for waiting in batch])
        left = min(waiting.deadline for waiting in batch) - time.monotonic()
        try:
            answer = await self._chats.call(
                "send",
                SendsRequest(items=[waiting.item for waiting in batch]),
                SendsAnswer,
                key=batch[0].item.chat,
                timeout=max(left, 0.0),
            )
        except Exception as error:  # whatever it is, everybody who waits must hear it
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        for waiting, result in zip(batch, answer.results, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(result)


def _take_batch(lane: list[_Waiting]) -> list[_Waiting]:
    """The oldest of what waits, within the bounds of a request."""
    size = 0
    for count, waiting in enumerate(lane):
        size += len(waiting.item.message)
        if count == MAX_BATCH_ITEMS or (count and size > MAX_BATCH_BYTES):
            break
    else:
        count = len(lane)
    batch, lane[:] = lane[:count], lane[count:]
    return batch
