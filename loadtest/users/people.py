"""Locust's people as an adjustable number: a master in this process, and worker processes.

Importing this takes `select.epoll` out of the process, as locust does.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Final

import gevent
from locust import runners
from locust.env import Environment
from locust.runners import MasterRunner

from fleet.processes.children import spawn
from fleet.processes.ports import LOOPBACK, ReservedPort
from fleet.settings import PROJECT_FOLDER
from loadtest.users.figures import Figures, Tally
from loadtest.users.gathering import LATE, count_requests
from loadtest.users.listener import DELIVERY, KIND
from loadtest.users.person import Person
from loadtest.users.tallies import Tallies

LOCUSTFILE: Final = "loadtest/locustfile.py"
START_SECONDS: Final = 60.0
GOODBYE_SECONDS: Final = 5.0
# Seconds of silence after which locust gives a worker up, and with it the run; by default 3, which
# a machine that is meant to be overloaded exceeds.
WORKER_SILENCE_SECONDS: Final = 30
REPORT_SECONDS: Final = 4.0  # workers tell their figures every 3 s


class People:
    """Made by `gathered_people`."""

    def __init__(
        self, environment: Environment, runner: MasterRunner, workers: Sequence[Popen[bytes]]
    ) -> None:
        self._environment = environment
        self._runner = runner
        self._workers = workers
        self._tallies = Tallies(environment)
        self._reset_at = time.monotonic()

    @property
    def number(self) -> int:
        return self._runner.user_count

    @property
    def pids(self) -> list[int]:
        """Of the load processes."""
        return [worker.pid for worker in self._workers]

    @property
    def tally(self) -> Tally:
        return self._tallies.total

    def become(self, number: int, a_second: float, patience_seconds: float) -> bool:
        """Sets the number; whether it was reached in time."""
        self._runner.start(number, a_second)
        deadline = time.monotonic() + patience_seconds
        while self.number != number and time.monotonic() < deadline:
            gevent.sleep(0.2)
        return self.number == number

    def reset(self) -> None:
        """Resets the figures; waits for those still in transit."""
        gevent.sleep(REPORT_SECONDS)
        self._environment.stats.reset_all()
        self._reset_at = time.monotonic()

    def figures(self) -> Figures:
        stats = self._environment.stats
        deliveries, late = stats.get(DELIVERY, KIND), stats.get(LATE[1], LATE[0])
        requests, failures = count_requests(stats)
        return Figures(
            seconds=time.monotonic() - self._reset_at,
            requests=requests,
            failures=failures,
            deliveries=deliveries.num_requests,
            p50_ms=deliveries.get_response_time_percentile(0.5) or 0,
            p99_ms=deliveries.get_response_time_percentile(0.99) or 0,
            late_ms=late.get_response_time_percentile(0.99) or 0,
            reasons={f"{e.name}: {e.error}": e.occurrences for e in stats.errors.values()},
        )

    def go_home(self) -> None:
        """All leave; later ones start from zero, including their totals. Raises TimeoutError."""
        self._runner.stop()
        self.await_workers()

    def await_workers(self) -> None:
        """A worker reports again after its start and after each stop. Raises TimeoutError."""
        deadline = time.monotonic() + START_SECONDS
        while (ready := len(self._runner.clients.ready)) < len(self._workers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{ready} of {len(self._workers)} load processes are there")
            gevent.sleep(0.1)

    def fall_silent(self) -> Tally:
        """Stops all posts and waits; messages that have not arrived then are lost."""
        self._tallies.hush()
        return self.tally


@contextmanager
def gathered_people(
    origin: str, workers: int, pace: float, person: type[Person] = Person, file: str = LOCUSTFILE
) -> Iterator[People]:
    """Starts without people; `file` is where locust finds them. Raises TimeoutError if the workers
    do not start."""
    environment = Environment(user_classes=[person], host=origin, stop_timeout=GOODBYE_SECONDS)
    runners.HEARTBEAT_LIVENESS = WORKER_SILENCE_SECONDS
    port = ReservedPort()
    number = port.number
    port.close()
    runner = environment.create_master_runner(LOOPBACK, number)
    with tempfile.TemporaryDirectory(prefix="hubbub-people-") as folder:
        children: list[Popen[bytes]] = []
        try:
            for worker in range(workers):
                with Path(folder, f"{worker}.log").open("wb") as output:
                    children.append(
                        spawn(
                            [
                                sys.executable, "-m", "locust", "--worker",
                                "-f", file,
                                "--master-host", LOOPBACK, "--master-port", str(number),
                                "--open-loop", "--pace", str(pace),
                            ],
                            env=os.environ, cwd=PROJECT_FOLDER, output=output,
                        )
                    )  # fmt: skip
            people = People(environment, runner, children)
            people.await_workers()
            yield people
        finally:
            runner.quit()
            for child in children:
                child.terminate()
                child.wait()
