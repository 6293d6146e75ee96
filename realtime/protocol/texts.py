"""Text messages of one client: joined from fragments, checked for UTF-8, read line by line. Pure.

A message may have thousands of lines, and many may wait until the socket is ready, so each is kept
undivided until its lines are read.
"""

import codecs
from typing import Final

OVERHEAD_BYTES: Final = 64  # of an object; a client may send very short texts


class Texts:
    """Texts that are not processed yet; `size` is their memory in bytes."""

    __slots__ = ("_decoder", "_fragments", "_whole", "size")

    def __init__(self) -> None:
        # A list only if there are any: few texts wait, since the socket stops reading, and an empty
        # deque takes 600 bytes.
        self._whole: list[bytes] | None = None
        self.size = 0
        self._fragments = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    @property
    def has_fragments(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._decoder is not None

    def add(self, data: bytes, *, is_last: bool) -> None:
        """A whole message, as almost always, or a fragment of one; the WebSocket library bounds
        their sum. Raises UnicodeDecodeError as soon as the text is known to be invalid."""
        if self._decoder is None:
            if is_last:
                data.decode()
                self._put(data)
                return
            self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._decoder.decode(data, final=is_last)
        self._fragments += data
        if is_last:
            self._put(self._fragments)
            self._drop_fragments()

    def take(self, most: int) -> list[bytes]:
        """The next lines, at most so many, all of one message."""
        assert self._whole is not None
        text = self._whole.pop(0)
        self.size -= len(text) + OVERHEAD_BYTES
        lines = text.split(b"\n", most)
        if len(lines) > most:
            self._put_first(lines.pop())
        return lines

    def put_back(self, lines: list[bytes]) -> None:
        """They come first again."""
        if lines:
            self._put_first(b"\n".join(lines))

    def clear(self) -> None:
        self._whole = None
        self.size = 0
        self._drop_fragments()

    def _put(self, text: bytes) -> None:
        if self._whole is None:
            self._whole = []
        self._whole.append(text)
        self.size += len(text) + OVERHEAD_BYTES

    def _put_first(self, text: bytes) -> None:
        assert self._whole is not None
        self._whole.insert(0, text)
        self.size += len(text) + OVERHEAD_BYTES

    def _drop_fragments(self) -> None:
        self._fragments = b""
        self._decoder = None


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
