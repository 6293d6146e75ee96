"""The kind of a file: detected from its bytes, whatever its declared name or type."""

import pytest

from files.kinds import BYTES, TEXT, Sniffer

MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s, 44.1 kHz: 417 bytes
CASES = {
    "PNG": (b"\x89PNG\r\n\x1a\n....", "image/png"),
    "JPEG": (b"\xff\xd8\xff\xe0....", "image/jpeg"),
    "GIF": (b"GIF89a....", "image/gif"),
    "WebP": (b"RIFF\x04\0\0\0WEBPVP8 ", "image/webp"),
    "AVIF": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "image/avif"),
    "AVIF by a compatible brand": (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", BYTES),
    "MP4": (b"\0\0\0\x18ftypisom\0\0\2\0isommp42", "video/mp4"),
    "QuickTime": (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", BYTES),
    "WebM": (
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webmB\x87\x81\x02",
        "video/webm",
    ),
    "Matroska": (b"\x1aE\xdf\xa3\x9fB\x82\x88matroskaB\x87\x81\x02", BYTES),
    "Ogg with Opus": (b"OggS" + bytes(24) + b"OpusHead", "audio/ogg"),
    "Ogg with Theora": (b"OggS" + bytes(24) + b"\x80theora", BYTES),
    "MP3 with tags": (b"ID3\x04\0\0....", "audio/mpeg"),
    "text about such tags": (b"ID3 tags: title, artist, year\n", TEXT),
    "MP3 without tags": (MP3_FRAME * 2, "audio/mpeg"),
    "one frame of MP3 alone": (MP3_FRAME, BYTES),
    "WAV": (b"RIFF\x04\0\0\0WAVEfmt ", "audio/wav"),
    "AVI": (b"RIFF\x04\0\0\0AVI LIST", BYTES),
    "FLAC": (b"fLaC....", "audio/flac"),
    "PDF": (b"%PDF-1.7\n", "application/pdf"),
    "ZIP": (b"PK\x03\x04....", "application/zip"),
    "text": ("Grüße,\r\n\tAnn\n".encode(), TEXT),
    "HTML": (b"<!doctype html><script>alert(1)</script>", TEXT),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', TEXT),
    "text with an escape": (b"\x1b[31mred", BYTES),
    "text with a control of Latin-1": ("a\x85b".encode(), BYTES),
    "text with NUL": (b"a\0b", BYTES),
    "text that ends within a character": ("Grüße".encode()[:3], BYTES),
    "Latin-1": ("Grüße".encode("latin-1"), BYTES),
    "a program": (b"\x7fELF\2\1\1", BYTES),
}


@pytest.mark.parametrize("step", [1, 3, 10_000])
@pytest.mark.parametrize("case", CASES)
def test_kind(case: str, step: int) -> None:
    """The kind is the same, however the bytes are split."""
    data, kind = CASES[case]
    sniffer = Sniffer()
    for start in range(0, len(data), step):
        sniffer.feed(data[start : start + step])
    assert sniffer.kind() == kind


def test_what_comes_late_counts_too() -> None:
    """A control character after a megabyte of text makes it binary."""
    sniffer = Sniffer()
    sniffer.feed(b"a" * 2**20)
    assert sniffer.kind() == TEXT
    sniffer.feed(b"\0")
    assert sniffer.kind() == BYTES
