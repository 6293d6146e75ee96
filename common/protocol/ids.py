"""Identifiers: UUIDv7 (RFC 9562 section 5.7) as 36 lower-case characters.

Their order is the order of their making, to the millisecond, so that indexes on them grow at one
end. Nothing may read a time out of them.
"""

import os
import re
import time

UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
_match_uuid = re.compile(UUID_PATTERN).match


def new_id() -> str:
    """A new UUIDv7: 48 bits of Unix milliseconds, the rest random."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether the text is a UUID of any version in the one spelling that the contract knows."""
    return _match_uuid(text) is not None
