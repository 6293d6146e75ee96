"""`python -m ops status`: how many there should be and which there are."""

import sys
import time
from pathlib import Path

from fleet.state import read_running


def print_status(data: Path) -> int:
    """Exit code 0 when a fleet runs, 1 when none does."""
    state = read_running(data)
    if state is None:
        print(f"No Hubbub runs on {data}.", file=sys.stderr)
        return 1
    print(f"{'role':<14}{'wanted':>7}{'present':>9}{'range':>8}")
    for role, wanted in sorted(state.wanted.items()):
        present = sum(p.role == role and p.state == "ready" for p in state.processes)
        between = f"{wanted.minimum}-{wanted.maximum}"
        print(f"{role:<14}{wanted.replicas:>7}{present:>9}{between:>8}")
    print(f"\n{'process':<14}{'state':<10}{'pid':>8}{'port':>7}{'metrics':>9}  up")
    for p in sorted(state.processes, key=lambda p: (p.role, p.number)):
        metrics = p.metrics if p.metrics is not None else "-"
        minutes, seconds = divmod(int(time.time() - p.started), 60)
        print(
            f"{f'{p.role}-{p.number}':<14}{p.state:<10}{p.pid:>8}{p.port:>7}{metrics:>9}"
            f"  {minutes} min {seconds} s"
        )
    return 0
