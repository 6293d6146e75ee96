"""Whether what chats publishes arrives here, judged by messages that should arrive all the time.
Pure.

A connection that is up proves little: chats may be cut off from Valkey while we are not, or Valkey
may accept what is published and not deliver it. So every chats replica publishes a digest each
second, and this node has chats publish a canary each second; if either stops, chats is polled. A
replica at rest announces that its digests are rarer.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal

Reason = Literal["bus_down", "digest_missing", "canary_missing"]
REASONS: Final[tuple[Reason, ...]] = ("bus_down", "digest_missing", "canary_missing")
EVERY_SECONDS: Final = 1.0
MAX_EVERY_SECONDS: Final = 2.0  # whatever a replica says: a poll covers the last 5 s
MAX_LATE_SECONDS: Final = 1.5


class BusWatch:
    """What was received, and when; times before the bus came up are ignored."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._up_since: float | None = None
        self._known_since: dict[str, float] = {}  # replicas, by the address of their lease
        self._heard_at: dict[str, float] = {}  # the last digest of each
        self._every: dict[str, float] = {}  # and when the next is due after it
        self._any_heard_at = 0.0

    def notice_bus(self, is_up: bool) -> None:
        """The connection to Valkey came up or was lost."""
        self._up_since = self._clock() if is_up else None

    def notice_digest(self, replica: str, every_seconds: float = EVERY_SECONDS) -> None:
        """A digest arrived over the bus."""
        self._any_heard_at = self._heard_at[replica] = self._clock()
        self._every[replica] = min(every_seconds, MAX_EVERY_SECONDS)

    @property
    def longest_silence(self) -> float:
        """For how long a replica may be silent without a reason to poll."""
        return self._longest_every + MAX_LATE_SECONDS

    @property
    def _longest_every(self) -> float:
        return max(self._every.values(), default=EVERY_SECONDS)

    def reasons(
        self, replicas: Sequence[str], canary_awaited_since: float | None
    ) -> frozenset[Reason]:
        """Why chats has to be polled; empty if it need not be. `replicas` are those whose lease
        holds; `canary_awaited_since` is when the missing canary was committed."""
        now = self._clock()
        self._keep_known(replicas, now)
        if self._up_since is None:
            return frozenset({"bus_down"})
        found: set[Reason] = set()
        if replicas:
            is_digest_missing = any(self._is_silent(replica, now) for replica in replicas)
        else:  # those that cannot reach Valkey cannot renew their leases either
            is_digest_missing = self._is_late(self._any_heard_at, now, self._longest_every)
        if is_digest_missing:
            found.add("digest_missing")
        if canary_awaited_since is not None and self._is_late(canary_awaited_since, now):
            found.add("canary_missing")
        return frozenset(found)

    def _is_silent(self, replica: str, now: float) -> bool:
        since = max(self._heard_at.get(replica, 0.0), self._known_since[replica])
        return self._is_late(since, now, self._every.get(replica, EVERY_SECONDS))

    def _is_late(self, since: float, now: float, every: float = EVERY_SECONDS) -> bool:
        """Whether something that is due `every` seconds, the last time at `since`, is missing."""
        assert self._up_since is not None
        return now - max(since, self._up_since) > every + MAX_LATE_SECONDS

    def _keep_known(self, replicas: Sequence[str], now: float) -> None:
        self._known_since = {r: self._known_since.get(r, now) for r in replicas}
        self._heard_at = {r: at for r, at in self._heard_at.items() if r in self._known_since}
        self._every = {r: every for r, every in self._every.items() if r in self._known_since}
