"""The in-memory cache of an edge: bounded in size and time."""

from common.process.memory_cache import MemoryCache


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_not_used_for_longest_goes_first() -> None:
    """A value that was read outlives those that were not."""
    memory = MemoryCache(max_bytes=3_000)
    for key in ("a", "b"):
        memory.put(key, key, 1_000, 60)
    assert memory.get("a") == "a"
    memory.put("c", "c", 1_000, 60)
    assert [memory.get(key) for key in ("a", "b", "c")] == ["a", None, "c"]


def test_its_size_stays_within_its_bound() -> None:
    """However much is added, replaced, or too large for it."""
    memory = MemoryCache(max_bytes=10_000)
    for number in range(500):
        memory.put(f"{number % 37}", number, 17 * number, 60)
        assert 0 <= memory.size <= 10_000


def test_a_value_ends_with_its_time() -> None:
    """It is there until then and not after, and frees its space."""
    clock = Clock()
    memory = MemoryCache(max_bytes=10_000, clock=clock)
    memory.put("a", "a", 10, seconds=5)
    clock.now = 4.9
    assert memory.get("a") == "a"
    clock.now = 5.1
    assert memory.get("a") is None
    assert memory.size == 0
