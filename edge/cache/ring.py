"""A consistent-hash ring: which nodes a key belongs to, in the order in which they replace each
other. Pure.

Each node has many points on the ring, so that the keys of a removed node are spread over all others
and no other key moves (Karger et al., 1997).
"""

from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

POINTS_A_NODE: Final = 160  # shares of three nodes then differ by about a tenth


class Ring:
    """Nodes by name; the points of a name are the same in every process."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._nodes = tuple(dict.fromkeys(nodes))
        points = sorted(
            (_place(f"{node} {number}"), node)
            for node in self._nodes
            for number in range(POINTS_A_NODE)
        )
        self._places = [place for place, _ in points]
        owners = [node for _, node in points]
        self._orders = [self._order_from(owners, start) for start in range(len(owners))]

    def nodes_of(self, key: str) -> tuple[str, ...]:
        """All nodes: the key's own first, then the next ones around the ring."""
        if not self._places:
            return ()
        return self._orders[bisect_left(self._places, _place(key)) % len(self._places)]

    def _order_from(self, owners: list[str], start: int) -> tuple[str, ...]:
        order: dict[str, None] = {}
        for step in range(len(owners)):
            order[owners[(start + step) % len(owners)]] = None
            if len(order) == len(self._nodes):
                break
        return tuple(order)


def _place(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
