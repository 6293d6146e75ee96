"""The hot window: recent events of the chats that this replica serves, as bytes, bounded. Pure.

The events here are dense, but another replica may have committed since: only the database knows
whether they reach the chat's head.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from chats.log.encoding import blank, find_deleted
from common.protocol.chats import Control

_EVENT_OVERHEAD_BYTES = 150  # Python's overhead per event
_ID_BYTES = 90


class Recent(msgspec.Struct, frozen=True, gc=False):
    """An event with the control entries of its seq, `()` for none. A hundred thousand of them are
    kept; they are not tracked by the garbage collector, which would stop the process while it looks
    at each."""

    seq: int
    event: bytes
    controls: Sequence[Control] = ()


class Tail(NamedTuple):
    """Events after some seq, and the newest seq that is here."""

    last: int
    events: list[Recent]


class _Run:
    """Consecutive events of one chat."""

    __slots__ = ("events", "size")

    def __init__(self) -> None:
        self.events: deque[Recent] = deque()
        self.size = 0


class Window:
    """Holds at most `max_bytes` in all and `max_bytes_a_chat`: evicts the oldest events of a chat,
    and the chats that were not written to or read for longest."""

    def __init__(self, *, max_bytes: int, max_bytes_a_chat: int) -> None:
        self._max_bytes = max_bytes
        self._max_bytes_a_chat = max_bytes_a_chat
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self.size = 0

    def add(self, chat: str, events: list[Recent]) -> None:
        """Consecutive events that were just committed. If they do not continue the events here,
        they replace them if they are newer."""
        run = self._runs.setdefault(chat, _Run())
        self._runs.move_to_end(chat)
        if run.events:
            last = run.events[-1].seq
            if events[0].seq > last + 1:
                self._empty(run)
            events = [e for e in events if e.seq > last]
        for event in events:
            if (message := find_deleted(event.event)) is not None:
                self._blank(run, message)
            run.events.append(event)
            self._count(run, _measure(event))
        while run.size > self._max_bytes_a_chat:
            self._count(run, -_measure(run.events.popleft()))
        while self.size > self._max_bytes:
            self._empty(self._runs.popitem(last=False)[1])

    def clear(self) -> None:
        """Nothing in it is certain any more."""
        self._runs.clear()
        self.size = 0

    def fill(self, chat: str, events: list[Recent]) -> None:
        """Consecutive events that were read up to the chat's head; they replace the events here, or
        are added if those reach further back."""
        run = self._runs.get(chat)
        if run is not None and run.events and run.events[0].seq > events[0].seq:
            if run.events[-1].seq > events[-1].seq:
                return
            self._empty(run)
        self.add(chat, events)

    def list_events(self, chat: str, after: int, limit: int) -> Tail | None:
        """Those above `after`, the first `limit` of them; None if not all of them are here."""
        run = self._runs.get(chat)
        if run is None or not run.events or run.events[0].seq > after + 1:
            return None
        self._runs.move_to_end(chat)
        start = after + 1 - run.events[0].seq
        return Tail(run.events[-1].seq, list(islice(run.events, start, start + limit)))

    def _blank(self, run: _Run, message: bytes) -> None:
        """Serves nothing above a deletion while the text is here."""
        for place, held in enumerate(run.events):
            if message in held.event:
                self._count(run, -_measure(held))
                run.events[place] = msgspec.structs.replace(held, event=blank(held.event))
                self._count(run, _measure(run.events[place]))

    def _count(self, run: _Run, size: int) -> None:
        run.size += size
        self.size += size

    def _empty(self, run: _Run) -> None:
        self._count(run, -run.size)
        run.events.clear()


def _measure(event: Recent) -> int:
    size = len(event.event) + _EVENT_OVERHEAD_BYTES
    for control in event.controls:
        size += len(control.users) * _ID_BYTES
        if isinstance(control.snapshot, msgspec.Raw):
            size += len(bytes(control.snapshot))
    return size
