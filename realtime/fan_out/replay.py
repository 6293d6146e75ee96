"""What one user gets of a fetched slice: its events, with snapshots where they join. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from common.protocol.chats import Slice


class Arrival(NamedTuple):
    """What a user gets who hears a chat from their last join in the slice on.

    `lines` are events; `is_in` is None if no entry in the slice says whether they are in.
    """

    lines: list[bytes]
    last: int
    is_in: bool | None


def first_seq(found: Slice) -> int:
    """The seq of its first event. If an older release of chats does not say it: right after what
    was asked for, except in a deleted chat of which only the last event is left."""
    if found.first:
        return found.first
    closing = [control.seq for control in found.controls if control.action == "close"]
    return closing[0] - len(found.events) + 1 if closing else found.after + 1


def lines_since(found: Slice, user: str, upto: int) -> list[bytes]:
    """Every event of the slice up to a seq, for a user who has those before it."""
    return [line for _, line, _ in _own_lines(found, user, upto)]


def arrival(found: Slice, user: str, upto: int) -> Arrival:
    """Only what follows the user's last join, and nothing if they left after it."""
    lines: list[bytes] = []
    last, is_in = found.after, None
    for seq, line, change in _own_lines(found, user, upto):
        last = seq
        if change == "join":
            lines, is_in = [], True
        elif change is not None:
            is_in = False
        if is_in is not False:
            lines.append(line)
    return Arrival([] if is_in is False else lines, last, is_in)


def _own_lines(found: Slice, user: str, upto: int) -> Iterator[tuple[int, bytes, str | None]]:
    """(seq, line, what happens to the user there)"""
    changes = {
        control.seq: control
        for control in found.controls
        if control.action == "close" or user in control.users
    }
    for seq, event in enumerate(found.events, first_seq(found)):
        if seq > upto:
            return
        change = changes.get(seq)
        if change is None:
            yield seq, bytes(event), None
        elif isinstance(change.snapshot, msgspec.Raw):
            yield seq, bytes(change.snapshot), change.action
        else:
            yield seq, bytes(event), change.action
