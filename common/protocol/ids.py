"""Identifiers: UUIDv7 (RFC 9562 section 5.7) as 36 lower-case characters.

They sort by creation time, to the millisecond, so that indexes on them grow at one end. Nothing may
read a time out of them.
"""

import os
import re
import time

WRONG_ID = "must be a UUID of 36 lower-case characters"
WRONG_IDS = "must be UUIDs of 36 lower-case characters"
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
LOWEST_ID = "00000000-0000-0000-0000-000000000000"
HIGHEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""Nothing has these ids: all others are between them."""
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_match_uuid = re.compile(UUID_PATTERN).match


def new_id() -> str:
    """A new UUIDv7: 48 bits of Unix milliseconds, the rest random."""
    at = f"{time.time_ns() // 1_000_000:012x}"
    rest = os.urandom(10).hex()
    return f"{at[:8]}-{at[8:]}-7{rest[:3]}-{_VARIANT[rest[3]]}{rest[4:7]}-{rest[7:19]}"


def is_id(text: str) -> bool:
    """Whether the text is a UUID of any version in the only spelling that the contract allows."""
    return _match_uuid(text) is not None
