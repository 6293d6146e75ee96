"""Circuits: which replicas of a role are out, and whether the whole role is given up for now.

A replica that breaks is out, asked last, until a probe finds it ready. A role is given up when no
call was served for five seconds and a probe finds no replica ready; shorter outages, such as the
restart of a process, are waited out by the calls themselves. Pure; time is an argument.
"""

from collections.abc import Mapping
from typing import Final

OPEN_AFTER_SECONDS: Final = 5.0


class Circuits:
    """The circuits of one role. Moments are in seconds of any one clock."""

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
        """A call was served: that closes everything it proves wrong."""
        self.out.discard(replica)
        self._failing_since = None
        self.is_open = False

    def judge(self, ready: Mapping[str, bool], now: float) -> None:
        """What a probe of all replicas found. Those that it does not name are gone."""
        self.out = {replica for replica in self.out if ready.get(replica) is False}
        if any(ready.values()):
            self._failing_since = None
            self.is_open = False
        elif self._failing_since is not None and now - self._failing_since >= self._open_after:
            self.is_open = True
