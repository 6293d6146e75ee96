"""Typing notices: ephemeral, at most one a second per user and chat, published in batches."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec

from common.protocol.frames import SomebodyTyping
from common.valkey.rates import Buckets, Rate
from common.valkey.valkey import Valkey
from realtime.counters import Counters

TYPING_A_CHAT: Final = Rate(per_second=1, burst=1)
MAX_UNPUBLISHED: Final = 1_000

_encode = msgspec.json.Encoder().encode


class Typists:
    """Publishes notices within the rate; those that arrive while one batch is published are the
    next one."""

    def __init__(
        self,
        valkey: Valkey,
        rate_factor: int,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._valkey = valkey
        self._buckets = Buckets()
        self._rate = TYPING_A_CHAT.times(rate_factor)
        self._counters = counters
        self._clock = clock
        self._unpublished: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    def type(self, user: str, chat: str) -> bool:
        """Whether it was accepted; the caller has checked that the user is in the chat."""
        if not self._buckets.take(f"{user}:{chat}", self._rate, self._clock()).allowed:
            return False
        if len(self._unpublished) >= MAX_UNPUBLISHED:
            self._counters.drop("typing not published")
            return True
        frame = _encode(SomebodyTyping(chat=chat, user=user))
        self._unpublished.append((self._valkey.topics.typing(chat), frame))
        self._news.set()
        return True

    async def publish(self) -> None:
        """Publishes until cancelled; without Valkey notices are lost, which is allowed."""
        while True:
            await self._news.wait()
            self._news.clear()
            messages, self._unpublished = self._unpublished, []
            if await self._valkey.publish(messages) is None:
                self._counters.drop("typing not published", len(messages))
