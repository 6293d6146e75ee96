"""A failed run as readable text: the plan, then what happened, then the breach."""

from collections.abc import Iterator

from simulation.plan import Plan, Step
from simulation.run import Outcome

MAX_LINES = 250
# Log lines that the product writes all the time and that say nothing about a failure.
_IDLE = ("call ", "serving", "sends messages", "settled", "batch ")


def describe(outcome: Outcome) -> str:
    """Includes the product's own log lines, if the run kept them, prefixed with a dot."""
    return "\n".join([*_head(outcome.plan), "", *_happenings(outcome), "", _end(outcome)])


def _head(plan: Plan) -> Iterator[str]:
    roles = ", ".join(f"{count} {role}" for role, count in plan.replicas.items())
    yield f"seed {plan.seed}: theme {plan.theme}; {roles}; {len(plan.devices)} devices"
    small = ", ".join(f"{name} {value}" for name, value in plan.limits.items())
    yield f"tasks come late {plan.suspension:.0%} of the time; {small}"
    for number, group in enumerate(plan.groups):
        members = ", ".join(f"user{n}" for n in group)
        yield f"chat{number + 1} of {members}, {plan.history[number]} messages before"
    yield "steps, in seconds after everybody is connected:"
    yield from (f"  {_name(step)}" for step in plan.steps)


def _name(step: Step) -> str:
    return str(step)


def _happenings(outcome: Outcome) -> Iterator[str]:
    lines = [(line.time, line.who, line.what) for line in outcome.lines]
    lines += [(time, who, f". {text}") for time, who, text in outcome.notes if not _is_idle(text)]
    lines.sort(key=lambda line: line[0])
    if len(lines) > MAX_LINES:
        yield f"({len(lines) - MAX_LINES} lines before are left out)"
    for time, who, what in lines[-MAX_LINES:]:
        yield f"{time:9.4f}  {who:11} {what}"


def _is_idle(text: str) -> bool:
    return text.startswith(_IDLE) and "status=5" not in text


def _end(outcome: Outcome) -> str:
    if outcome.breach is None:
        return f"all held, for {outcome.seconds:.2f} s of its time"
    return f"{outcome.breach.kind}: {outcome.breach.detail}"
