"""The newest messages of a chat, as far as this process knows them. Pure.

A tail once loaded is kept current by the same fold as in a client: only the events since then are
requested. Does not know who may see it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, islice
from typing import Any, Final, NamedTuple

import msgspec

from common.protocol.fold import begin, change

MAX_KEPT: Final = 101  # the largest page, and one more to show whether there are older ones


class _Head(msgspec.Struct, tag_field=None):
    """What determines an event's place among messages."""

    type: str
    seq: int
    of: int = 0
    deleted: bool = False


_decode_head = msgspec.json.Decoder(_Head).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Tail(NamedTuple):
    """Encoded current messages, newest first and separated by commas, as of the chat's head `seq`:
    a page is the beginning of `joined`, up to one of `ends`. `whole` means that there are no older
    ones."""

    epoch: str = ""
    seq: int = 0
    joined: bytes = b""
    ends: tuple[int, ...] = ()
    whole: bool = True

    def follow(self, seq: int, events: Sequence[bytes]) -> "Tail":
        """Applies all events about messages from the old head up to `seq`, ascending."""
        if not events:
            return self if seq == self.seq else self._replace(seq=seq)
        messages = self._split()[::-1]
        for event in events:
            _apply(messages, event)
        kept = messages[: -MAX_KEPT - 1 : -1]
        return _join(self.epoch, seq, kept, whole=self.whole and len(messages) <= MAX_KEPT)

    def page(self, limit: int) -> tuple[bytes, bool] | None:
        """The newest messages, separated by commas, and whether there are older ones; None if too
        few are held."""
        if len(self.ends) > limit:
            return self.joined[: self.ends[limit - 1]], True
        return (self.joined, False) if self.whole else None

    def _split(self) -> list[bytes]:
        starts = (0, *(end + 1 for end in self.ends))
        return [self.joined[start:end] for start, end in zip(starts, self.ends, strict=False)]


def begin_tail(epoch: str, seq: int, newest: Sequence[bytes], asked: int) -> Tail:
    """The newest messages of a chat, of which at most `asked` were asked for."""
    return _join(epoch, seq, newest[:MAX_KEPT], whole=len(newest) < asked)


def _join(epoch: str, seq: int, messages: Sequence[bytes], *, whole: bool) -> Tail:
    ends = accumulate(messages, lambda end, message: end + 1 + len(message), initial=-1)
    return Tail(epoch, seq, b",".join(messages), tuple(islice(ends, 1, None)), whole)


def _apply(messages: list[bytes], event: bytes) -> None:
    """`messages` are ascending. An event about a message older than all of them changes nothing
    here."""
    head = _decode_head(event)
    if head.type == "message":
        messages.append(_encode(begin(_decode(event))) if head.deleted else event)
        return
    place = bisect_left(messages, head.of, key=_seq_of)
    if place < len(messages) and _seq_of(messages[place]) == head.of:
        messages[place] = _encode(change(_decode(messages[place]), _decode(event)))


def _seq_of(message: bytes) -> int:
    return _decode_head(message).seq
