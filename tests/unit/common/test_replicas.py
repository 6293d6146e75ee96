"""Which replica serves a key."""

from weakref import ref

from common.calls.replicas import MAX_KEPT_CHARACTERS, MAX_KEPT_KEYS, Replicas

KEYS = [f"key {number}" for number in range(MAX_KEPT_KEYS + 1)]  # more than are cached


def test_only_the_keys_of_a_replica_that_is_gone_move() -> None:
    """All others stay where they are, and all return when it is back."""
    replicas = Replicas("role", ())
    replicas.replace_leased(("a:1", "b:1", "c:1"))
    before = [replicas.ranked(key) for key in KEYS]
    assert {order[0] for order in before} == {"a:1", "b:1", "c:1"}
    replicas.replace_leased(("a:1", "c:1"))
    for key, order in zip(KEYS, before, strict=True):
        assert replicas.ranked(key) == [address for address in order if address != "b:1"]
    replicas.replace_leased(("a:1", "b:1", "c:1"))
    assert [replicas.ranked(key) for key in KEYS] == before


class Key(str):
    """A key that can be weakly referenced, to check that nothing holds it."""


def test_keys_that_are_no_ids_names_or_tokens_are_not_held() -> None:
    """A client chooses the name with which it logs in, and the token that it refreshes."""
    replicas = Replicas("role", ("a:1", "b:1", "c:1"))
    key = Key("x" * (MAX_KEPT_CHARACTERS + 1))
    held = ref(key)
    order = replicas.ranked(key)
    assert sorted(order) == ["a:1", "b:1", "c:1"]
    assert replicas.ranked(str(key)) == order
    del key
    assert held() is None
