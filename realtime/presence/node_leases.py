"""Which nodes are alive: each renews a lease in Valkey and looks at those of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from common.valkey.valkey import Valkey
from realtime.presence.telling import LEASE_MS, ROLE

BEAT_SECONDS: Final = 2.5
# A node that died did so, at the latest, when its next beat was due, with some delay: so long
# before its lease ran out.
GONE_MS: Final = LEASE_MS - 3_000
REMEMBERED_MS: Final = 60_000  # expired leases


class NodeLeases:
    """`renew` renews this node's lease. `tell` gets the dead nodes, with the moment of `now` since
    when each is, and whether one that was dead is back."""

    def __init__(
        self,
        node: str,
        valkey: Valkey,
        renew: Callable[[], Awaitable[object]],
        tell: Callable[[Mapping[str, float], bool], None],
        now: Callable[[], float],
    ) -> None:
        self._node = node
        self._valkey = valkey
        self._renew = renew
        self._tell = tell
        self._now = now
        self._next_beat = 0.0
        self._beating = asyncio.Lock()
        self._up_at = float("-inf")  # when Valkey came up again after it was down
        self._judges_from = 0.0  # until then an expired lease proves nothing
        self._ends: dict[str, int] = {}  # by node, in ms of Valkey's clock
        # By node, when it died if it does not renew this lease. Computed when the lease is first
        # seen: Valkey's clock may be set, and goes on while that of a suspended machine's processes
        # stands still.
        self._gone_at: dict[str, float] = {}
        self._dead: dict[str, float] = {}  # by node, since when

    @property
    def others(self) -> list[str]:
        """Nodes that have a lease, or had one a moment ago."""
        return [node for node in self._ends if node != self._node]

    @property
    def is_due(self) -> bool:
        return self._now() >= self._next_beat

    def start_over(self, *, again: bool) -> None:
        """Valkey is up; if `again`, nodes that could not renew their leases are still alive."""
        if again:
            self._up_at = self._now()
            self._judges_from = self._up_at + 2 * BEAT_SECONDS
        self._next_beat = 0.0

    async def beat(self) -> None:
        """Shows that this node is alive, and checks which others are, unless that was done
        recently; waits for a check that is already in progress."""
        async with self._beating:
            if self.is_due:
                self._next_beat = self._now() + BEAT_SECONDS
                await self._renew()
                await self._look()

    async def _look(self) -> None:
        found = await self._valkey.list_lease_ends(ROLE, REMEMBERED_MS)
        if found is None:
            return
        now, now_ms = self._now(), found.now_ms
        for node, end in found.ends.items():
            if self._ends.get(node) != end:
                self._gone_at[node] = now + (end - GONE_MS - now_ms) / 1000
        self._ends |= found.ends
        self._ends = {
            node: end for node, end in self._ends.items() if end > now_ms - 2 * REMEMBERED_MS
        }
        self._gone_at = {node: self._gone_at[node] for node in self._ends}
        if self._now() >= self._judges_from:
            before, self._dead = self._dead, self._find_dead(now_ms)
            is_back = any(self._ends.get(node, 0) >= now_ms for node in before)
            self._tell(self._dead, is_back)

    def _find_dead(self, now_ms: int) -> dict[str, float]:
        """Nodes whose lease has expired, and that could renew it since Valkey is back."""
        dead: dict[str, float] = {}
        for node in self.others:
            if self._ends[node] < now_ms:
                dead[node] = self._dead.get(node, max(self._up_at, self._gone_at[node]))
        return dead
