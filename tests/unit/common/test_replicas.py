"""Which replica serves a key."""

from common.calls.replicas import MAX_KEPT_KEYS, Replicas

KEYS = [f"key {number}" for number in range(MAX_KEPT_KEYS + 1)]  # more than are remembered


def test_only_the_keys_of_a_replica_that_is_gone_move() -> None:
    """All others stay where they are, and all are as before when it is back."""
    replicas = Replicas("role", ())
    replicas.replace_leased(("a:1", "b:1", "c:1"))
    before = [replicas.ranked(key) for key in KEYS]
    assert {order[0] for order in before} == {"a:1", "b:1", "c:1"}
    replicas.replace_leased(("a:1", "c:1"))
    for key, order in zip(KEYS, before, strict=True):
        assert replicas.ranked(key) == [address for address in order if address != "b:1"]
    replicas.replace_leased(("a:1", "b:1", "c:1"))
    assert [replicas.ranked(key) for key in KEYS] == before
