"""`python -m ops status`: wanted and running processes."""

import sys
import time

from fleet.settings import FleetSettings
from ops.running import find_running


async def print_status(settings: FleetSettings) -> int:
    """Exit code 0 when a fleet runs, 1 when none does."""
    state = await find_running(settings)
    if state is None:
        print(f"No Hubbub runs on {settings.data}.", file=sys.stderr)
        return 1
    print(f"{'role':<14}{'wanted':>7}{'present':>9}{'range':>8}")
    for role, wanted in sorted(state.wanted.items()):
        present = sum(p.role == role and p.state == "ready" for p in state.processes)
        between = f"{wanted.minimum}-{wanted.maximum}"
        print(f"{role:<14}{wanted.replicas:>7}{present:>9}{between:>8}")
    print(f"\n{'process':<14}{'state':<10}{'pid':>8}{'port':>7}{'metrics':>9}  up")
    for p in sorted(state.processes, key=lambda p: (p.role, p.number)):
        metrics = p.metrics if p.metrics is not None else "-"
        # The clock may have been set back.
        minutes, seconds = divmod(max(0, int(time.time() - p.started)), 60)
        up = f"{minutes} min {seconds} s" if p.started else "-"
        print(f"{p.name:<14}{p.state:<10}{p.pid or '-':>8}{p.port:>7}{metrics:>9}  {up}")
    return 0
