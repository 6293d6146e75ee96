"""Limits of the public contract."""

from typing import Final

MAX_MESSAGE_BYTES: Final = 8_192
MAX_MENTIONS: Final = 50
MAX_ATTACHMENTS: Final = 10
MAX_EMOJI_A_MESSAGE: Final = 20
MAX_EDITS_A_MESSAGE: Final = 1_000
MAX_BODY_BYTES: Final = 65_536
MAX_CLIENT_MESSAGE_BYTES: Final = 65_536  # on a socket, its fragments together
MAX_FILE_BYTES: Final = 25 * 2**20
MAX_FILES_A_LINK: Final = 50
MAX_HEADER_BYTES: Final = 16_384
MAX_JSON_DEPTH: Final = 32
MAX_CHAT_NAME_CHARACTERS: Final = 128
MAX_PARTICIPANTS_A_REQUEST: Final = 1_000
MAX_PARTICIPANTS_A_CHAT: Final = 10_000
MAX_CHATS_A_USER: Final = 10_000
MAX_PARTICIPANTS_SHOWN: Final = 1_000
MAX_RESUMED_CHATS: Final = 1_000  # per connect
MAX_WATCHED_USERS: Final = 200  # per socket
MAX_SLICE_EVENTS: Final = 200
MAX_SLICE_BYTES: Final = 262_144

ACCESS_TOKEN_SECONDS: Final = 15 * 60
REFRESH_TOKEN_SECONDS: Final = 30 * 24 * 3600


def is_nested_too_deep(data: bytes) -> bool:
    """Whether arrays and objects nest deeper than `MAX_JSON_DEPTH` (the outermost is 1).

    Scans before any decoder recurses. Also called for malformed JSON, where the result does not
    matter.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    in_string = escaped = False
    for byte in data:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False
