"""Leases tell which nodes are dead, and prove nothing while nobody could renew them."""

from collections.abc import Mapping
from typing import Any, cast

from common.valkey.valkey import Leases, Valkey
from realtime.presence.node_leases import BEAT_SECONDS, GONE_MS, NodeLeases

START_MS = 1_000_000  # of Valkey's clock, when this node's shows 100 seconds


class Scene:
    """The node `here` looks at leases in a Valkey whose clock runs like its own, but is set."""

    def __init__(self) -> None:
        self.now = 100.0
        self.set_by_ms = 0
        self.ends: dict[str, int] = {}
        self.told: list[tuple[dict[str, float], bool]] = []
        valkey = cast("Valkey", self)
        self.leases = NodeLeases("here", valkey, self.renew, self.hear, lambda: self.now)

    @property
    def now_ms(self) -> int:
        return START_MS + round((self.now - 100) * 1000) + self.set_by_ms

    async def renew(self) -> None:
        self.ends["here"] = self.now_ms + 7_500

    async def list_lease_ends(self, *_: Any) -> Leases:
        return Leases(self.now_ms, dict(self.ends))

    def hear(self, dead: Mapping[str, float], is_back: bool) -> None:
        self.told.append((dict(dead), is_back))

    async def beat(self, after: float = BEAT_SECONDS) -> None:
        self.now += after
        await self.leases.beat()


async def test_a_node_is_dead_since_before_its_lease_ran_out() -> None:
    """The moment does not change while it stays dead."""
    scene = Scene()
    scene.ends["other"] = START_MS + 1_000
    await scene.beat(after=1.0)
    await scene.beat()
    await scene.beat()
    dead = {"other": 101.0 - GONE_MS / 1000}
    assert scene.told == [({}, False), (dead, False), (dead, False)]
    assert scene.leases.others == ["other"]


async def test_a_node_that_was_only_paused_is_back() -> None:
    """That is told once."""
    scene = Scene()
    scene.ends["other"] = START_MS
    await scene.beat()
    scene.ends["other"] = scene.now_ms + 10_000
    await scene.beat()
    await scene.beat()
    assert [is_back for _, is_back in scene.told] == [False, True, False]
    assert scene.told[-1] == ({}, False)


async def test_nobody_is_dead_until_all_could_renew_their_leases() -> None:
    """For two beats after Valkey came up again; those that died meanwhile did so at that moment."""
    scene = Scene()
    scene.ends["other"] = START_MS - 5_000
    scene.leases.start_over(again=True)
    await scene.beat(after=0.0)
    await scene.beat()
    assert scene.told == []
    await scene.beat()
    assert scene.told == [({"other": 100.0}, False)]


async def test_a_lease_that_a_clock_has_ended_is_of_a_node_that_was_there_just_now() -> None:
    """Valkey's clock is set, or has gone on while all nodes stood still with their machine: users
    of all nodes have half a minute to show that they are there."""
    scene = Scene()
    scene.ends["other"] = START_MS + 7_000
    await scene.beat()
    scene.set_by_ms = 60_000
    await scene.beat()
    gone_at = 107.0 - GONE_MS / 1000
    assert scene.told == [({}, False), ({"other": gone_at}, False)]


async def test_a_beat_is_due_once_in_a_while() -> None:
    """Until then it does nothing, unless it starts over."""
    scene = Scene()
    await scene.beat()
    await scene.beat(after=BEAT_SECONDS / 2)
    assert len(scene.told) == 1
    scene.leases.start_over(again=False)
    await scene.beat(after=0.0)
    assert len(scene.told) == 2
