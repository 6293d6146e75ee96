"""Whether a second process of each role is worth its memory now. Pure.

If no process has had requests for a while, one of each is enough: it serves at once, and the others
are forked within a second when requests arrive.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from fleet.scaling.scaler import Replicas

AFTER_SECONDS: Final = 60.0  # during which every process reported to be at rest
ONE: Final = Replicas(1, 1)


class Resting:
    """`roles` are those whose number of processes the operator has not set."""

    def __init__(self, roles: Iterable[str]) -> None:
        self.roles = set(roles)
        self.has_begun = False
        self._since: float | None = None

    def judge(self, are_at_rest: bool, now: float) -> bool:
        """`are_at_rest`: all processes, at the time `now`. Returns whether something has
        changed."""
        before = self.has_begun
        if not are_at_rest:
            self._since, self.has_begun = None, False
        elif self._since is None:
            self._since = now
        elif now - self._since >= AFTER_SECONDS:
            self.has_begun = True
        return self.has_begun != before

    def bounds(self, usual: Mapping[str, Replicas]) -> dict[str, Replicas]:
        """The bounds now, if `usual` are those while the system is in use."""
        resting = self.roles if self.has_begun else ()
        return {role: ONE if role in resting else bounds for role, bounds in usual.items()}
