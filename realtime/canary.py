"""A bus that answers PING may still carry nothing to us: the node publishes to itself and listens.

It proves the whole way: the other connection that publishes, Valkey, our subscription.
"""

import asyncio
from typing import Final

from common.bus import Bus
from common.valkey import Valkey, publish

SING_SECONDS: Final = 0.5
MAX_SILENT_SONGS: Final = 2


class Canary:
    """Counts songs that were published and not heard."""

    def __init__(self, bus: Bus, valkey: Valkey, topic: str) -> None:
        self._bus = bus
        self._valkey = valkey
        self._topic = topic
        self._unheard = 0

    def hear(self, _: bytes) -> None:
        """From the bus."""
        self._unheard = 0

    async def sing(self) -> None:
        """Until cancelled. A song that could not be published proves nothing about hearing."""
        number = 0
        while True:
            await asyncio.sleep(SING_SECONDS)
            if not self._bus.is_up:
                self._unheard = 0
                continue
            number += 1
            self._unheard += 1
            if not await publish(self._valkey, self._topic, b"%d" % number):
                self._unheard = 0
            elif self._unheard >= MAX_SILENT_SONGS:
                self._unheard = 0
                self._bus.reconnect("canary not heard")
