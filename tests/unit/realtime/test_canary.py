"""What canary times say about messages that were late, lost or refused."""

import asyncio

import pytest

from common.process.tasks import stop
from common.protocol.errors import unavailable
from common.protocol.payload import pack
from realtime.counters import Counters
from realtime.fan_out import canary
from realtime.fan_out.canary import FlowCanary


class Watched:
    """A canary on a separate clock, whose messages arrive when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[int] = []
        self.is_refusing = False
        self.counters = Counters()
        self.canary = FlowCanary("node", self._commit, self.counters, lambda: self.now)

    async def _commit(self, _: str, number: int) -> None:
        self.sent.append(number)
        if self.is_refusing:
            raise unavailable()

    async def until_sent(self, count: int) -> None:
        while len(self.sent) < count:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0)

    def hear(self, number: int) -> None:
        self.canary.hear(pack(number, [b"{}"], []))

    @property
    def slow(self) -> tuple[int, int]:
        """How many took longer than half a second, and the total."""
        counts = dict(self.counters.canary_times.buckets)
        return int(counts["+Inf"] - counts["0.5"]), int(counts["+Inf"])


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "FLOW_SECONDS", 0)


async def test_one_that_never_came_is_as_late_as_the_next_that_did() -> None:
    """On an unstable bus some never arrive; it must not look faster for that."""
    watched = Watched()
    running = asyncio.ensure_future(watched.canary.run())
    await watched.until_sent(2)
    watched.now += 3
    await watched.until_sent(3)
    await stop([running])
    first, second, third, *_ = watched.sent
    watched.hear(third)
    assert watched.slow == (2, 3)
    watched.hear(first)
    watched.hear(second)
    assert watched.slow == (2, 3)
    assert watched.canary.silent_seconds == 0


async def test_nobody_waits_for_what_was_refused() -> None:
    """The sender knows about it; it is not late."""
    watched = Watched()
    watched.is_refusing = True
    running = asyncio.ensure_future(watched.canary.run())
    await watched.until_sent(5)
    watched.now += 3
    watched.is_refusing = False
    count = len(watched.sent)
    await watched.until_sent(count + 2)
    await stop([running])
    assert watched.counters.canaries_refused == 5
    watched.hear(watched.sent[count + 1])
    assert watched.slow == (0, 2)
