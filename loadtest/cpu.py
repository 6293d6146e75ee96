"""CPU time used by the tiers of a running system, from the kernel (proc(5), schedstat): exact to
the nanosecond, for live threads."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fleet.data.state import FleetState

TIERS: Final = ("edge", "users", "chats", "postgres", "valkey", "cache")
ALL_TIERS: Final = ("balancer", "realtime", "files", *TIERS)


class CpuClock:
    """Reads the CPU seconds of each tier since its processes started. `others` are named processes
    outside the system."""

    def __init__(
        self,
        state: FleetState,
        tiers: Sequence[str] = TIERS,
        others: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._roots = [(p.role, p.pid) for p in state.processes if p.role in tiers]
        self._roots += [(name, pid) for name, pids in (others or {}).items() for pid in pids]
        self._names = (*tiers, *(others or {}))

    def read(self) -> dict[str, float]:
        """By tier; PostgreSQL with its child processes."""
        children = _children_of_all()
        used = dict.fromkeys(self._names, 0.0)
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
