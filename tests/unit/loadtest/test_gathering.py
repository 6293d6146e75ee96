"""What the simulated users of a process count."""

from typing import Any

import pytest

from loadtest.users import gathering as shared
from loadtest.users.gathering import Gathering
from loadtest.users.listener import Listener


class Calls:
    token = "t"

    def refresh(self) -> None:
        raise AssertionError

    def fetch_events(self, chat: str, after: int) -> dict[str, Any]:
        raise AssertionError((chat, after))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing at the end is missing at once."""
    monkeypatch.setattr(shared, "SETTLE_SECONDS", 0.0)


def gathered() -> tuple[Gathering, Listener, None]:
    gathering = Gathering(None)  # type: ignore[arg-type]
    listener = Listener(gathering, "ann", "http://nowhere", Calls())
    gathering.listeners.add(listener)
    return gathering, listener, None


def test_what_was_lost_at_the_end_stays_lost() -> None:
    """Although the users leave then, to whom nothing is due any more."""
    gathering, listener, _ = gathered()
    gathering.book.listener_joins("ann", "c", 1)
    listener._joined.add("c")
    gathering.book.post_answered("c", 2, "m2", now=1e12)
    assert gathering.tally().lost == 0
    assert gathering.settle().lost == 1
    listener.leave()
    assert [gathering.tally().lost, gathering.settle().lost] == [1, 1]
