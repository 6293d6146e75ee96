"""The circuit of a role: whether the whole role is given up, and which of its replicas are out.

A replica that fails is out, and asked last, until a probe finds it ready. The circuit opens when no
call was served for five seconds and a probe finds no replica ready; calls themselves wait out
shorter outages, such as the restart of a process. Pure; time is an argument.
"""

from collections.abc import Mapping
from typing import Final

OPEN_AFTER_SECONDS: Final = 5.0


class Circuit:
    """Of one role. Moments are seconds of a single clock of any kind."""

    def __init__(self, open_after: float = OPEN_AFTER_SECONDS) -> None:
        self._open_after = open_after
        self.out: set[str] = set()
        self.is_open = False
        self._failing_since: float | None = None

    @property
    def need_probes(self) -> bool:
        return bool(self.out) or self._failing_since is not None

    def break_off(self, replica: str, started: float) -> None:
        """A call that began at `started` was not answered: the replica is out."""
        self.out.add(replica)
        self.fail(started)

    def fail(self, started: float) -> None:
        """A call that began at `started` was not served."""
        if self._failing_since is None:
            self._failing_since = started

    def serve(self, replica: str) -> None:
        """A call was served: clears every failure that this disproves."""
        self.out.discard(replica)
        self._failing_since = None
        self.is_open = False

    def judge(self, ready: Mapping[str, bool], now: float) -> None:
        """The result of probing all replicas. Those that it does not name are gone."""
        self.out = {replica for replica in self.out if ready.get(replica) is False}
        if any(ready.values()):
            self._failing_since = None
            self.is_open = False
        elif self._failing_since is not None and now - self._failing_since >= self._open_after:
            self.is_open = True
