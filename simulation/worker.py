"""One process that runs plans. Its first import puts the product on the simulation's clock."""

# ruff: noqa: E402, I001
from simulation.clock import CLOCK

CLOCK.install()

import gc
import sys
import warnings

from simulation.installation import Watch, install
from simulation.plan import Plan, make_plan
from simulation.run import Outcome, run_plan

GARBAGE_EVERY = 20  # runs; each leaves what it had not ended


class Worker:
    """Runs plans one after the other."""

    def __init__(self) -> None:
        install()
        warnings.simplefilter("ignore")
        sys.unraisablehook = lambda _: None  # what a killed process leaves is never run
        self._watch = Watch()
        self._runs = 0
        gc.collect()
        gc.freeze()

    def run(self, plan: Plan, *, listen: bool = False) -> Outcome:
        outcome = run_plan(plan, self._watch, listen=listen)
        self._runs += 1
        if self._runs % GARBAGE_EVERY == 0:
            gc.collect()
        return outcome

    def run_seed(self, seed: int, *, listen: bool = False) -> Outcome:
        return self.run(make_plan(seed), listen=listen)
