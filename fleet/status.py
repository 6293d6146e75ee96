"""`python -m fleet status`: the processes of the fleet on a data folder, as a table."""

import sys
import time
from pathlib import Path

from fleet.state import is_alive, read_state


def print_status(data: Path) -> int:
    """Exit code 0 when a fleet runs, 1 when none does."""
    state = read_state(data)
    if state is None or not is_alive(state.parent):
        print(f"No Hubbub runs on {data}.", file=sys.stderr)
        return 1
    print(f"{'process':<14}{'state':<10}{'pid':>8}{'port':>7}{'metrics':>9}  up")
    for p in sorted(state.processes, key=lambda p: (p.role, p.number)):
        metrics = p.metrics if p.metrics is not None else "-"
        minutes, seconds = divmod(int(time.time() - p.started), 60)
        print(
            f"{f'{p.role}-{p.number}':<14}{p.state:<10}{p.pid:>8}{p.port:>7}{metrics:>9}"
            f"  {minutes} min {seconds} s"
        )
    return 0
