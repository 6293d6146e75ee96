"""Shrinks a failing plan to a short one that fails in the same way."""

from collections.abc import Callable, Iterator
from typing import Final

from simulation.plan import Plan, Step
from simulation.run import Outcome

MAX_RUNS: Final = 400

RunPlan = Callable[[Plan], Outcome]


class Shrinker:
    """`run` runs a plan; `kind` is the breach that has to stay."""

    def __init__(self, run: RunPlan, kind: str) -> None:
        self._run = run
        self._kind = kind
        self.runs = 0

    def shrink(self, plan: Plan) -> Plan:
        """The plan without the steps that the failure does not need."""
        plan = self._without_steps(plan)
        for simpler in _simplifications(plan):
            if self._fails(simpler):
                plan = simpler
        return self._without_steps(plan)

    def _without_steps(self, plan: Plan) -> Plan:
        size = max(1, len(plan.steps) // 2)
        while True:
            place = 0
            while place < len(plan.steps):
                fewer = plan._replace(steps=plan.steps[:place] + plan.steps[place + size :])
                if self._fails(fewer):
                    plan = fewer
                else:
                    place += size
            if size == 1:
                return plan
            size = max(1, size // 2)

    def _fails(self, plan: Plan) -> bool:
        if self.runs >= MAX_RUNS:
            return False
        self.runs += 1
        breach = self._run(plan).breach
        return breach is not None and breach.kind == self._kind


def _simplifications(plan: Plan) -> Iterator[Plan]:
    """Single simplifications of the given plan."""
    yield plan._replace(suspension=0.0)
    for role, count in plan.replicas.items():
        if count > 1 and not _names(plan.steps, f"{role}-1"):
            yield plan._replace(replicas={**plan.replicas, role: 1})
    if any(plan.history):
        yield plan._replace(history=tuple(0 for _ in plan.history))


def _names(steps: tuple[Step, ...], host: str) -> bool:
    return any(host in str(step) for step in steps)
