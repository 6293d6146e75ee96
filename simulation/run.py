"""One run of one plan: builds the system, carries out the plan, checks until the system is at rest.

Must run in a worker (simulation/worker.py), where the product is on the simulation's clock.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from simulation.clock import CLOCK
from simulation.faults import Faults
from simulation.inside import find_leak, find_wrong
from simulation.installation import Watch
from simulation.loop import Loop
from simulation.network import Network
from simulation.people import People
from simulation.plan import Plan
from simulation.roles import Fleet
from simulation.store.chats import ChatsDatabase
from simulation.store.server import Pool, Server
from simulation.store.users import UsersDatabase
from simulation.valkey import Valkey, start_valkey
from simulation.witness import Breach, Line, Witness

START_SECONDS: Final = 8.0
LOOK_SECONDS: Final = 0.025  # how often the inside is checked
# After the end of the faults: undetectable losses are found by the comparison of heads every 30 s,
# all others much sooner.
REST_SECONDS: Final = 8.0
REST_SECONDS_AFTER_WEAR: Final = 36.0
RESOLVE_SECONDS: Final = 25.0  # for changes in both databases, some of which are in doubt
LEAVE_SECONDS: Final = 8.0  # besides the time that rooms linger


class Outcome(NamedTuple):
    """`breach` is None if everything held. `seconds` are virtual."""

    plan: Plan
    breach: Breach | None
    seconds: float
    steps: int
    lines: list[Line]
    notes: list[tuple[float, str, str]]


class Run:
    """The parts of one run."""

    def __init__(self, plan: Plan, watch: Watch) -> None:
        seed = str(plan.seed)
        CLOCK.reset(seed)
        self.plan = plan
        self.watch = watch
        self.loop = Loop(CLOCK, seed)  # type: ignore[abstract]
        self.loop.suspension = plan.suspension
        self.network = self.loop.network = Network(self.loop, seed)
        self.witness = Witness(
            lambda: CLOCK.now,
            self.loop.halt,
        )
        self.valkey = Valkey(self.loop, seed)
        self.valkey_process = start_valkey(self.loop, self.valkey)
        self.chats = ChatsDatabase(CLOCK.wall, "epoch", self.witness.commit)
        self.users = UsersDatabase(CLOCK.wall)
        self.servers = {
            f"postgres-{name}": Server(self.loop, f"postgres-{name}", seed)
            for name in ("chats", "users")
        }
        Pool.server_of = staticmethod(
            lambda url: (self.servers[f"postgres-{url}"], getattr(self, url))
        )
        self.fleet = Fleet(self.loop, plan.replicas)
        self.people = People(self)
        self.faults = Faults(self)

    def go(self) -> None:
        """Runs until a breach or the end."""
        self.people.arrive()
        for host in self.fleet.hosts:
            self.fleet.start(host)
        self.people.connect()
        self._look()
        if not self._run(self._is_up, START_SECONDS):
            self._fail("start", f"not everything is ready after {START_SECONDS} s")
            return
        begin = CLOCK.now
        for step in self.plan.steps:
            self.loop.call_at(begin + step.at, self._do, step)
        self._run(lambda: False, self.plan.seconds)
        self.faults.heal()
        self._come_to_rest()
        if self.plan.checks_leaks:
            self._leave()

    def _is_up(self) -> bool:
        return self.people.are_ready() and self.fleet.edges_are_ready()

    def _come_to_rest(self) -> None:
        patience = REST_SECONDS_AFTER_WEAR if self.plan.loses_messages else REST_SECONDS
        if not self._run(lambda: self.people.missing() is None, patience):
            self._fail("liveness", f"after {patience} s {self.people.missing()}")
        if not self._run(lambda: self._unresolved() is None, RESOLVE_SECONDS):
            self._fail("membership", f"after {RESOLVE_SECONDS} s {self._unresolved()}")
        # A change that was resolved late is announced as quickly as others.
        if not self._run(lambda: self.people.missing() is None, patience):
            self._fail("liveness", f"{patience} s after the last change {self.people.missing()}")

    def _unresolved(self) -> str | None:
        """Changes in both databases that have not ended."""
        if (change := self.people.unfinished_change()) is not None:
            return change
        pairs = {(u, chat) for chat, us in self.chats.participants().items() for u in us}
        if self.users.prepared:
            return f"{len(self.users.prepared)} transactions are in doubt"
        if pairs != self.users.memberships:
            return "users and chats disagree about who takes part"
        return None

    def _leave(self) -> None:
        self.people.leave()
        patience = LEAVE_SECONDS + 2 * self.plan.limits.get("LINGER_SECONDS", 60.0)
        if not self._run(lambda: find_leak(self.fleet) is None, patience):
            self._fail("leak", f"{patience} s after all have left: {find_leak(self.fleet)}")

    def _run(self, until: Any, seconds: float) -> bool:
        """Raises nothing: a breach ends it too, and every later call at once."""
        deadline = CLOCK.now + seconds

        def is_over() -> bool:
            return self._is_broken() or until()

        # `until` is expensive, so it is evaluated every few milliseconds of the run's time.
        while not is_over():
            if CLOCK.now >= deadline:
                return False
            self.loop.run(min(deadline, CLOCK.now + 0.01))
        return True

    def _is_broken(self) -> bool:
        if self.loop.errors or self.watch.errors:
            self._judge_errors()
        return self.witness.breach is not None

    def _judge_errors(self) -> None:
        logged = list(self.watch.errors)
        if self.plan.breaks_answers:  # the product logs it and recovers
            logged = [error for error in logged if not error.startswith("batched call failed")]
        self.watch.errors.clear()
        if self.loop.errors or logged:
            self._fail("error", "; ".join([*self.loop.errors, *logged]))

    def _fail(self, kind: str, detail: str) -> None:
        self.witness.fail(kind, detail)

    def _look(self) -> None:
        """Checks what must hold inside, including moments between outputs."""
        wrong = find_wrong(self.fleet)
        if wrong is not None:
            self._fail("inside", wrong)
        self.loop.call_later(LOOK_SECONDS, self._look)

    def _do(self, step: Any) -> None:
        (self.faults if self.faults.knows(step.kind) else self.people).do(step)


def run_plan(plan: Plan, watch: Watch, *, listen: bool = False) -> Outcome:
    """Runs it from its first to its last moment."""
    watch.reset(listen=listen)
    gc.disable()
    with _small(plan.limits):
        run = Run(plan, watch)
        run.go()
    outcome = Outcome(
        plan, run.witness.breach, CLOCK.now, run.loop.steps, run.witness.lines, watch.notes
    )
    run.loop.close()
    return outcome


@contextmanager
def _small(limits: dict[str, float]) -> Iterator[None]:
    """Replaces constants of the product, in every module that has them."""
    packages = ("chats", "common", "edge", "realtime", "simulation", "users")
    before = [
        (module, name, getattr(module, name))
        for module in list(sys.modules.values())
        if module.__name__.partition(".")[0] in packages
        for name in limits
        if hasattr(module, name)
    ]
    for module, name, _ in before:
        setattr(module, name, limits[name])
    yield
    for module, name, value in before:
        setattr(module, name, value)
