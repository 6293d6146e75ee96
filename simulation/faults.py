"""The faults of a run: the steps of a plan that break something, and their end."""

from collections.abc import Callable
from typing import Any

from simulation.plan import LASTING
from simulation.valkey import Wear, start_valkey


class Faults:
    """Each fault ends by itself after its time, or when everything is healed, unless it is
    permanent."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._ends: dict[int, Callable[[], object]] = {}
        self._number = 0

    def knows(self, kind: str) -> bool:
        return hasattr(self, f"_do_{kind}")

    def do(self, step: Any) -> None:
        """Begins it."""
        self._run.witness.note("FAULT", f"{step.kind} {' '.join(map(str, step.args))}")
        getattr(self, f"_do_{step.kind}")(*step.args)

    def heal(self) -> None:
        """Ends all that are not permanent."""
        for number in list(self._ends):
            self._end(number)
        self._run.witness.note("FAULT", "all is healed that does not last")

    def _until(self, seconds: float, end: Callable[[], object]) -> None:
        if seconds == LASTING:
            return
        self._number += 1
        self._ends[self._number] = end
        self._run.loop.call_later(seconds, self._end, self._number)

    def _end(self, number: int) -> None:
        end = self._ends.pop(number, None)
        if end is not None:
            end()

    # ---- links

    def _do_cut(self, one: str, other: str, way: str, seconds: float) -> None:
        there, back = self._run.network.links(one, other)
        links = {"both": (there, back), "there": (there,), "back": (back,)}[way]
        for link in links:
            link.is_cut = True

        def join() -> None:
            for link in links:
                link.join()

        self._until(seconds, join)

    def _do_crawl(self, one: str, other: str, slowness: float, seconds: float) -> None:
        links = self._run.network.links(one, other)
        for link in links:
            link.slowness = slowness

        def recover() -> None:
            for link in links:
                link.slowness = 0.0

        self._until(seconds, recover)

    # ---- processes

    def _do_kill(self, host: str, seconds: float) -> None:
        self._run.fleet.processes[host].kill()
        self._until(seconds, lambda: self._start(host))

    def _do_vanish(self, host: str, seconds: float) -> None:
        """Its machine is gone, and no peer is told."""
        run = self._run
        others = {*run.fleet.hosts, "valkey", *(d.host for d in run.people.devices)} - {host}
        links = [link for other in sorted(others) for link in run.network.links(host, other)]
        for link in links:
            link.is_cut = True
        run.fleet.processes[host].kill()

        def come_back() -> None:
            for link in links:
                link.join()
            self._start(host)

        self._until(seconds, come_back)

    def _do_terminate(self, host: str, seconds: float) -> None:
        process = self._run.fleet.processes[host]
        process.terminate()
        self._until(seconds, lambda: self._start(host))

    def _start(self, host: str) -> None:
        process = self._run.fleet.processes[host]
        if process.is_alive:
            process.kill()
        self._run.fleet.start(host)
        self._run.witness.note("FAULT", f"{host} is started again")

    def _do_stop(self, host: str, seconds: float) -> None:
        process = self._run.fleet.processes[host]
        process.stop()
        self._until(seconds, process.go_on)

    def _do_skew(self, host: str, seconds: float) -> None:
        self._run.fleet.processes[host].skew += seconds

    def _do_short(self, host: str, seconds: float) -> None:
        """Its answers to batches lack their last item."""
        process = self._run.fleet.processes[host]
        process.answers_short = True
        self._until(seconds, lambda: setattr(process, "answers_short", False))

    # ---- Valkey

    def _do_valkey(self, how: str, seconds: float) -> None:
        self._run.valkey_process.kill()

        def start() -> None:
            self._run.valkey.forget(everything=how == "restart")
            self._run.valkey_process = start_valkey(self._run.loop, self._run.valkey)

        self._until(seconds, start)

    def _do_deaf(self, hosts: tuple[str, ...], seconds: float) -> None:
        self._run.valkey.deaf.update(hosts)
        self._until(seconds, lambda: self._run.valkey.deaf.difference_update(hosts))

    def _do_refuse(self, hosts: tuple[str, ...], seconds: float) -> None:
        self._run.valkey.refused.update(hosts)
        self._until(seconds, lambda: self._run.valkey.refused.difference_update(hosts))

    def _do_wear(self, host: str, lost: float, doubled: float, late: float, seconds: float) -> None:
        wear = self._run.valkey.wear[host] = Wear()
        wear.lost, wear.doubled, wear.late = lost, doubled, late
        self._until(seconds, lambda: self._run.valkey.wear.pop(host, None))

    # ---- databases

    def _do_hiccup(self, host: str, share: float, seconds: float) -> None:
        server = self._run.servers[host]
        server.hiccups = share
        self._until(seconds, lambda: setattr(server, "hiccups", 0.0))

    def _do_db_slow(self, host: str, slowness: float, seconds: float) -> None:
        server = self._run.servers[host]
        server.slowness = slowness
        self._until(seconds, lambda: setattr(server, "slowness", 0.0))

    def _do_db_restart(self, host: str, _: float) -> None:
        self._run.servers[host].restart()

    def _do_db_down(self, host: str, seconds: float) -> None:
        server = self._run.servers[host]
        server.is_down = True
        server.restart()
        self._until(seconds, lambda: setattr(server, "is_down", False))
