"""The hash ring: which node replaces which, and how few keys move."""

from common.protocol.ids import new_id
from edge.cache.ring import Ring

KEYS = [f"person:{new_id()}" for _ in range(5_000)]
NODES = ["cache-1:6379", "cache-2:6379", "cache-3:6379"]


def share_moved(before: Ring, after: Ring) -> float:
    moved = sum(before.nodes_of(key)[0] != after.nodes_of(key)[0] for key in KEYS)
    return moved / len(KEYS)


def test_a_node_that_goes_moves_its_own_keys_only() -> None:
    """All other keys stay; a key that moves goes to the node that was next in its order."""
    whole = Ring(NODES)
    for gone in NODES:
        rest = Ring(node for node in NODES if node != gone)
        assert share_moved(whole, rest) <= 1 / 3 + 0.05
        for key in KEYS:
            first, second, _ = whole.nodes_of(key)
            assert rest.nodes_of(key)[0] == (second if first == gone else first)


def test_a_node_that_comes_takes_its_share_only() -> None:
    """Of four nodes the fourth has a quarter, and nothing moves between the others."""
    before, after = Ring(NODES), Ring([*NODES, "cache-4:6379"])
    assert 0.25 - 0.05 <= share_moved(before, after) <= 0.25 + 0.05
    for key in KEYS:
        assert after.nodes_of(key)[0] in ("cache-4:6379", before.nodes_of(key)[0])


def test_all_nodes_stand_in_for_each_other() -> None:
    """A key's order has every node once and does not depend on the order of the given nodes."""
    ring, backwards = Ring(NODES), Ring(reversed(NODES))
    for key in KEYS[:100]:
        assert sorted(ring.nodes_of(key)) == NODES
        assert backwards.nodes_of(key) == ring.nodes_of(key)


def test_a_ring_without_nodes_has_none_for_a_key() -> None:
    """Without cache nodes no special case is needed."""
    assert Ring([]).nodes_of("person:x") == ()
