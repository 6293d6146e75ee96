"""How many sockets a node accepts: in all, per address, per user. Pure, exact, per node.

An address is what `network_of` returns: a whole /64 of IPv6 is one.
"""

import logging
from collections import Counter

from common.process.logs import log
from common.protocol.errors import Refusal


class Admission:
    """Counts open sockets. `is_draining` refuses new ones."""

    def __init__(self, *, max_sockets: int, max_an_address: int, max_a_user: int) -> None:
        self._max_sockets = max_sockets
        self._max_an_address = max_an_address
        self._max_a_user = max_a_user
        self._addresses: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self.sockets = 0
        self.is_draining = False

    def enter(self, address: str) -> Refusal | None:
        """Counts a socket from the address, or says why it cannot be accepted (503)."""
        if self.is_draining:
            return Refusal("unavailable", "This node is going away. Try again.", retry_after=1)
        if self.sockets >= self._max_sockets:
            return Refusal("unavailable", "This node is full. Try again soon.", retry_after=5)
        if self._addresses[address] >= self._max_an_address:
            log("address refused", level=logging.WARNING, limit="sockets", client=address)
            return Refusal("unavailable", "Too many sockets from this address.", retry_after=5)
        self.sockets += 1
        self._addresses[address] += 1
        return None

    def leave(self, address: str) -> None:
        """A socket that was counted is gone."""
        self.sockets -= 1
        _subtract(self._addresses, address)

    def enter_user(self, user: str) -> bool:
        """Counts a socket of the user, or returns False: they have as many as they may."""
        if self._users[user] >= self._max_a_user:
            return False
        self._users[user] += 1
        return True

    def leave_user(self, user: str) -> None:
        """One of the user's sockets is gone."""
        _subtract(self._users, user)


def _subtract(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
