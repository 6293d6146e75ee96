"""The meaning of a socket's end: whether to reconnect, and after how long. Pure."""

from typing import Final

import msgspec

FIRST_BACKOFF_SECONDS: Final = 0.25
MAX_BACKOFF_SECONDS: Final = 30.0
MAX_RETRY_AFTER_SECONDS: Final = 60.0  # whatever is named: a proxy may say hours
DRAINING: Final = 4001
TOKEN_EXPIRED: Final = 4003
COME_BACK: Final = frozenset(
    {1000, 1001, 1005, 1006, 1011, 1012, 1013, DRAINING, TOKEN_EXPIRED, 4006, 4008, 4010}
)


class ComeBack(msgspec.Struct, frozen=True):
    """Reconnect after this many seconds, with a new access token if `refresh`."""

    seconds: float
    refresh: bool


class Ends:
    """Decides about reconnecting, and counts consecutive failures."""

    def __init__(self) -> None:
        self._failures = 0  # sockets in a row that were no success
        self._is_ready = False

    def ready(self) -> None:
        """The socket is a success: resets the count of failures."""
        self._failures, self._is_ready = 0, True

    def closed(
        self, code: int, reason: str = "", chance: float = 0.5, retry_after: float = 0.0
    ) -> ComeBack | None:
        """The socket ended, or could not be opened (1006). None if that is final. `chance` is a
        random number from 0 to 1; `retry_after` is the delay that the server named, in seconds."""
        was_ready, self._is_ready = self._is_ready, False
        if code not in COME_BACK:
            return None
        # A draining node has chosen the delay, so that its clients reconnect spread out.
        if code == DRAINING and reason.isascii() and reason.isdigit():
            retry_after = int(reason) / 1000
        self._failures = 0 if was_ready else self._failures + 1
        bound = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(self._failures, 10))
        wait = max(min(retry_after, MAX_RETRY_AFTER_SECONDS), bound * chance)
        return ComeBack(wait, refresh=code == TOKEN_EXPIRED)
