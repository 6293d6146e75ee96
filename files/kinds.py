"""Detects a file's type from its bytes alone, not from its name or the declared type. Pure.

A short list of types that browsers show safely; everything else is bytes. Markup is plain text, so
that no browser treats it as a document.
"""

import codecs
import re
from typing import Final

BYTES: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif")
HEAD_BYTES: Final = 4_096

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    *((b"ID3" + bytes([version]), "audio/mpeg") for version in (2, 3, 4)),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_AVIF: Final = (b"avif", b"avis")
_MP4: Final = (
    b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash",
    b"M4V ", b"M4A ", b"MSNV",
)  # fmt: skip
_OGG_AUDIO: Final = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")
_is_control: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]").search
_KILOBITS: Final = {  # of MPEG audio layer III, by version
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_HERTZ: Final = (44_100, 48_000, 32_000, 0)


class Sniffer:
    """Examines a file as it arrives."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self._last = b""

    def feed(self, data: bytes) -> None:
        if (missing := HEAD_BYTES - len(self._head)) > 0:
            self._head += data[:missing]
        if self._decoder is None:
            return
        try:
            self._decoder.decode(data)
        except UnicodeDecodeError:
            self._decoder = None
        else:
            if _is_control(self._last + data):
                self._decoder = None
        self._last = data[-1:]  # a control character may span two pieces

    def kind(self) -> str:
        """The type of everything read so far."""
        if (found := kind_of_head(bytes(self._head))) is not None:
            return found
        return TEXT if self._is_text() else BYTES

    def _is_text(self) -> bool:
        if self._decoder is None:
            return False
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True


def kind_of_head(head: bytes) -> str | None:
    """By the first bytes of the file; None if they are inconclusive."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _kind_of_boxes(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"\x42\x82\x84webm" in head[:64] else None
    if head.startswith(b"OggS"):
        return "audio/ogg" if head[28:].startswith(_OGG_AUDIO) else None
    return "audio/mpeg" if _is_mp3(head) else None


def _kind_of_boxes(head: bytes) -> str | None:
    """ISO base media file format: the major brand, then a version, then the compatible brands."""
    size = int.from_bytes(head[:4])
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
    if any(brand in _AVIF for brand in brands):
        return "image/avif"
    return "video/mp4" if brands[0] in _MP4 else None


def _is_mp3(head: bytes) -> bool:
    """Two consecutive frames: the first bytes alone prove little."""
    size = _frame_bytes(head)
    return size is not None and _frame_bytes(head[size:]) is not None


def _frame_bytes(head: bytes) -> int | None:
    """The length of the MPEG audio layer III frame that begins here."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version = head[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    kilobits = _KILOBITS[3 if version == 3 else 2][head[2] >> 4]
    hertz = _HERTZ[head[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2, 1: 0}[version]
    if version == 1 or not kilobits or not hertz:
        return None
    samples = 144 if version == 3 else 72
    return samples * kilobits * 1000 // hertz + (head[2] >> 1 & 1)
