"""Token buckets: the burst, the refill, what is refused and what is returned."""

from hypothesis import given
from hypothesis import strategies as st

from common.valkey.rates import Buckets, Rate

SENDS = Rate(10, 50)


def test_a_burst_and_not_one_more() -> None:
    """A full bucket allows its burst at once; the next is refused with a second to wait."""
    buckets = Buckets()
    taken = [buckets.take("a", SENDS, 0.0) for _ in range(51)]
    assert [verdict.allowed for verdict in taken] == [True] * 50 + [False]
    assert [verdict.remaining for verdict in taken] == [*range(49, -1, -1), 0]
    assert (taken[-1].limit, taken[-1].retry_after, taken[-1].reset) == (50, 1, 5)


def test_tokens_flow_back() -> None:
    """After an empty bucket one second refills as many as the rate says."""
    buckets = Buckets()
    for _ in range(50):
        buckets.take("a", SENDS, 0.0)
    assert [buckets.take("a", SENDS, 1.0).allowed for _ in range(11)] == [True] * 10 + [False]


def test_a_slow_rate_says_how_long_to_wait() -> None:
    """Ten a minute: the eleventh waits six seconds."""
    buckets, rate = Buckets(), Rate(10 / 60, 10)
    for _ in range(10):
        assert buckets.take("a", rate, 0.0).allowed
    assert buckets.take("a", rate, 0.0).retry_after == 6
    assert not buckets.take("a", rate, 5.9).allowed
    assert buckets.take("a", rate, 6.0).allowed


def test_keys_do_not_share() -> None:
    """One key's bucket does not affect another's."""
    buckets, rate = Buckets(), Rate(1, 1)
    assert buckets.take("a", rate, 0.0).allowed
    assert buckets.take("b", rate, 0.0).allowed


def test_the_number_of_buckets_is_bounded() -> None:
    """A flood of keys evicts the oldest."""
    buckets, rate = Buckets(max_buckets=3), Rate(1, 1)
    for key in "abcd":
        buckets.take(key, rate, 0.0)
    assert buckets.take("a", rate, 0.0).allowed
    assert not buckets.take("d", rate, 0.0).allowed


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_no_window_gives_more_than_burst_and_flow(gaps: list[float]) -> None:
    """Whenever they are requested, at most burst + rate x time are granted."""
    buckets, rate = Buckets(), Rate(5, 10)
    now, given_out = 0.0, 0
    for gap in gaps:
        now += gap
        given_out += buckets.take("a", rate, now).allowed
    assert given_out <= rate.burst + rate.per_second * now + 1e-3
