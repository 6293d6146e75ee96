"""What the doctor says: for people, or as JSON."""

import json
from typing import NamedTuple

from fleet.settings import FleetSettings
from ops.doctor.check import Finding
from ops.doctor.checks import CHECKS
from ops.doctor.looking import look_around
from ops.doctor.scene import Scene


class Verdict(NamedTuple):
    """Of one check; `was_judged` is false where it makes no sense without a running fleet."""

    number: int
    name: str
    findings: list[Finding]
    was_judged: bool = True


def judge(scene: Scene) -> list[Verdict]:
    """All checks, in their order."""
    return [
        Verdict(check.number, check.name, list(check.judge(scene)))
        if scene.state is not None or not check.needs_fleet
        else Verdict(check.number, check.name, [], was_judged=False)
        for check in CHECKS
    ]


async def print_diagnosis(settings: FleetSettings, *, as_json: bool = False) -> int:
    """Exit code 0 when nothing is wrong, else 1."""
    verdicts = judge(await look_around(settings))
    print(to_json(verdicts) if as_json else to_text(verdicts))
    return 1 if any(verdict.findings for verdict in verdicts) else 0


def to_text(verdicts: list[Verdict]) -> str:
    """A line a check; what is wrong with its cause and what mends it."""
    lines = []
    for verdict in verdicts:
        word = "WRONG" if verdict.findings else "ok" if verdict.was_judged else "-"
        lines.append(f"{verdict.number:>2}  {verdict.name:<22} {word}")
        for wrong, cause, command in verdict.findings:
            lines += [f"    {wrong}", f"    Why:  {cause}", f"    Mend: {command}"]
    count = sum(len(verdict.findings) for verdict in verdicts)
    lines.append(f"{count} to mend." if count else "Nothing is wrong.")
    return "\n".join(lines)


def to_json(verdicts: list[Verdict]) -> str:
    """`checks` in their order, each with `findings`; `sound` when there are none."""
    checks = [
        {
            "number": verdict.number,
            "name": verdict.name,
            "judged": verdict.was_judged,
            "findings": [finding._asdict() for finding in verdict.findings],
        }
        for verdict in verdicts
    ]
    sound = not any(verdict.findings for verdict in verdicts)
    return json.dumps({"sound": sound, "checks": checks}, indent=1)
