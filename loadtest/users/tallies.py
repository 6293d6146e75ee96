"""The totals of all load processes, and the end of a run: posts stop, then every process reports
its deliveries."""

import time
from typing import Any, Final

import gevent
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.users.figures import Tally
from loadtest.users.gathering import SETTLE_SECONDS, Gathering

HUSH: Final = "hush"
HUSHED: Final = "hushed"
ANSWER_SECONDS: Final = SETTLE_SECONDS + 10.0
WATCH_SECONDS: Final = 3.0  # as often as workers report


class Tallies:
    """Created once per process, when locust has its runner; `environment.gathering` is this
    run's."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._by_process: dict[str, Tally] = {}
        self._hushed: set[str] = set()
        runner, events = environment.runner, environment.events
        events.test_start.add_listener(self._begin)
        if isinstance(runner, MasterRunner):
            runner.register_message(HUSHED, self._take_last)
            events.worker_report.add_listener(self._take)
        elif isinstance(runner, WorkerRunner):
            # concurrent, since the runner must keep answering its master
            runner.register_message(HUSH, self._hush_this_process, concurrent=True)
            events.report_to_master.add_listener(self._report)
        else:
            gevent.spawn(self._watch)
        events.test_stopping.add_listener(lambda **_: self.hush())
        self._begin()

    @property
    def total(self) -> Tally:
        total = Tally()
        for tally in self._by_process.values():
            total = total.plus(tally)
        return total

    def hush(self) -> None:
        """Returns when everything has arrived, or is late enough to count as lost."""
        runner = self._environment.runner
        if isinstance(runner, WorkerRunner):
            return  # its master asks
        if not isinstance(runner, MasterRunner):
            self._by_process["self"] = self._gathering.settle()
            return
        workers = {client.id for client in runner.clients.all}
        runner.send_message(HUSH)
        deadline = time.monotonic() + ANSWER_SECONDS
        while not workers <= self._hushed and time.monotonic() < deadline:
            gevent.sleep(0.1)

    @property
    def _gathering(self) -> Gathering:
        gathering: Gathering = self._environment.gathering  # type: ignore[attr-defined]
        return gathering

    def _begin(self, **_: Any) -> None:
        self._by_process.clear()
        self._hushed.clear()
        self._environment.gathering = Gathering(  # type: ignore[attr-defined]
            self._environment.stats
        )

    def _watch(self) -> None:
        """In the only process."""
        while True:
            gevent.sleep(WATCH_SECONDS)
            self._by_process["self"] = self._gathering.tally()

    def _report(self, client_id: str, data: dict[str, Any]) -> None:
        data["tally"] = list(self._gathering.tally())

    def _take(self, client_id: str, data: dict[str, Any]) -> None:
        self._by_process[client_id] = Tally(*data["tally"])

    def _take_last(self, msg: Any, **_: Any) -> None:
        self._by_process[msg.node_id] = Tally(*msg.data)
        self._hushed.add(msg.node_id)

    def _hush_this_process(self, environment: Environment, **_: Any) -> None:
        tally = self._gathering.settle()
        environment.runner._send_stats()  # type: ignore[union-attr]  # with the failures just found
        environment.runner.send_message(HUSHED, list(tally))  # type: ignore[union-attr]
