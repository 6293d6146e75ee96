"""Whatever the bus does to payloads, a stream emits every event once and in order."""

from hypothesis import given
from hypothesis import strategies as st

from common.protocol.chats import Control
from common.protocol.payload import Payload
from realtime.fan_out.stream import MAX_EARLY_PAYLOADS, Stream, after


def payload(first: int, size: int) -> Payload:
    """Consecutive events, each a line with its seq; every third has a control entry."""
    seqs = range(first, first + size)
    controls = [Control(seq=s, action="leave", users=[]) for s in seqs if s % 3 == 0]
    return Payload(first, size, controls, b"\n".join(b"%d" % s for s in seqs))


def seqs_of(payloads: list[Payload]) -> list[int]:
    return [int(line) for p in payloads for line in p.text.split(b"\n")]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[int, int, list[Payload]]:
    """A head, the log's end, and payloads cut from the log: duplicated, lost, late, in any order,
    and cut differently by different publishers."""
    head = draw(st.integers(0, 20))
    end = head + draw(st.integers(1, 40))
    cuts = st.tuples(st.integers(max(1, head - 5), end), st.integers(1, 8))
    pieces = draw(st.lists(cuts, max_size=40))
    return head, end, [payload(f, min(n, end - f + 1)) for f, n in pieces]


@given(arrivals())
def test_what_comes_out_is_dense_and_in_order(case: tuple[int, int, list[Payload]]) -> None:
    """From the head on, each seq once, with its own control entries; a slice fills every gap."""
    head, end, payloads = case
    stream = Stream(head)
    given_out: list[Payload] = []
    newest = head
    for one in payloads:
        is_next = not one.controls and stream.follow(one.first, one.size)
        given_out += [one] if is_next else stream.offer(one)
        newest = max(newest, one.first + one.size - 1)
        assert stream.head == head + len(seqs_of(given_out))
        assert stream.known == newest
    stream.learn(end)
    assert stream.is_behind == (stream.head < end)
    if stream.is_behind:
        given_out += stream.offer(payload(stream.head + 1, end - stream.head))
    assert seqs_of(given_out) == list(range(head + 1, end + 1))
    controls = [control.seq for p in given_out for control in p.controls]
    assert controls == [seq for seq in range(head + 1, end + 1) if seq % 3 == 0]
    assert not stream.is_behind


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 80))
def test_the_part_above_a_seq(first: int, size: int, seq: int) -> None:
    """Trimming keeps events and control entries above the seq, and only those."""
    if seq < first + size - 1:
        rest = after(payload(first, size), seq)
        assert seqs_of([rest]) == [s for s in range(first, first + size) if s > seq]
        assert all(control.seq > seq for control in rest.controls)
        assert rest.first == max(first, seq + 1)


def test_what_waits_for_a_gap_is_bounded() -> None:
    """Payloads beyond the bound are dropped, but the stream knows that they exist."""
    stream = Stream(0)
    for first in range(2, MAX_EARLY_PAYLOADS + 100):
        assert stream.offer(payload(first, 1)) == ()
    assert stream.known == MAX_EARLY_PAYLOADS + 99
    due = list(stream.offer(payload(1, 1)))
    assert seqs_of(due) == list(range(1, MAX_EARLY_PAYLOADS + 2))
    assert stream.is_behind


def test_a_wrong_rumour_is_settled_by_the_log() -> None:
    """If the chat's log has no more events, contrary to what the stream was told, nothing is
    missing."""
    stream = Stream(5)
    assert stream.learn(9)
    stream.settle(5, 9)
    assert not stream.is_behind
    stream.learn(9)
    stream.settle(7, 9)  # two more exist and must be fetched
    assert stream.is_behind


def test_what_is_learned_while_an_answer_travels_outlives_it() -> None:
    """A log read before an event was committed proves nothing about that event."""
    stream = Stream(9)
    stream.learn(11)
    asked = stream.known
    stream.learn(12)
    stream.offer(payload(10, 2))
    stream.settle(11, asked)
    assert stream.is_behind


@given(arrivals(), st.data())
def test_no_event_waits_without_a_gap_that_is_known(
    case: tuple[int, int, list[Payload]], data: st.DataObject
) -> None:
    """Answers read from the log earlier arrive at any time: an event that waits behind a gap keeps
    the stream behind, so that the gap is fetched."""
    head, _, payloads = case
    stream = Stream(head)
    given_out: list[Payload] = []
    answer: tuple[int, int, int] | None = None  # our head and known seq when asked; the log's end
    committed = head
    for one in payloads:
        committed = max(committed, one.first + one.size - 1)
        is_next = not one.controls and stream.follow(one.first, one.size)
        given_out += [one] if is_next else stream.offer(one)
        if answer is None and data.draw(st.booleans()):
            answer = stream.head, stream.known, committed
        elif answer is not None and data.draw(st.booleans()):
            asked_after, known, last = answer
            answer = None
            if last > asked_after:
                given_out += stream.offer(payload(asked_after + 1, last - asked_after))
            stream.settle(last, known)
        assert stream.is_behind == (stream.head < committed)
    if stream.is_behind:
        given_out += stream.offer(payload(stream.head + 1, committed - stream.head))
    assert seqs_of(given_out) == list(range(head + 1, committed + 1))
