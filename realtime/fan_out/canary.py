"""Two canaries. One proves that the bus delivers, the other that messages flow.

A bus that answers PING may still deliver nothing to us, so the node publishes to itself and
listens, twice a second. And every second it has chats commit a canary, which must come back the way
that events come: from the outbox, over the bus, through the relay. A node without sockets does both
less often.
"""

import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID, uuid5

from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal
from common.protocol.payload import unpack
from common.valkey.valkey import Valkey
from realtime.counters import Counters

BUS_SECONDS: Final = 0.5
MAX_UNHEARD: Final = 2
FLOW_SECONDS: Final = 1.0
AT_REST_SECONDS: Final = 10.0  # alerts and the doctor look after 15
MAX_AWAITED: Final = 20
_NAMES: Final = UUID("5b0c6d5e-8a1f-5c58-9d7c-3a4f1d0f7a11")  # any constant; derives ids from names


class BusCanary:
    """Counts what was published and not received."""

    def __init__(self, valkey: Valkey, topic: str, rest: Rest = NEVER) -> None:
        self._rest = rest
        self._bus = valkey.bus
        self._valkey = valkey
        self._topic = topic
        self._unheard = 0

    def hear(self, _: bytes) -> None:
        """From the bus."""
        self._unheard = 0

    async def run(self) -> None:
        """Until cancelled. If publishing fails, nothing is known about receiving."""
        number = 0
        while True:
            await self._rest.pause(BUS_SECONDS)
            if not self._bus.is_up:
                self._unheard = 0
                continue
            number += 1
            self._unheard += 1
            if await self._valkey.publish([(self._topic, b"%d" % number)]) is None:
                self._unheard = 0
            elif self._unheard >= MAX_UNHEARD:
                self._unheard = 0
                self._bus.reconnect("canary not heard")


class FlowCanary:
    """`commit` has chats commit (canary, number), and raises Refusal on failure."""

    def __init__(
        self,
        node: str,
        commit: Callable[[str, int], Awaitable[None]],
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
        rest: Rest = NEVER,
    ) -> None:
        self._rest = rest
        self.id = str(uuid5(_NAMES, node))
        self._commit = commit
        self._counters = counters
        self._clock = clock
        self._sent_at: dict[int, float] = {}  # by number, of those that have not arrived yet
        self._heard_at = clock()
        self.last_seconds = 0.0
        self.awaited_since: float | None = None
        """When the oldest canary was committed that has not arrived."""

    @property
    def silent_seconds(self) -> float:
        """Since the last canary came back, or since the start."""
        return self._clock() - self._heard_at

    def describe(self) -> dict[str, Any]:
        """A detail of /health/ready."""
        return {
            "canary": {
                "lastSeconds": round(self.last_seconds, 4),
                "silentSeconds": round(self.silent_seconds, 1),
            }
        }

    def hear(self, data: bytes) -> None:
        """From the bus. A node of the same name may have one too: unknown numbers are not ours."""
        try:
            heard = unpack(data).first
        except struct.error:
            self._counters.drop("bad notice")
            return
        if heard not in self._sent_at:
            return
        self.awaited_since = None  # older ones may be lost, but messages flow
        self._heard_at = self._clock()
        self.last_seconds = self._heard_at - self._sent_at[heard]
        # A canary that Valkey did not accept at once never arrives: the sweep finds none in the
        # log. An event in its place would have arrived by now: a later one shows that it is
        # missing.
        for number in [one for one in self._sent_at if one <= heard]:
            self._counters.canary_times.note(self._heard_at - self._sent_at.pop(number))

    async def run(self) -> None:
        """Until cancelled."""
        number = 0
        while True:
            # Higher than all before a restart, so that the outbox considers it newer.
            number = max(number + 1, int(time.time() * 1000))
            self._sent_at[number] = self._clock()
            if len(self._sent_at) > MAX_AWAITED:
                del self._sent_at[next(iter(self._sent_at))]
            try:
                await self._commit(self.id, number)
            except Refusal:
                self._counters.canaries_refused += 1
                self._sent_at.pop(number, None)  # a refused one will not come back
            else:
                if number in self._sent_at and self.awaited_since is None:
                    self.awaited_since = self._clock()
            await self._rest.pause(FLOW_SECONDS, AT_REST_SECONDS)
