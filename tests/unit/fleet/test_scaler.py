"""The number of processes for each role, decided from metrics alone."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.scaling.scaler import (
    COOL_DOWN_SECONDS,
    FAILING_SHARE,
    GROW_AFTER_SECONDS,
    Figures,
    Limits,
    Memory,
    Replicas,
    decide,
    decide_all,
)

LIMITS = Limits()
RANGE = Replicas(1, 4)
IDLE = Figures(seen=1)
ROLES = ("edge", "realtime", "files", "chats", "users")
BUSY = {
    "edge": Figures(seen=1, in_flight=12, lag=0.015),
    "realtime": Figures(seen=1, deliveries=3000),
    "files": Figures(seen=1, bytes=8e6, lag=0.005),
    "chats": Figures(seen=1, queue=0.08),
    "users": Figures(seen=1, queue=0.08),
}


class Role:
    """A role controlled by the scaler, in steps of a second."""

    def __init__(self, role: str, wanted: int = 1, bounds: Replicas = RANGE) -> None:
        self.role, self.bounds = role, bounds
        self.memory = Memory(wanted)
        self.now = 0.0
        self.history = [wanted]

    def see(self, figures: Figures, seconds: float = 1.0, *, all_sound: bool = True) -> int:
        """Repeats the same figures, one entry per process; returns the number wanted at the end."""
        return self.follow(lambda n: figures._replace(seen=n), seconds, all_sound=all_sound)

    def follow(
        self, figures: Callable[[int], Figures], seconds: float, *, all_sound: bool = True
    ) -> int:
        """Figures that depend on how many processes there are."""
        for _ in range(int(seconds)):
            self.now += 1
            self.memory = decide(
                self.role, self.memory, figures(self.memory.wanted), self.bounds, LIMITS,
                self.now, all_sound=all_sound,
            )  # fmt: skip
            if self.memory.wanted != self.history[-1]:
                self.history.append(self.memory.wanted)
        return self.memory.wanted


@pytest.mark.parametrize("role", ROLES)
def test_a_role_grows_when_work_waits_for_it(role: str) -> None:
    """After some seconds of too much load, and not beyond its maximum."""
    busy = Role(role)
    assert busy.see(BUSY[role], GROW_AFTER_SECONDS) == 1
    assert busy.see(BUSY[role], 5) == 2
    assert busy.see(BUSY[role], 60) == 4


@pytest.mark.parametrize("role", ROLES)
def test_a_role_shrinks_one_by_one_when_it_is_calm(role: str) -> None:
    """Each step needs a calm time of its own; the minimum stays."""
    calm = Role(role, wanted=4)
    assert calm.see(IDLE, LIMITS.calm_seconds) == 4
    assert calm.see(IDLE, 5) == 3
    assert calm.see(IDLE, 200) == 1
    assert calm.history == [4, 3, 2, 1]


def test_a_flood_doubles_a_role() -> None:
    """Twice the limit is answered with twice as many at once."""
    flooded = Role("realtime")
    flooded.see(Figures(seen=1, deliveries=15_000), 30)
    assert flooded.history == [1, 2, 4]


def test_a_short_burst_changes_nothing() -> None:
    """No process is started for a burst that is over before it would be ready."""
    spiky = Role("edge")
    for _ in range(10):
        spiky.see(BUSY["edge"], 2)
        spiky.see(IDLE, 5)
    assert spiky.history == [1]


@pytest.mark.parametrize("seconds", [1, 3])  # between two readings: of the fleet, of containers
@pytest.mark.parametrize("late", [0.015, 0.05, 0.25, 10.0])
@pytest.mark.parametrize("role", ROLES)
def test_one_late_second_changes_nothing(role: str, late: float, seconds: int) -> None:
    """However late it is: the average must not keep it for longer than it lasted."""
    usual = BUSY[role]._replace(
        seen=1, lag=0.0005, in_flight=3, deliveries=600, bytes=8e6, queue=0.005
    )
    memory = Memory(1)
    for now in range(0, 120, seconds):
        figures = usual._replace(lag=late, in_flight=60, queue=late) if now == 30 else usual
        memory = decide(role, memory, figures, RANGE, LIMITS, now, all_sound=True)
        assert memory.wanted == 1


def test_a_load_that_swings_around_the_limit_counts_by_its_average() -> None:
    """Every other second below the limit."""
    swinging = Role("realtime")
    for _ in range(4):
        swinging.see(Figures(seen=1, deliveries=4000))
        swinging.see(Figures(seen=1, deliveries=2000))
    assert swinging.memory.wanted == 2


def test_changes_keep_a_distance() -> None:
    """The scaler waits for the effect of a change before the next one."""
    busy = Role("realtime")
    busy.see(BUSY["realtime"], 8)
    grown = busy.memory.changed
    assert busy.memory.wanted == 2
    while busy.see(BUSY["realtime"]) == 2:
        assert busy.now - grown < 60
    assert busy.now - grown >= COOL_DOWN_SECONDS


def test_an_outage_looks_like_little_load_and_shrinks_nothing() -> None:
    """Something is broken: there are no requests because clients cannot send any."""
    role = Role("edge", wanted=4)
    assert role.see(IDLE, 600, all_sound=False) == 4


@pytest.mark.parametrize(
    "broken",
    [
        Figures(seen=3, unseen=1),
        Figures(seen=0, unseen=4),
        Figures(seen=4, cut_off=True),
        Figures(seen=4, failing=FAILING_SHARE * 2),
    ],
)
def test_trouble_in_one_role_keeps_all_others_as_large_as_they_are(broken: Figures) -> None:
    """If chats is dead, edge and realtime are idle."""
    memories = {"edge": Memory(4), "realtime": Memory(4), "chats": Memory(4)}
    bounds = dict.fromkeys(memories, RANGE)
    figures = {"edge": Figures(seen=4), "realtime": Figures(seen=4), "chats": broken}
    for second in range(600):
        memories = decide_all(memories, figures, bounds, LIMITS, second)
    assert {role: memory.wanted for role, memory in memories.items()} == dict.fromkeys(memories, 4)


@pytest.mark.parametrize("role", ROLES)
def test_what_is_not_seen_decides_nothing(role: str) -> None:
    """The load of a process that starts or hangs is unknown; the others represent it."""
    growing = Role(role, wanted=2)
    assert growing.see(BUSY[role]._replace(unseen=1), 600) == 2


@pytest.mark.parametrize("role", ["chats", "users"])
def test_a_slow_database_is_not_answered_with_more_who_ask_it(role: str) -> None:
    """Work waits, but not for processes."""
    slow = Role(role, wanted=2)
    assert slow.see(Figures(seen=2, queue=3.0, database=0.5), 600) == 2


def test_edge_does_not_grow_for_requests_that_wait_elsewhere() -> None:
    """Many requests in flight and no loop lag mean a slow service behind edge. It does not shrink
    either."""
    waiting = Role("edge", wanted=2)
    assert waiting.see(Figures(seen=2, in_flight=500, lag=0.001), 600) == 2


def test_a_busy_machine_is_no_reason_for_idle_roles_to_grow() -> None:
    """Lag without work is caused by other programs."""
    for name in ("edge", "realtime", "files"):
        assert Role(name).see(Figures(seen=1, lag=0.2), 600) == 1


@pytest.mark.parametrize(
    "late", [Figures(seen=1, lag=0.005, bytes=8e6), Figures(seen=1, lag=0.005, requests=40.0)]
)
def test_files_grows_when_it_is_late_with_its_own_work(late: Figures) -> None:
    """With many bytes, or with many requests for small files."""
    assert Role("files").see(late, 8) == 2


def test_a_node_that_delivers_late_is_joined_by_another() -> None:
    """Although neither its sockets nor its deliveries are at their limit."""
    late = Role("realtime")
    assert late.see(Figures(seen=1, lag=0.008, connections=50, deliveries=500), 8) == 2


def test_who_regrets_to_have_shrunk_waits_longer_next_time() -> None:
    """If the load swings more slowly than the calm time, a role changes less and less often."""
    swinging = Role("realtime", bounds=Replicas(1, 2))
    for _ in range(40):
        swinging.see(BUSY["realtime"], 20)
        swinging.see(IDLE, 20)
    assert len(swinging.history) < 12


def test_bounds_that_the_operator_moves_are_kept() -> None:
    """Too many leave one by one; too few come at once."""
    role = Role("edge", wanted=4, bounds=Replicas(2, 2))
    role.see(IDLE, 3)
    assert role.history == [4, 3, 2]
    role.bounds = Replicas(4, 4)
    assert role.see(IDLE) == 4


figures = st.builds(
    Figures,
    seen=st.integers(0, 4),
    unseen=st.integers(0, 2),
    lag=st.floats(0, 1),
    in_flight=st.floats(0, 100),
    connections=st.floats(0, 5000),
    deliveries=st.floats(0, 50_000),
    requests=st.floats(0, 100),
    bytes=st.floats(0, 1e8),
    queue=st.floats(0, 2),
    database=st.floats(0, 1),
    failing=st.floats(0, 1),
    cut_off=st.booleans(),
)


@given(st.sampled_from(ROLES), st.lists(st.tuples(figures, st.booleans()), max_size=200))
def test_whatever_is_seen_the_bounds_hold_and_changes_keep_their_distance(
    name: str, rounds: list[tuple[Figures, bool]]
) -> None:
    """One fewer at a time, at most twice as many, never two changes within the cool-down."""
    memory, last, bounds = Memory(1), float("-inf"), Replicas(1, 6)
    for now, (seen, sound) in enumerate(rounds):
        before = memory.wanted
        memory = decide(name, memory, seen, bounds, LIMITS, now, all_sound=sound)
        assert bounds.minimum <= memory.wanted <= bounds.maximum
        if memory.wanted != before:
            assert now - last >= COOL_DOWN_SECONDS
            assert memory.wanted == before - 1 or before < memory.wanted <= 2 * before
            assert memory.wanted > before or (sound and not seen.unseen)
            last = now


@given(st.floats(0, 20_000), st.integers(1, 6))
def test_a_constant_load_is_answered_with_a_constant_number(total: float, begin: int) -> None:
    """With an even distribution, the number settles, whatever its start."""
    role = Role("realtime", wanted=begin, bounds=Replicas(1, 6))

    def share(n: int) -> Figures:
        return Figures(seen=n, deliveries=total / n)

    role.follow(share, 200)
    settled = len(role.history)
    role.follow(share, 200)
    assert len(role.history) == settled
    assert role.memory.wanted == 6 or total / role.memory.wanted < LIMITS.deliveries
