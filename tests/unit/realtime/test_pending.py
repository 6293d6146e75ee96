"""Unfinished handshakes: which one is dropped when there are too many."""

import asyncio
from typing import cast

from realtime.sockets.connection import Connection
from realtime.sockets.pending import PendingHandshakes
from tests.fixtures.quiet_node import QuietNode, Wire


def test_up_to_the_limit_nobody_goes() -> None:
    """With a limit of three, three handshakes stay."""
    pending: PendingHandshakes[str] = PendingHandshakes(3)
    assert [pending.enter(name, 0.0) for name in "abc"] == [None] * 3
    assert len(pending) == 3


def test_above_it_the_oldest_goes_if_it_had_time_enough() -> None:
    """An honest one takes at most a second; until then the newcomer is dropped."""
    pending: PendingHandshakes[str] = PendingHandshakes(2)
    pending.enter("a", 0.0)
    pending.enter("b", 0.5)
    assert pending.enter("c", 0.9) == "c"
    assert pending.enter("d", 1.0) == "a"
    assert pending.enter("e", 1.4) == "e"
    assert pending.enter("f", 1.5) == "b"
    assert len(pending) == 2


def test_who_asked_for_something_counts_no_more() -> None:
    """A handshake whose request has arrived is not counted; removing it twice does no harm."""
    pending: PendingHandshakes[str] = PendingHandshakes(1)
    pending.enter("a", 0.0)
    pending.leave("a")
    pending.leave("a")
    assert pending.enter("b", 0.0) is None


def test_a_connection_without_a_request_is_no_ended_socket() -> None:
    """A port check, for example; one that was upgraded counts."""
    node = QuietNode()
    silent = Connection(node.services)
    silent.connection_made(cast(asyncio.Transport, Wire()))
    silent.connection_lost(None)
    assert node.services.counters.ends == {}
    upgraded, _ = node.dial()
    upgraded.connection_lost(None)
    assert node.services.counters.ends == {"1006": 1}
    assert node.services.counters.accepted == 2
