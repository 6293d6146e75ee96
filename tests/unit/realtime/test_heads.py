"""What polls cover, and what they may not."""

import pytest

from common.protocol.chats import Digest
from realtime.fan_out.heads import MAX_GAP_SECONDS, may_lack


@pytest.mark.parametrize(
    ("ages", "seconds", "lacks"),
    [
        ((3600.0, 3600.0), 1.0, False),
        ((3600.0, 3600.0), MAX_GAP_SECONDS + 0.1, True),
        ((3600.0, 0.3), 1.0, True),  # restarted: what it did before is not included
        ((3600.0, 2.0), 1.0, False),
        ((), 1.0, False),  # no replica answered: the next poll covers this time too
    ],
)
def test_a_poll_tells_of_what_its_replicas_remember(
    ages: tuple[float, ...], seconds: float, lacks: bool
) -> None:
    """If it may not cover everything, all heads are compared."""
    digests = [Digest(replica=str(age), heads={}, joins=[], age=age) for age in ages]
    assert may_lack(digests, seconds) is lacks
