"""What locust runs: the users of `loadtest/users/person.py`, by hand on its web page or headless,
in one process or in several whose results are added up in the master.

Exits with 1 when a delivery was lost, doubled or out of order, or when a request failed or a send
was never answered.
"""

import sys
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import WorkerRunner

from common.process.garbage import tune_garbage_collection
from loadtest.users.gathering import count_requests
from loadtest.users.listener import DELIVERY, KIND
from loadtest.users.person import Person
from loadtest.users.tallies import Tallies

__all__ = ["Person"]

GOODBYE_SECONDS = 5.0  # for users to log out


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--open-loop", action="store_true",
        help="Start acts when they are due, whether or not earlier ones were answered",
    )  # fmt: skip
    parser.add_argument(
        "--pace", type=float, default=2.0, help="Seconds between a person's acts, on average"
    )


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    environment.stop_timeout = max(environment.stop_timeout, GOODBYE_SECONDS)
    environment.tallies = Tallies(environment)  # type: ignore[attr-defined]
    tune_garbage_collection()


@events.quitting.add_listener
def report(environment: Environment, **_: Any) -> None:
    """Prints the result once, in the process with all figures."""
    if isinstance(environment.runner, WorkerRunner):
        return
    requests, failures = count_requests(environment.stats)
    tallies: Tallies = environment.tallies  # type: ignore[attr-defined]
    tally, deliveries = tallies.total, environment.stats.get(DELIVERY, KIND)
    latencies = ", ".join(
        f"p{share * 100:g} {deliveries.get_response_time_percentile(share)} ms"
        for share in (0.5, 0.95, 0.99)
    )
    sys.stdout.write(
        f"\nRequests:         {requests}, {failures} failed\n"
        f"Posts answered:   {tally.answered}\n"
        f"Deliveries:       {tally.delivered}; {tally.cuts} times somebody lost the network\n"
        f"Post to delivery: {latencies if deliveries.num_requests else 'nothing was delivered'}\n"
        f"Lost:             {tally.lost}\n"
        f"Doubled:          {tally.doubled}\n"
        f"Out of order:     {tally.out_of_order}\n"
        f"Unanswered:       {tally.unanswered}\n"
    )
    is_good = tally.is_clean and not failures and tally.answered
    environment.process_exit_code = 0 if is_good else 1
