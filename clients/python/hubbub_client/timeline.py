"""The newest messages of one chat, each in its current state, without gaps. Pure.

Events arrive in the order of their seqs, pages of history at any time: a page may be older or newer
than the received events.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from hubbub_client.events import Event, MessageChanged, MessageSent
from hubbub_client.fold import Message, begin, change

MAX_KEPT: Final = 5_000  # messages, unless the program has loaded more
MAX_MORE: Final = 500  # since the last page, before the oldest are dropped
KEPT_CHANGES: Final = 2_000  # for pages that are older

AsOf = tuple[Message, int]  # with the seq up to which events are applied to it


class Timeline:
    """`cursor` is the seq up to which everything counts as applied; from `first` on, no message is
    missing."""

    def __init__(self, cursor: int) -> None:
        self.reset(cursor)

    def reset(self, seq: int) -> None:
        """Forgets all messages, and continues with the event that follows."""
        self.cursor = seq
        self.first = seq + 1
        self._messages: dict[int, AsOf] = {}
        self._most = MAX_KEPT
        self._changes: deque[MessageChanged] = deque()
        self._changes_from = seq + 1  # from this seq on, none is missing in `_changes`

    @property
    def messages(self) -> list[Message]:
        """Oldest first."""
        return [self._messages[seq][0] for seq in sorted(self._messages)]

    def apply(self, event: Event) -> None:
        """Applies the event that follows `cursor`. An older one changes nothing."""
        if event.seq <= self.cursor:
            return
        self.cursor = event.seq
        if isinstance(event, MessageSent):
            self._messages[event.seq] = (begin(event), event.seq)
        elif isinstance(event, MessageChanged):
            if len(self._changes) == KEPT_CHANGES:
                self._changes_from = self._changes.popleft().seq + 1
            self._changes.append(event)
            if event.of in self._messages:
                self._messages[event.of] = _changed(self._messages[event.of], event)

    def cover(self, first: int, page: Iterable[Message], as_of: int) -> bool:
        """Adds all messages from `first` up to those loaded, in their state after the event
        `as_of`. False if that is too old to be brought up to date."""
        if as_of + 1 < self._changes_from:
            return False
        missed = [event for event in self._changes if event.seq > as_of]
        for message in page:
            if message.seq not in self._messages and message.seq <= self.cursor:
                now = (message, as_of)
                for event in missed:
                    if event.of == message.seq:
                        now = _changed(now, event)
                self._messages[message.seq] = now
        self.first = min(first, self.first)
        self._most = max(MAX_KEPT, len(self._messages))
        return True

    def trim(self) -> bool:
        """Whether too many messages have come since the last page; then the oldest were dropped."""
        if len(self._messages) <= self._most + MAX_MORE:
            return False
        seqs = sorted(self._messages)
        for seq in seqs[: -self._most]:
            del self._messages[seq]
        self.first = seqs[-self._most]
        return True


def _changed(now: AsOf, event: MessageChanged) -> AsOf:
    message, as_of = now
    return now if event.seq <= as_of else (change(message, event), event.seq)
