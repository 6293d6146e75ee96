"""How much CPU time the tiers of a running system have used, from the kernel's own count (proc(5),
schedstat): exact to the nanosecond, for threads that still live."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fleet.data.state import FleetState

TIERS: Final = ("edge", "users", "chats", "postgres", "valkey", "cache")


class CpuClock:
    """Reads the CPU seconds of each tier since its processes began."""

    def __init__(self, state: FleetState) -> None:
        self._roots = [(p.role, p.pid) for p in state.processes if p.role in TIERS]

    def read(self) -> dict[str, float]:
        """By tier; PostgreSQL with the processes that it made."""
        children = _children_of_all()
        used = dict.fromkeys(TIERS, 0.0)
        for role, root in self._roots:
            waiting = [root]
            while waiting:
                pid = waiting.pop()
                waiting += children.get(pid, [])
                used[role] += _seconds_of(pid)
        return used


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Seconds by tier."""
    return {tier: after[tier] - before[tier] for tier in before}


def _children_of_all() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(name))
    return children


def _seconds_of(pid: int) -> float:
    nanoseconds = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path("/proc", str(pid), "task").iterdir():
            nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9
