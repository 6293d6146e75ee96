"""Whatever nodes report about a user, in whatever order, watchers are told the truth, and
rarely."""

import itertools
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.protocol.frames import PresenceState
from realtime.presence.clock import LONGEST_SECONDS, StoppableClock
from realtime.presence.said import KEPT_SECONDS, UNCONFIRMED_SECONDS, Said, judge
from realtime.presence.watching import LINGER_SECONDS, TOLD_SECONDS, Watching

TICK: Final = 0.25
NODES: Final = ("a", "b", "c")
USER: Final = "user"

# Seconds since the previous event, the node, and the user's state on it from then on.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from((0.0, 0.25, 0.5, 1.0, 7.0, 29.75, 31.0)),
        st.sampled_from(NODES),
        st.sampled_from(("active", "idle", "gone")),
    ),
    max_size=12,
)


def truth(history: list[tuple[float, str, str]], now: float) -> PresenceState:
    """Computed from all events until now."""
    has: dict[str, str] = {}
    kept: PresenceState = "offline"
    since = float("-inf")
    for at, node, what in history:
        if at > now:
            break
        before = has.get(node, "gone")
        here = [one for one in has.values() if one != "gone"]
        if what == "gone" and before != "gone" and len(here) == 1:
            kept, since = ("online" if before == "active" else "away"), at
        has[node] = what
    if "active" in has.values():
        return "online"
    if "idle" in has.values():
        return "away"
    return kept if now < since + KEPT_SECONDS else "offline"


@given(EVENTS, st.booleans())
@example([(0.0, "a", "active"), (1.0, "b", "idle"), (1.0, "a", "gone"), (7.0, "b", "gone")], False)
@example([(0.0, "a", "active"), (0.0, "a", "gone"), (0.0, "b", "idle"), (0.0, "b", "gone")], False)
@settings(max_examples=300)
def test_watchers_are_told_what_is_true(events: list[tuple[float, str, str]], late: bool) -> None:
    """Once nothing has changed for a second, the last notice is true. No two changes come within a
    second. A list requested at the end agrees."""
    watching: Watching[str] = Watching()
    watching.begin([USER], 0.0)
    if not late:
        watching.replace("socket", [USER], 0.0)
    history: list[tuple[float, str, str]] = []
    at = 1.0
    for pause, node, what in events:
        at += max(pause, 0.01)  # at the same moment no node is the last one to go
        history.append((at, node, what))
    told: list[tuple[float, PresenceState]] = [(0.0, "offline")]
    has: dict[str, Said] = {}
    waiting = list(history)
    now = 0.0
    while now < at + KEPT_SECONDS + 2:
        while waiting and waiting[0][0] <= now:
            when, node, what = waiting.pop(0)
            before = has.get(node)
            if what != "gone":
                has[node] = Said(what == "active", None, when)
            elif before is not None and before.gone_at is None:
                has[node] = Said(before.is_active, when, when)
            else:
                continue
            watching.hear(USER, node, has[node])
        for change in watching.take_changes(now):
            assert change.watchers == ("socket",)
            told.append((now, change.state))
        if not late and all(abs(now - one[0]) > TOLD_SECONDS for one in history):
            quiet = truth(history, now - TOLD_SECONDS) == truth(history, now)
            assert not quiet or told[-1][1] == truth(history, now)
        now += TICK
    times = [one for one, _ in told[1:]]
    assert all(later - earlier >= TOLD_SECONDS for earlier, later in itertools.pairwise(times))
    assert watching.replace("other", [USER], now) == {USER: truth(history, now)}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(("x", "y", "z")))))
def test_nothing_is_left_of_those_whom_nobody_watches(steps: list[tuple[str, str]]) -> None:
    """Sockets come and go; a minute after the last one no user is watched."""
    watching: Watching[str] = Watching()
    now = 0.0
    for socket, user in steps:
        now += 1.0
        if user == "z":
            watching.drop(socket, now)
        else:
            watching.begin([user], now)
            assert watching.replace(socket, [user], now) == {user: "offline"}
    for socket in "abcd":
        watching.drop(socket, now)
    known = len(watching)
    assert watching.take_idle(now + LINGER_SECONDS - 0.5) == [] or known
    watching.take_idle(now + LINGER_SECONDS)
    assert (len(watching), watching.watchers) == (0, 0)


def test_who_is_not_confirmed_was_lost_when_asked() -> None:
    """A node that does not repeat its report has lost the user when asked; a dead node has lost the
    user at its death."""
    said = {"a": Said(True, None, 10.0)}
    asked = 20.0
    assert judge(said, asked, {}, 21.0) == ("online", asked + UNCONFIRMED_SECONDS)
    assert judge(said, asked, {}, 26.0) == ("online", asked + KEPT_SECONDS)
    assert judge(said, asked, {}, asked + KEPT_SECONDS)[0] == "offline"
    assert judge(said, asked, {"a": 12.0}, 41.9) == ("online", 42.0)
    assert judge(said, asked, {"a": 12.0}, 42.0)[0] == "offline"
    assert judge(said, 5.0, {}, 1_000.0)[0] == "online"


def test_a_dead_node_that_is_back_counts_again() -> None:
    """It was only stopped; after half a minute it must report its users again."""
    watching: Watching[str] = Watching()
    watching.begin([USER], 0.0)
    watching.replace("socket", [USER], 0.0)
    watching.hear(USER, "a", Said(True, None, 1.0))
    assert [change.state for change in watching.take_changes(1.0)] == ["online"]
    watching.hear_dead({"a": 2.0}, 9.0)
    assert watching.take_changes(31.75) == []
    watching.hear_dead({}, 31.9)
    assert watching.take_changes(31.9) == []
    watching.hear_dead({"a": 2.0}, 31.95)
    assert [change.state for change in watching.take_changes(32.0)] == ["offline"]
    watching.hear_dead({}, 40.0)
    assert watching.take_changes(40.0) == []
    watching.hear(USER, "a", Said(True, None, 41.0))
    assert [change.state for change in watching.take_changes(41.0)] == ["online"]


def test_a_clock_that_is_stopped_shows_the_same() -> None:
    """And continues from there."""
    real = 100.0
    clock = StoppableClock(lambda: real)
    clock.start()
    real = 104.0
    assert clock() == 4.0
    clock.stop()
    real = 200.0
    assert clock() == 4.0
    clock.start()
    real = 201.0
    clock.start()
    assert clock() == 5.0


def test_time_in_which_a_process_stood_still_does_not_count() -> None:
    """Nobody could tell anybody anything."""
    real = 100.0
    clock = StoppableClock(lambda: real)
    clock.start()
    real = 101.0
    assert clock() == 1.0
    real += 8 * 3600
    assert clock() == 1.0 + LONGEST_SECONDS
    real += 1.0
    assert clock() == 2.0 + LONGEST_SECONDS


def test_a_node_that_died_long_ago_does_not_count_again() -> None:
    """Its user is on another node, and away. Nodes are asked every minute, and leases that expired
    two minutes ago are forgotten."""
    watching: Watching[str] = Watching()
    watching.begin([USER], 0.0)
    watching.replace("socket", [USER], 0.0)
    watching.hear(USER, "a", Said(True, None, 0.5))
    watching.hear(USER, "b", Said(False, None, 0.5))
    told: list[PresenceState] = []
    for second in range(1, 600):
        if second in (10, 130):
            watching.hear_dead({"a": 3.0} if second == 10 else {}, second)
        if watching.list_unasked(second):
            watching.note_asked([USER], second)
            watching.hear(USER, "b", Said(False, None, second + 0.5))
        told += [change.state for change in watching.take_changes(second + 0.75)]
    assert told == ["online", "away"]
