"""The rules of single fields: each check returns None, or a sentence that says what is wrong.

Text is checked as it was sent, never trimmed or changed. users and chats hold what they store to
these rules; edge and realtime use them to refuse a request before they call a service.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from common.protocol.errors import Refusal
from common.protocol.ids import WRONG_IDS, is_id
from common.protocol.limits import (
    MAX_CHAT_NAME_CHARACTERS,
    MAX_MENTIONS,
    MAX_MESSAGE_BYTES,
    MAX_PARTICIPANTS_A_REQUEST,
)

USERNAME_PATTERN: Final = r"^[A-Za-z0-9_.-]{3,32}\Z"
MAX_EMAIL_CHARACTERS: Final = 254
MAX_LOCAL_PART_CHARACTERS: Final = 64
MIN_PASSWORD_CHARACTERS: Final = 8
MAX_PASSWORD_CHARACTERS: Final = 256
# NFC composes at most four characters into one. It sorts marks in quadratic time, so longer text is
# not normalised: it cannot be a password.
MAX_PASSWORD_SPELLING: Final = 4 * MAX_PASSWORD_CHARACTERS
MAX_INSTANCE_NAME_CHARACTERS: Final = 64
MAX_DISPLAY_NAME_CHARACTERS: Final = 64
MAX_STATUS_CHARACTERS: Final = 140
MAX_TOPIC_CHARACTERS: Final = 250
MAX_FILE_NAME_CHARACTERS: Final = 255
WRONG_MESSAGE: Final = f"must be 1 to {MAX_MESSAGE_BYTES:,} bytes"

# Unicode's White_Space property (PropList.txt), which str.isspace() is a little wider than.
WHITE_SPACE: Final = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# Unicode's Bidi_Control property (PropList.txt): with these a name can display a different
# extension.
BIDIRECTIONAL_CONTROLS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_match_username = re.compile(USERNAME_PATTERN).match
_match_deleted = re.compile(r"^deleted-.{8}\Z", re.IGNORECASE).match


def wrong_with_text(text: str) -> str | None:
    """NUL and lone surrogates cannot be stored and are refused everywhere."""
    if "\0" in text:
        return "must not contain NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must be valid Unicode"
    return None


def wrong_with_message(text: str, *, may_be_empty: bool = False) -> str | None:
    """A message is 1 to 8,192 bytes of UTF-8; it may be empty if it has files."""
    if wrong := wrong_with_text(text):
        return wrong
    if not text and may_be_empty:
        return None
    if not 1 <= len(text.encode()) <= MAX_MESSAGE_BYTES:
        return WRONG_MESSAGE
    return None


def wrong_with_mentions(users: list[str]) -> str | None:
    """At most 50 ids, as they are listed."""
    if len(users) > MAX_MENTIONS:
        return f"must be at most {MAX_MENTIONS} of them"
    return None if all(map(is_id, users)) else WRONG_IDS


def wrong_with_username(text: str) -> str | None:
    if _match_username(text) is None:
        return "must be 3 to 32 of A-Z, a-z, 0-9, _, . and -"
    if _match_deleted(text) is not None:
        return "is reserved for accounts that were deleted"
    return None


def wrong_with_email(text: str) -> str | None:
    if wrong := wrong_with_text(text):
        return wrong
    if len(text) > MAX_EMAIL_CHARACTERS:
        return f"must have at most {MAX_EMAIL_CHARACTERS} characters"
    if any(c.isspace() or unicodedata.category(c) == "Cc" for c in text):
        return "must not contain spaces or control characters"
    local, at, domain = text.partition("@")
    if not at or "@" in domain:
        return "must contain one @"
    if not 1 <= len(local) <= MAX_LOCAL_PART_CHARACTERS:
        return f"must have 1 to {MAX_LOCAL_PART_CHARACTERS} characters before the @"
    if "." not in domain:
        return "must have a dot after the @"
    return None


def wrong_with_password(text: str) -> str | None:
    """Counted in code points of its NFC form."""
    if wrong := wrong_with_text(text):
        return wrong
    length = len(text)
    if length <= MAX_PASSWORD_SPELLING:
        length = len(unicodedata.normalize("NFC", text))
    if not MIN_PASSWORD_CHARACTERS <= length <= MAX_PASSWORD_CHARACTERS:
        return f"must have {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters"
    return None


def wrong_with_chat_name(text: str) -> str | None:
    return _wrong_with_name(text, MAX_CHAT_NAME_CHARACTERS) or _wrong_if_blank(text)


def wrong_with_display_name(text: str | None) -> str | None:
    if text is None:
        return None
    return _wrong_with_name(text, MAX_DISPLAY_NAME_CHARACTERS) or _wrong_if_blank(text)


def wrong_with_instance_name(text: str) -> str | None:
    return _wrong_with_name(text, MAX_INSTANCE_NAME_CHARACTERS)


def wrong_with_status(text: str | None) -> str | None:
    return _wrong_with_note(text, MAX_STATUS_CHARACTERS)


def wrong_with_topic(text: str | None) -> str | None:
    return _wrong_with_note(text, MAX_TOPIC_CHARACTERS)


def wrong_with_file_name(text: str) -> str | None:
    """A file's name when it is saved: one component of a path that displays as it is."""
    if wrong := _wrong_with_name(text, MAX_FILE_NAME_CHARACTERS):
        return wrong
    if any(c in "/\\" or unicodedata.category(c) == "Cc" for c in text):
        return "must not contain control characters, / and \\"
    if not BIDIRECTIONAL_CONTROLS.isdisjoint(text):
        return "must not contain bidirectional controls"
    return "must be a name" if text in (".", "..") else None


def _wrong_with_name(text: str, longest: int) -> str | None:
    if wrong := wrong_with_text(text):
        return wrong
    return None if 1 <= len(text) <= longest else f"must have 1 to {longest} characters"


def _wrong_if_blank(text: str) -> str | None:
    return "must not be white space alone" if WHITE_SPACE.issuperset(text) else None


def _wrong_with_note(text: str | None, longest: int) -> str | None:
    if text is None:
        return None
    if wrong := wrong_with_text(text):
        return wrong
    return f"must have at most {longest} characters" if len(text) > longest else None


def wrong_with_participants(ids: Sequence[str]) -> str | None:
    """As listed in one request."""
    if len(ids) > MAX_PARTICIPANTS_A_REQUEST:
        return f"must be at most {MAX_PARTICIPANTS_A_REQUEST:,}"
    return None if all(map(is_id, ids)) else WRONG_IDS


def check_fields(wrongs: Mapping[str, str | None]) -> None:
    """Raises Refusal invalid_request with all fields that break a rule."""
    errors = [{"field": field, "detail": wrong} for field, wrong in wrongs.items() if wrong]
    if errors:
        raise Refusal("invalid_request", "The request is not valid.", errors=errors)
