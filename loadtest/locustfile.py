"""What locust runs: the people of `person.py`, and at the end the report of `delivery.py`.

Exits with 1 when a delivery was lost, doubled or out of order, or when a request failed.
"""

import sys
import time
from typing import Any

import gevent
from locust import events
from locust.env import Environment

from loadtest.person import Person, run

__all__ = ["Person"]

SETTLE_SECONDS = 10


@events.quitting.add_listener
def report(environment: Environment, **_: Any) -> None:
    """Wait until everything has arrived or the time is over, then say how it went."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while run.book.missing() and time.monotonic() < deadline:
        gevent.sleep(0.1)
    run.is_over = True
    gevent.killall(run.listeners)
    total, arrival = environment.stats.total, run.book.close()
    latencies = ", ".join(
        f"{'max' if percent == 100 else f'p{percent}'} {seconds * 1000:.1f} ms"
        for percent, seconds in arrival.percentiles.items()
    )
    sys.stdout.write(
        f"\nRequests:         {total.num_requests}, {total.total_rps:.1f}/s, "
        f"{total.num_failures} failed\n"
        f"Posts answered:   {arrival.answered}\n"
        f"Deliveries:       {arrival.delivered} to {len(run.listeners)} sockets, "
        f"{run.reconnects} reconnects\n"
        f"Post to delivery: {latencies or 'nothing was delivered'}\n"
        f"Lost:             {arrival.lost}\n"
        f"Doubled:          {arrival.doubled}\n"
        f"Out of order:     {arrival.out_of_order}\n"
    )
    good = arrival.is_clean and arrival.answered > 0 and total.num_failures == 0
    environment.process_exit_code = 0 if good else 1
