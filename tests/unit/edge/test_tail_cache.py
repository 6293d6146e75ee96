"""The cache of a chat's newest messages: its pages equal those of history, whatever events come."""

from typing import Any, NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from common.protocol.fold import fold
from edge.cache.tail import MAX_KEPT, Tail, begin_tail

MINIMUM = 51
KINDS = ("message.edited", "message.deleted", "reaction.added", "reaction.removed", "chat.updated")


class Step(NamedTuple):
    """A number of messages, then events about messages that far back, then a read."""

    messages: int
    changes: list[tuple[str, int]]
    limit: int


steps = st.builds(
    Step,
    st.integers(0, 130),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 140)), max_size=60),
    st.integers(1, 100),
)


class Chat:
    """A log that answers like the chats service."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, of: int = 0) -> None:
        seq = len(self.events) + 1
        event = {"type": kind, "chat": "c", "seq": seq, "at": f"t{seq}", "by": "ann"}
        if kind == "message":
            event |= {"messageId": f"m{seq}", "message": f"text {seq}"}
        elif kind != "chat.updated":
            event |= {"messageId": f"m{of}", "of": of, "message": f"edit {seq}", "emoji": "👍"}
        self.events.append(event)

    def add_change(self, kind: str, back: int) -> None:
        seqs = [event["seq"] for event in self.events if event["type"] == "message"]
        if len(seqs) > back:
            self.add(kind, seqs[-1 - back])

    def history(self) -> list[Any]:
        return list(fold({}, self.events).values())[::-1]

    def about_messages(self, after: int, amount: int) -> list[bytes]:
        events = [e for e in self.events[after:] if e["type"] != "chat.updated"]
        return [msgspec.json.encode(event) for event in events[:amount]]


def read(chat: Chat, tail: Tail, limit: int) -> tuple[Tail, Any]:
    """Reads like edge/reads.py, with an answer that is available."""
    amount, head = max(limit + 1, MINIMUM), len(chat.events)
    if tail.seq:
        events = chat.about_messages(tail.seq, amount)
        followed = tail.follow(head, events)
        if len(events) < amount and (page := followed.page(limit)) is not None:
            return followed, page
    newest = [msgspec.json.encode(message) for message in chat.history()[:amount]]
    tail = begin_tail("e", head, newest, amount)
    return tail, tail.page(limit)


@given(st.lists(steps, max_size=6))
def test_every_page_is_the_page_of_history(steps: list[Step]) -> None:
    """Messages, and events about old and new ones, arrive between reads of any page size."""
    chat, tail = Chat(), Tail()
    chat.add("chat.updated")
    for messages, changes, limit in steps:
        for _ in range(messages):
            chat.add("message")
        for kind, back in changes:
            chat.add_change(kind, back)
        tail, page = read(chat, tail, limit)
        assert page is not None
        shown, more = page
        history = chat.history()
        assert msgspec.json.decode(b"[%b]" % shown) == history[:limit]
        assert more == (len(history) > limit)
        assert len(tail.ends) <= MAX_KEPT
