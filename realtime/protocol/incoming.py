"""Bytes that a client has sent and the session has not read yet, returned frame by frame. Pure;
parses only frame heads.

Frame by frame, because one read may contain forty thousand of them, and in order to find a frame
whose length is encoded in more bytes than necessary: RFC 6455 section 5.2 forbids it and the
WebSocket library accepts it.
"""

from typing import Final

from websockets.speedups import apply_mask

_EXTENDED: Final = {126: 2, 127: 8}  # bytes of length after the first two
_LEAST: Final = {126: 126, 127: 65_536}
_LONGEST_HEAD: Final = 10  # without the mask
_MASK_BYTES: Final = 4
_IS_MASKED: Final = 0x80
_LAST_TEXT: Final = 0x81  # FIN, and the opcode of text
_PONG: Final = 0x8A  # FIN, and the opcode
_SHORTEST_PONG: Final = 6  # without a payload
_LONGEST_PONG: Final = 125
_SHORTEST: Final = 8  # that is read by the fast path: the whole head is there, however long


class WastefulLength(Exception):
    """A frame's length is encoded in more bytes than necessary."""


class Incoming:
    """The bytes of one connection, from its first frame on."""

    __slots__ = ("_data", "_head", "_rest", "size")

    def __init__(self) -> None:
        self._data = b""
        self.size = 0  # not returned yet: the end of `_data`
        self._head = b""  # head of an incomplete frame, as far as it has been returned
        self._rest = 0  # missing bytes of a frame whose head was returned

    def add(self, data: bytes) -> None:
        self._data = self._data[-self.size :] + data if self.size else data
        self.size = len(self._data)

    def clear(self) -> None:
        self._data, self.size = b"", 0

    def take_text(self) -> bytes | None:
        """The payload of the next frame, if all of it is there and it is a whole text of less than
        64 KiB; None leaves it to `take`. RFC 6455 sections 5.2 and 5.3."""
        data, size = self._data, self.size
        start = len(data) - size
        if self._rest or self._head or size < _SHORTEST or data[start] != _LAST_TEXT:
            return None
        length, mask = data[start + 1] - _IS_MASKED, start + 2
        if length < 0 or length == 127:
            return None
        if length == 126:
            length, mask = int.from_bytes(data[mask : mask + 2]), mask + 2
            if length < 126:
                return None
        end = mask + _MASK_BYTES + length
        if end > len(data):
            return None
        self.size = len(data) - end
        if not self.size:
            self._data = b""
        return apply_mask(data[mask + _MASK_BYTES : end], data[mask : mask + _MASK_BYTES])

    def take_pong(self) -> bool:
        """Removes the next frame if it is a complete pong, and returns whether it was."""
        data, size = self._data, self.size
        start = len(data) - size
        if self._rest or self._head or size < _SHORTEST_PONG or data[start] != _PONG:
            return False
        length = data[start + 1] - _IS_MASKED
        end = start + _SHORTEST_PONG + length
        if not 0 <= length <= _LONGEST_PONG or end > len(data):
            return False
        self.size = len(data) - end
        if not self.size:
            self._data = b""
        return True

    def take(self) -> bytes:
        """The bytes up to the end of the next frame, or as many as have arrived. Raises
        WastefulLength before returning any byte after such a head."""
        data, size = self._data, self.size
        start = len(data) - size
        wanted = self._rest or self._measure(data, start)
        if wanted < size:
            self._rest = 0
            self.size = size - wanted
            return data[start : start + wanted]
        self._rest = wanted - size
        self.clear()
        return data[start:]  # one frame a read, as almost always: no copy

    def _measure(self, data: bytes, start: int) -> int:
        """Remaining bytes of the frame that begins at `start`, or earlier if `_head` is set."""
        given = len(self._head)
        head = self._head + data[start : start + _LONGEST_HEAD - given]
        whole = _size_of_frame(head)
        if whole is None:
            self._head = head
            return len(data) - start
        self._head = b""
        return whole - given


def _size_of_frame(head: bytes) -> int | None:
    """Including head and mask; None if the head is incomplete."""
    if len(head) < 2:
        return None
    short = head[1] & 0x7F
    extended = _EXTENDED.get(short, 0)
    if len(head) < 2 + extended:
        return None
    size = int.from_bytes(head[2 : 2 + extended]) if extended else short
    if size < _LEAST.get(short, 0):
        raise WastefulLength
    return 2 + extended + (_MASK_BYTES if head[1] & _IS_MASKED else 0) + size
