"""A client's side of RFC 6455 frames: only what a reference client needs. Pure."""

from collections.abc import Iterator
from typing import NamedTuple


class Frame(NamedTuple):
    opcode: int
    data: bytes


class FrameReader:
    """The server's frames, which are never masked nor fragmented."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The complete frames."""
        self._data += data
        while len(self._data) >= 2:
            size, start = self._data[1], 2
            if size >= 126:
                start = 4 if size == 126 else 10
                if len(self._data) < start:
                    return
                size = int.from_bytes(self._data[2:start], "big")
            if len(self._data) < start + size:
                return
            frame = Frame(self._data[0] & 15, self._data[start : start + size])
            self._data = self._data[start + size :]
            yield frame


def client_frame(opcode: int, data: bytes) -> bytes:
    """One frame with the mask of zeros, which leaves the data as it is."""
    head = bytes([0x80 | opcode])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    else:
        head += bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
    return head + b"\0\0\0\0" + data
