"""How many processes a role should have: figures in, a number out.

Pure; times are arguments, in seconds of any one clock. Knows neither where figures come from nor
how a decision is applied. CPU is not a figure: a busy process is no problem while nothing waits for
it.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

GROW_AFTER_SECONDS: Final = 3.0  # of continuous overload
COOL_DOWN_SECONDS: Final = 6.0  # after a change, until its effect is visible
MAX_SHARE: Final = 4.0  # a higher load counts as this: the average soon forgets a single second
ROOM: Final = 0.5  # a role shrinks if the remaining processes' load is at most this share
REGRET_SECONDS: Final = 120.0  # growing this soon after shrinking means that shrinking was wrong
MAX_PATIENCE: Final = 8.0
LATE_SHARE: Final = 0.1  # of the deliveries limit: with fewer, other processes cause the lag
FILES_BYTES: Final = 4 * 2**20  # per second; with less of both, other processes cause the lag
FILES_REQUESTS: Final = 20.0  # per second
FAILING_SHARE: Final = 0.05


class Replicas(NamedTuple):
    """How many processes a role may have; it starts with the minimum."""

    minimum: int
    maximum: int


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The load from which another process helps. Far below what one can handle: waiting for that
    would be too late, and a process is cheap."""

    in_flight: float = 5.0  # edge: requests
    lag_ms: float = 3.0  # edge, realtime, files: how long due work waits for the event loop
    connections: float = 500.0  # realtime
    deliveries: float = 2500.0  # realtime, per second
    queue_ms: float = 50.0  # chats, users: how long work waits before it begins
    database_ms: float = 100.0  # chats, users: with a slower database more processes do not help
    calm_seconds: float = 15.0  # of continuous low load before one process is removed


class Figures(NamedTuple):
    """Recent figures of one role; averages per process, of those seen. Times in seconds."""

    seen: int
    unseen: int = 0  # not ready, or no answer: their load is unknown
    lag: float = 0.0
    in_flight: float = 0.0
    connections: float = 0.0
    deliveries: float = 0.0
    requests: float = 0.0  # per second, of files
    bytes: float = 0.0  # per second, of files, in both directions
    queue: float = 0.0
    database: float = 0.0
    failing: float = 0.0  # share of answers that are server errors
    cut_off: bool = False  # some lack a dependency: an open circuit, no bus

    @property
    def is_sound(self) -> bool:
        """Low load means little to do only if nothing is broken."""
        return bool(self.seen) and not (self.unseen or self.cut_off or self.failing > FAILING_SHARE)


class Load(NamedTuple):
    """Shares of a process's limit: `up` is a reason to grow, `down` the load per process after
    shrinking."""

    up: float
    down: float


def load_of(role: str, figures: Figures, limits: Limits) -> Load:
    """Which figures count for a role, and how."""
    lag = figures.lag * 1000 / limits.lag_ms
    match role:
        case "edge":
            # Requests that wait for a slow service occupy edge too, but do not wait for edge.
            in_flight = figures.in_flight / limits.in_flight
            return Load(min(in_flight, lag), in_flight)
        case "realtime":
            deliveries = figures.deliveries / limits.deliveries
            work = max(figures.connections / limits.connections, deliveries)
            both = max(work, lag) if deliveries >= LATE_SHARE else work
            return Load(both, both)
        case "files":
            works = figures.bytes >= FILES_BYTES or figures.requests >= FILES_REQUESTS
            return Load(lag, lag) if works else Load(0.0, 0.0)
        case _:
            queue = figures.queue * 1000 / limits.queue_ms
            database = figures.database * 1000 / limits.database_ms
            # With a slow database everything waits, and more processes only add to its load.
            return Load(0.0 if database >= 1 else queue, max(queue, database))


class Memory(NamedTuple):
    """The state that decisions about a role carry over to the next one."""

    wanted: int
    load: Load = Load(0.0, 0.0)  # smoothed
    high_since: float | None = None
    low_since: float | None = None
    changed: float = float("-inf")
    shrunk: float = float("-inf")
    patience: float = 1.0  # factor of the required calm; doubled by each regret


def decide(
    role: str, memory: Memory, figures: Figures, bounds: Replicas, limits: Limits, now: float,
    *, all_sound: bool,
) -> Memory:  # fmt: skip
    """Decides about one role; `wanted` of the result is the decision. One step down at a time.

    `all_sound`: nothing is broken anywhere, so that low load can be trusted.
    """
    wanted = memory.wanted
    if wanted > bounds.maximum:
        return memory._replace(wanted=wanted - 1, changed=now)
    if wanted < bounds.minimum:
        return memory._replace(wanted=bounds.minimum, changed=now)
    if figures.unseen or not figures.seen:
        return memory._replace(high_since=None, low_since=None)
    fresh = load_of(role, figures, limits)
    load = Load(*(_smooth(old, new) for old, new in zip(memory.load, fresh, strict=True)))
    fits = wanted > 1 and load.down * wanted / (wanted - 1) <= ROOM
    memory = memory._replace(
        load=load,
        high_since=_since(memory.high_since, load.up >= 1, now),
        low_since=_since(memory.low_since, fits and load.up < 1 and all_sound, now),
    )
    if now - memory.changed < COOL_DOWN_SECONDS:
        return memory
    is_high = _lasts(memory.high_since, GROW_AFTER_SECONDS, now) and fresh.up >= 1
    if wanted < bounds.maximum and is_high:
        return _grow(memory, bounds.maximum, now)
    calm = limits.calm_seconds * memory.patience
    if wanted > bounds.minimum and _lasts(memory.low_since, calm, now):
        return memory._replace(
            wanted=wanted - 1, high_since=None, low_since=None, changed=now, shrunk=now
        )
    return memory


def decide_all(
    memories: Mapping[str, Memory], figures: Mapping[str, Figures], bounds: Mapping[str, Replicas],
    limits: Limits, now: float,
) -> dict[str, Memory]:  # fmt: skip
    """Decides about all roles together: while one is in trouble, none shrinks."""
    all_sound = all(seen.is_sound for seen in figures.values())
    return {
        role: decide(role, memory, figures[role], bounds[role], limits, now, all_sound=all_sound)
        for role, memory in memories.items()
    }


def _grow(memory: Memory, maximum: int, now: float) -> Memory:
    """One more, or twice as many if the load is twice the limit."""
    step = memory.wanted if memory.load.up >= 2 else 1
    regret = now - memory.shrunk < REGRET_SECONDS
    return memory._replace(
        wanted=min(memory.wanted + step, maximum),
        high_since=None,
        low_since=None,
        changed=now,
        patience=min(memory.patience * 2, MAX_PATIENCE) if regret else 1.0,
    )


def _smooth(old: float, new: float) -> float:
    return (old + min(new, MAX_SHARE)) / 2


def _since(since: float | None, holds: bool, now: float) -> float | None:
    if not holds:
        return None
    return now if since is None else since


def _lasts(since: float | None, seconds: float, now: float) -> bool:
    return since is not None and now - since >= seconds
