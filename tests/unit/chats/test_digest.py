"""What a replica reports of its last seconds."""

from chats.log.digest import RecentChanges
from common.protocol.chats import Control, Join


def test_it_tells_the_newest_head_of_each_chat() -> None:
    """Only for the requested seconds; a head never goes back."""
    now = 100.0
    recent = RecentChanges("me", clock=lambda: now)
    recent.note(("a", 1, []))
    now += 2
    recent.note(("b", 5, []))
    recent.note(("b", 4, []))
    assert recent.list_since(3).heads == {"a": 1, "b": 5}
    assert recent.list_since(1).heads == {"b": 5}
    now += 2
    assert recent.list_since(3).heads == {"b": 5}


def test_it_tells_who_joined() -> None:
    """Joins only, with their seq."""
    recent = RecentChanges("me", clock=lambda: 0.0)
    controls = [
        Control(seq=2, action="join", users=["u", "v"]),
        Control(seq=2, action="leave", users=["w"]),
    ]
    recent.note(("a", 2, controls))
    assert recent.list_since(1).joins == [Join(chat="a", seq=2, users=["u", "v"])]


def test_it_forgets() -> None:
    """Entries older than five seconds are removed from memory."""
    now = 0.0
    recent = RecentChanges("me", clock=lambda: now)
    recent.note(("a", 1, [Control(seq=1, action="join", users=["u"])]))
    now = 6.0
    recent.note(("b", 1, []))
    digest = recent.list_since(1_000)
    assert (digest.heads, digest.joins) == ({"b": 1}, [])


def test_it_says_for_how_long_it_has_kept_what_it_did() -> None:
    """Since its start, or since it dropped everything because another server took over."""
    now = 100.0
    recent = RecentChanges("me", clock=lambda: now)
    recent.note(("a", 1, []))
    now += 2
    assert recent.list_since(3).age == 2
    recent.move_to(2)
    now += 1
    digest = recent.list_since(3)
    assert (digest.heads, digest.age) == ({}, 1)
