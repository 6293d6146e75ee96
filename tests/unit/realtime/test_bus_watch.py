"""Detecting that what chats publishes does not arrive, by the absence of regular messages."""

import pytest

from realtime.fan_out.bus_watch import EVERY_SECONDS, MAX_LATE_SECONDS, BusWatch

ONE, TWO = "127.0.0.1:1", "127.0.0.1:2"
MAX_SILENT_SECONDS = EVERY_SECONDS + MAX_LATE_SECONDS  # of replicas that are not idle


class Watched:
    """A watch on a separate clock, up at 100 s, that has received digests of two replicas."""

    def __init__(self) -> None:
        self.now = 100.0
        self.watch = BusWatch(lambda: self.now)
        self.watch.notice_bus(True)
        assert self.reasons() == set()

    def reasons(self, *replicas: str, canary: float | None = None) -> set[str]:
        return set(self.watch.reasons(replicas or (ONE, TWO), canary))

    def go_on(self, seconds: float, *heard: str) -> None:
        """Passes time in which these replicas publish their digests, including at the end."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.5
            for replica in heard:
                self.watch.notice_digest(replica)


def test_one_silent_replica_is_a_reason() -> None:
    """Receiving another one does not make up for it; it is no longer a reason once its digest
    arrives."""
    watched = Watched()
    watched.go_on(MAX_SILENT_SECONDS, ONE)
    assert watched.reasons() == set()
    watched.go_on(0.5, ONE)
    assert watched.reasons() == {"digest_missing"}
    watched.go_on(0.5, ONE, TWO)
    assert watched.reasons() == set()


def test_a_replica_whose_lease_ended_is_not_missed() -> None:
    """It drained or died. A new one is given time before it is missed."""
    watched = Watched()
    watched.go_on(10.0, ONE)
    assert watched.reasons(ONE) == set()
    watched.now += 1.0
    watched.watch.notice_digest(ONE)
    assert watched.reasons(ONE, TWO) == set()
    watched.go_on(3.0, ONE)
    assert watched.reasons(ONE, TWO) == {"digest_missing"}


def test_where_no_lease_is_left_some_digest_must_come() -> None:
    """Replicas that are cut off from Valkey cannot renew their leases either."""
    watched = Watched()
    watched.go_on(10.0, ONE)
    assert watched.watch.reasons((), None) == set()
    watched.go_on(3.0)
    assert watched.watch.reasons((), None) == {"digest_missing"}


@pytest.mark.parametrize("awaited_since", [50.0, 100.0])
def test_a_canary_that_does_not_come_back_is_a_reason(awaited_since: float) -> None:
    """After the same time; for what was committed before the bus came up, the time starts then."""
    watched = Watched()
    watched.go_on(2.0, ONE, TWO)
    assert watched.reasons(canary=awaited_since) == set()
    watched.go_on(1.0, ONE, TWO)
    assert watched.reasons(canary=awaited_since) == {"canary_missing"}
    assert watched.reasons() == set()


def test_a_bus_that_is_down_is_the_one_reason() -> None:
    """Nothing can be received then; afterwards everything is given its time again."""
    watched = Watched()
    watched.watch.notice_bus(False)
    watched.go_on(10.0)
    assert watched.reasons(canary=100.0) == {"bus_down"}
    watched.watch.notice_bus(True)
    assert watched.reasons(canary=100.0) == set()


def test_a_replica_at_rest_may_be_silent_for_longer() -> None:
    """It has said when its next digest is due; from the next digest on, that one's value counts."""
    watched = Watched()
    watched.go_on(1.0, ONE)
    watched.watch.notice_digest(TWO, 2.0)
    watched.go_on(MAX_SILENT_SECONDS + 1.0, ONE)
    assert watched.reasons() == set()
    watched.go_on(0.5, ONE)
    assert watched.reasons() == {"digest_missing"}
    watched.go_on(0.5, ONE, TWO)
    watched.go_on(MAX_SILENT_SECONDS + 0.5, ONE)
    assert watched.reasons() == {"digest_missing"}
