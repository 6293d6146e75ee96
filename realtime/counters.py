"""The counters of this node, as plain numbers: adding to one costs nothing in the hot loop."""

from collections import Counter
from typing import Final

from common.process.times import Times
from common.protocol.close_codes import CloseCode

# Ours and those of RFC 6455, section 7.4.1. Clients may close with 2,000 others, and each would be
# a time series.
_COUNTED_CODES: Final = frozenset({*CloseCode, *range(1000, 1012), 1015})
OTHER_CODE: Final = "other"


class Counters:
    """They only grow; metrics read them at each scrape."""

    def __init__(self) -> None:
        self.accepted = 0
        self.payloads = 0
        self.deliveries = 0
        self.sends = 0
        self.markers = 0
        self.presence_told = 0
        self.presence_changes = 0
        self.repairs = 0
        self.replayed = 0
        self.canaries_refused = 0
        self.bus_losses: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.drops: Counter[str] = Counter()
        self.refused_handshakes: Counter[str] = Counter()
        self.join_times = Times()
        self.send_times = Times()
        self.canary_times = Times()

    def end(self, code: int) -> None:
        """A socket ended with this close code, ours or its client's."""
        self.ends[str(code) if code in _COUNTED_CODES else OTHER_CODE] += 1

    def drop(self, reason: str, number: int = 1) -> None:
        """Something was dropped, and may have to be fetched again."""
        self.drops[reason] += number
