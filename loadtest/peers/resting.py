"""What a fresh system uses while idle: memory and CPU time, by role.

Memory is PSS: what processes share is counted once, in parts.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from loadtest.peers.hubbub import running_hubbub, spent
from loadtest.peers.machine import Found, machine_busy_seconds, wait_for_quiet

# A start leaves work and connections behind; the system is idle after a minute and a half.
SETTLE_SECONDS: Final = 150.0
WATCHED_SECONDS: Final = 60.0
SIZES: Final[Mapping[str, Mapping[str, str]]] = {
    "rest, as it comes": {},
    "rest, small": {"HUBBUB_SIZE": "small"},
}
RESTING: Final = tuple(SIZES)


def measure_rest(patience: float) -> Iterator[tuple[str, Found]]:
    """Each size of a fresh Hubbub: `mb` and `core_percent` of all, and both by role."""
    for what, variables in SIZES.items():
        # As `make run` starts it: not even the limits are those of a load test.
        with running_hubbub("", None, HUBBUB_RATE_LIMITS="on", **variables) as hubbub:
            time.sleep(SETTLE_SECONDS)
            wait_for_quiet(patience)
            before, busy, since = hubbub.cpu(), machine_busy_seconds(), time.monotonic()
            time.sleep(WATCHED_SECONDS)
            used = spent(before, hubbub.cpu())
            seconds = time.monotonic() - since
            others = machine_busy_seconds() - busy - sum(used.values())
            pids = hubbub.pids_by_role()
            mb = {role: hubbub.pss_kb(role) / 1024 for role in pids}
            yield (
                what,
                {
                    "mb": sum(mb.values()),
                    "core_percent": 100 * sum(used.values()) / seconds,
                    "others_cores": others / seconds,
                    "by_role": {
                        role: {
                            "processes": len(pids[role]),
                            "mb": mb[role],
                            "core_percent": 100 * used[role] / seconds,
                        }
                        for role in sorted(mb, key=lambda role: -mb[role])
                    },
                },
            )
