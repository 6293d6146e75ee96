"""Frames whose length is written with more bytes than it needs, which RFC 6455 section 5.2 forbids
and the WebSocket library lets pass. Pure; follows the stream from head to head."""

_EXTENDED = {126: 2, 127: 8}  # bytes of length after the first two
_LEAST = {126: 126, 127: 65_536}
_MASK_BYTES = 4


class FrameLengths:
    """Of one connection, from its first frame on."""

    __slots__ = ("_head", "_skip")

    def __init__(self) -> None:
        self._head = b""  # of the next frame, as far as it has come
        self._skip = 0  # bytes of the last frame that have not come yet

    def find_wasteful(self, data: bytes) -> int | None:
        """Where in `data` the first such frame begins (0 if before it), or None.

        What follows one is not looked at: the connection is over.
        """
        place = min(self._skip, len(data))
        self._skip -= place
        while place < len(data):
            head = self._head + data[place : place + 10 - len(self._head)]
            short = head[1] & 0x7F if len(head) > 1 else 126
            extended = _EXTENDED.get(short, 0)
            if len(head) < 2 + extended:
                self._head = head
                return None
            size = int.from_bytes(head[2 : 2 + extended]) if extended else short
            if size < _LEAST.get(short, 0):
                return max(0, place - len(self._head))
            masked = _MASK_BYTES if head[1] & 0x80 else 0
            end = place - len(self._head) + 2 + extended + masked + size
            self._head = b""
            place, self._skip = min(end, len(data)), max(0, end - len(data))
        return None
