"""One process that runs plans. Its first import installs the simulation's clock for the product."""

# ruff: noqa: E402
from simulation.clock import CLOCK

CLOCK.install()

import asyncio
import gc
import json
import sys
import warnings
from typing import Any
from zlib import crc32

from simulation.history import describe
from simulation.installation import Watch, install
from simulation.mutations import MUTATIONS
from simulation.plan import Plan, make_plan
from simulation.run import Outcome, run_plan
from simulation.shrinking import Shrinker

GARBAGE_EVERY = 5  # runs; each leaves behind what it had not ended


class Worker:
    """Runs plans one after the other."""

    def __init__(self, mutation: int = 0) -> None:
        install()
        if mutation:
            MUTATIONS[mutation]()
        warnings.simplefilter("ignore")
        sys.unraisablehook = lambda _: None  # what a killed process leaves never runs
        # A connection that is collected would be closed by a task of asyncio's own loop, which
        # never runs, and which would keep everything that the connection references.
        asyncio.set_event_loop(None)
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


def run_seeds(first: int, count: int, stride: int, mutation: int = 0) -> None:
    """Prints a line for each as soon as it has ended. `mutation` is the number of a fix to take
    out, or 0."""
    worker = Worker(mutation)
    for seed in range(first, first + count * stride, stride):
        outcome = worker.run_seed(seed)
        print(json.dumps(_summarise(outcome)), flush=True)


def _summarise(outcome: Outcome) -> dict[str, Any]:
    """`trace` is the same for two runs in which the same things happened at the same times."""
    breach = outcome.breach
    return {
        "seed": outcome.plan.seed,
        "breach": {"kind": breach.kind, "detail": breach.detail} if breach else None,
        "seconds": outcome.seconds,
        "steps": outcome.steps,
        "trace": crc32(repr(outcome.lines).encode()),
    }


def show_seed(seed: int, mutation: int = 0, *, whole: bool) -> None:
    """Runs it; if it fails it is shrunk, unless the whole run is asked for."""
    worker = Worker(mutation)
    plan = make_plan(seed)
    outcome = worker.run(plan, listen=True)
    if outcome.breach is not None and not whole:
        shrinker = Shrinker(worker.run, outcome.breach.kind)
        plan = shrinker.shrink(plan)
        before, after = len(outcome.plan.steps), len(plan.steps)
        outcome = worker.run(plan, listen=True)
        print(f"made short in {shrinker.runs} runs: {after} of {before} steps are left")
    print(describe(outcome))
    sys.exit(outcome.breach is not None)


def main() -> None:
    """`seeds FIRST COUNT STRIDE [MUTATION]`, or `show` or `whole` with `SEED [MUTATION]`."""
    command, *numbers = sys.argv[1:]
    if command == "seeds":
        run_seeds(*map(int, numbers))
    else:
        show_seed(*map(int, numbers), whole=command == "whole")


if __name__ == "__main__":
    main()
