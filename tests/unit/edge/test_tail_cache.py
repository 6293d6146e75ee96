"""The newest messages of a chat: however it is told of them, its pages are the log's."""

from hypothesis import given
from hypothesis import strategies as st

from edge.cache.tail import MAX_KEPT, Tail

MINIMUM = 51


def newest_above(log: list[int], after: int, amount: int) -> list[bytes]:
    return [b"%d" % seq for seq in reversed(log) if seq > after][:amount]


@given(st.lists(st.tuples(st.integers(0, 130), st.integers(0, 3), st.integers(1, 100)), max_size=8))
def test_every_page_is_the_page_of_the_log(steps: list[tuple[int, int, int]]) -> None:
    """Messages and other events come in between reads of any page size; a page that is held too
    short is asked for anew."""
    log: list[int] = []  # seqs of messages
    head = 0
    tail = Tail()
    for messages, others, limit in steps:
        head += others
        log += range(head + 1, head + messages + 1)
        head += messages
        amount = max(limit + 1, MINIMUM)
        read = tail.extend("e", head, newest_above(log, tail.seq, amount), amount)
        page = read.page(limit)
        if page is None:
            read = Tail().extend("e", head, newest_above(log, 0, amount), amount)
            page = read.page(limit)
        expected = newest_above(log, 0, limit + 1)
        assert page == (tuple(expected[:limit]), len(expected) > limit)
        assert len(read.messages) <= MAX_KEPT
        tail = read
