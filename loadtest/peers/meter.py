"""CPU of all tiers for some work, without what a Hubbub uses while it rests."""

import os
import time
from collections.abc import Mapping
from typing import Final, NamedTuple, Self

from loadtest.peers.hubbub import Cost, Hubbub, spent
from loadtest.peers.machine import Found, cpu_seconds, machine_busy_seconds

REST_SECONDS: Final = 3.0


class Reading(NamedTuple):
    """Where the counters stood."""

    at: float
    busy: float
    cpu: Cost
    clients: float


class Meter:
    """`resting`: cores by role that health checks, sweeps, canaries and polls take anyway."""

    def __init__(self, hubbub: Hubbub, resting: Mapping[str, float]) -> None:
        self._hubbub = hubbub
        self.resting = resting

    @classmethod
    def at_rest(cls, hubbub: Hubbub) -> Self:
        """Watches a system for a moment in which it is idle."""
        cpu, started = hubbub.cpu(), time.monotonic()
        time.sleep(REST_SECONDS)
        took = time.monotonic() - started
        return cls(hubbub, {r: s / took for r, s in spent(cpu, hubbub.cpu()).items()})

    def start(self, *clients: int) -> Reading:
        """`clients`: processes that are no part of the system."""
        return Reading(time.monotonic(), machine_busy_seconds(), self._hubbub.cpu(), _own(clients))

    def stop(self, since: Reading, *clients: int) -> Found:
        """`seconds`, `cpu` by role, and `others_cores`, which somebody else used; `clients` as at
        the start, and those that were born since."""
        cpu = spent(since.cpu, self._hubbub.cpu())
        took = time.monotonic() - since.at
        busy = machine_busy_seconds() - since.busy - sum(cpu.values())
        return {
            "seconds": took,
            "cpu": self.net(cpu, took),
            "others_cores": max(0.0, (busy - _own(clients) + since.clients) / took),
        }

    def net(self, cpu: Mapping[str, float], seconds: float) -> Cost:
        """Without the share of rest."""
        return {
            role: max(0.0, used - self.resting.get(role, 0) * seconds) for role, used in cpu.items()
        }


def by_tier(cpu: Mapping[str, float], count: float) -> Found:
    """Microseconds for each of `count`: `us` over all tiers, and each tier's."""
    tiers = {role: seconds / count * 1e6 for role, seconds in cpu.items()}
    return {"us": sum(tiers.values()), "us_by_tier": tiers}


def _own(clients: tuple[int, ...]) -> float:
    return sum(map(cpu_seconds, (os.getpid(), *clients)))
