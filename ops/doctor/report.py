"""The doctor's report: text, or JSON."""

import asyncio
import json
from collections import Counter as Tally
from collections.abc import Mapping
from typing import Final, NamedTuple

from fleet.settings import FleetSettings
from ops.doctor.check import Check, Finding
from ops.doctor.checks import CHECKS
from ops.doctor.collecting import collect_facts
from ops.doctor.containers import collect_containers, collect_pods
from ops.doctor.scene import Scene
from ops.kubernetes import own_account
from ops.settings import CONTAINERS, KUBERNETES, where_it_is

# Checks that may fail while one process follows another, as in a restart; and after how long it is
# there again.
PASSING: Final = frozenset({3, 4, 18})
PASSING_SECONDS: Final = 2.0


class Verdict(NamedTuple):
    """The result of one check; `was_judged` is false if it makes no sense without a running fleet.
    `follows_from` are the checks whose findings explain these."""

    number: int
    name: str
    findings: list[Finding]
    was_judged: bool = True
    follows_from: tuple[int, ...] = ()


def judge(scene: Scene) -> list[Verdict]:
    """All checks, in their order."""
    verdicts = [
        Verdict(check.number, check.name, list(check.judge(scene)))
        if scene.state is not None or not check.needs_fleet
        else Verdict(check.number, check.name, [], was_judged=False)
        for check in CHECKS
    ]
    causes = {
        check: harmful
        for check, verdict in zip(CHECKS, verdicts, strict=True)
        if (harmful := [finding for finding in verdict.findings if finding.harms])
    }
    return [
        verdict._replace(follows_from=_explained(verdict, causes)) if verdict.findings else verdict
        for verdict in verdicts
    ]


def _explained(verdict: Verdict, causes: Mapping[Check, list[Finding]]) -> tuple[int, ...]:
    return tuple(
        check.number
        for check, findings in causes.items()
        if verdict.number in check.explains
        and (not check.by_role or _roles(verdict.findings) <= _roles(findings))
    )


def _roles(findings: list[Finding]) -> set[str]:
    return {finding.about for finding in findings}


async def collect(settings: FleetSettings) -> Scene:
    where = where_it_is(settings)
    if where == KUBERNETES:
        return await collect_pods(settings, own_account(settings.environment))
    if where == CONTAINERS:
        return await collect_containers(settings)
    return await collect_facts(settings)


async def diagnose(settings: FleetSettings) -> tuple[Scene, list[Verdict]]:
    """Looks again if what it found may pass by itself."""
    scene = await collect(settings)
    verdicts = judge(scene)
    may_pass = any(verdict.findings and verdict.number in PASSING for verdict in verdicts)
    if scene.state is not None and may_pass:
        await asyncio.sleep(PASSING_SECONDS)
        scene = await collect(settings)
        verdicts = judge(scene)
    return scene, verdicts


async def print_diagnosis(settings: FleetSettings, *, as_json: bool = False) -> int:
    """Exit code 0 when nothing is wrong, else 1."""
    scene, verdicts = await diagnose(settings)
    promises = list_promises(scene)
    print(to_json(verdicts, promises) if as_json else to_text(verdicts, promises))
    return 1 if any(verdict.findings for verdict in verdicts) else 0


def list_promises(scene: Scene) -> dict[str, str]:
    """What a committed answer of each database survives now, by role."""
    return {
        role: database.answers_survive
        for role, database in scene.databases.items()
        if database.answers_survive
    }


_PROMISES: Final = {
    "nothing": "not even a crash of PostgreSQL",
    "process": "the death of every process, while the disk of its machine lasts",
    "machine": "the loss of the primary's machine",
}


def to_text(verdicts: list[Verdict], promises: Mapping[str, str] = {}) -> str:
    """The findings, causes before their consequences, those with most consequences first; then a
    line per check; then what answers survive."""
    explained = Tally(number for v in verdicts for number in v.follows_from)
    wrong = sorted(
        (v for v in verdicts if v.findings),
        key=lambda v: (bool(v.follows_from), -explained[v.number]),
    )
    lines = []
    for verdict in wrong:
        for finding in verdict.findings:
            if verdict.follows_from:
                because = ", ".join(map(str, verdict.follows_from))
                lines.append(f"Follows from check {because}: {finding.wrong}")
            else:
                lines += [f"WRONG (check {verdict.number}): {finding.wrong}"]
                lines += [f"    Why: {finding.cause}", f"    Fix: {finding.command}"]
    lines += [""] if lines else []
    for verdict in verdicts:
        word = "WRONG" if verdict.findings else "ok" if verdict.was_judged else "-"
        lines.append(f"{verdict.number:>2}  {verdict.name:<22} {word}")
    lines += [f"Answers of {role} survive {_PROMISES[what]}." for role, what in promises.items()]
    count = sum(len(v.findings) for v in wrong if not v.follows_from)
    lines.append(f"{count} to fix." if count else "Nothing is wrong.")
    return "\n".join(lines)


def to_json(verdicts: list[Verdict], promises: Mapping[str, str] = {}) -> str:
    """`checks` in order, each with `findings` and `followsFrom`, the numbers of checks whose
    findings explain them; `sound` if there are no findings; `answersSurvive` by role."""
    checks = [
        {
            "number": verdict.number,
            "name": verdict.name,
            "judged": verdict.was_judged,
            "findings": [
                {"wrong": found.wrong, "cause": found.cause, "command": found.command}
                for found in verdict.findings
            ],
            "followsFrom": verdict.follows_from,
        }
        for verdict in verdicts
    ]
    sound = not any(verdict.findings for verdict in verdicts)
    document = {"sound": sound, "checks": checks, "answersSurvive": dict(promises)}
    return json.dumps(document, indent=1)
