"""`make nightly`: everything that takes too long for every change, and when it last ran.

    .venv/bin/python -m tests.nightly [PART …]

Each part is a command of the Makefile. Its output goes to .build/nightly; its result goes into the
table of docs/reliability.md with date, commit and seed. Rows of parts that do not run stay, so that
the table always shows how old each is. Exits with 1 if a part failed or could not run.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "reliability.md"
LOGS: Final = ROOT / ".build" / "nightly"
BEGIN, END = "<!-- nightly: begin -->", "<!-- nightly: end -->"
HEAD: Final = (
    "| part | command | result | date (UTC) | commit | seed | took |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)
NEVER: Final = "never"


class Part(NamedTuple):
    """`says` matches the summary line in the output; `seed` is the variable that sets the seed;
    `needs` is a required program."""

    name: str
    target: str
    says: str
    seed: str = ""
    needs: str = ""


PYTEST_SAYS: Final = r"^=+ (.*\b(?:passed|failed|error)\b.*?) =+$"
PARTS: Final = (
    Part("faults", "faults", PYTEST_SAYS, seed="FAULTS_SEED"),
    Part("promised times", "promises", PYTEST_SAYS),
    Part("simulation", "simulate", r"^ran (seeds .* failed)$", seed="FIRST"),
    Part("containers", "compose-test", PYTEST_SAYS, needs="docker"),
    Part("hosts", "hosts-test", PYTEST_SAYS, seed="FAULTS_SEED"),
    Part("manifests", "manifests", PYTEST_SAYS),
    Part("soak", "soak", r"^((?:Flat|Not flat): .*?)\.?$"),
    Part("benchmark", "bench", r"^((?:all \d+|\d+ of \d+) targets (?:met|MISSED)).*$"),
)


class Row(NamedTuple):
    """One line of the table, as shown."""

    part: str
    command: str
    result: str
    date: str = NEVER
    commit: str = ""
    seed: str = ""
    took: str = ""


def summarize(part: Part, output: str, code: int) -> str:
    """The text for the table: passed, or FAILED in capitals, and the last summary line."""
    found = re.findall(part.says, output, re.MULTILINE)
    word = "passed" if code == 0 else "**FAILED**"
    return f"{word}: {found[-1].strip()}".replace("|", "/") if found else word


def read_rows(page: str) -> dict[str, Row]:
    """The rows of the page by part. Raises ValueError if the page has lost its markers."""
    _, mark, rest = page.partition(BEGIN)
    table, end, _ = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{PAGE} has lost {BEGIN} and {END}")
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()
    ]
    return {row[0]: Row(*row) for row in cells[2:]}


def write_rows(page: str, rows: Mapping[str, Row]) -> str:
    """The page with this table between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [
        "| " + " | ".join(rows.get(part.name, _never(part))) + " |"
        for part in PARTS
    ]  # fmt: skip
    return "\n".join([f"{before}{BEGIN}", HEAD, *lines, f"{END}{after}"])


def _never(part: Part) -> Row:
    return Row(part.name, f"`make {part.target}`", "not run")


def describe_commit() -> str:
    """Short hash; with `-dirty` if files other than docs/, which parts write themselves, differ."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    differs = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":(exclude)docs"])
    return commit.stdout.strip() + ("-dirty" if differs.returncode else "")


def run_part(part: Part, environment: Mapping[str, str]) -> Row | None:
    """Returns its row; prints the reason and returns None if it cannot run here. Uses the seed from
    the environment if set, else a new one."""
    if part.needs and not shutil.which(part.needs):
        say(f"{part.name}: NOT RUN: there is no {part.needs} here")
        return None
    seed = ""
    if part.seed:
        seed = environment.get(part.seed) or str(random.SystemRandom().randrange(1, 1_000_000))
        environment = {**environment, part.seed: seed}
    say(f"{part.name}: make {part.target} {seed and f'{part.seed}={seed}'}")
    say(f"    output in {LOGS / part.name}.log")
    commit = describe_commit()  # beforehand: a checkout may happen while the part runs
    began, log = time.monotonic(), LOGS / f"{part.name}.log"
    with log.open("w") as file:
        code = subprocess.run(
            ["make", part.target], cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
        ).returncode
    took = time.monotonic() - began
    result = summarize(part, log.read_text(), code)
    say(f"{part.name}: {result}, {took / 60:.0f} min")
    return Row(
        part.name, f"`make {part.target}`", result, f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        commit, seed, f"{took / 60:.0f} min",
    )  # fmt: skip


def list_parts(names: Sequence[str]) -> list[Part]:
    """The named parts, or all. Raises SystemExit for an unknown name."""
    if unknown := set(names) - {part.name for part in PARTS}:
        sys.exit(f"No such part: {', '.join(sorted(unknown))}")
    return [part for part in PARTS if not names or part.name in names]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.nightly", description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(part.name for part in PARTS))
    chosen = list_parts(parser.parse_args().parts)
    rows = read_rows(PAGE.read_text())
    for part in chosen:
        row = rows.get(part.name, _never(part))
        say(f"{part.name} last ran: {row.date} {row.commit} {row.result}")
    LOGS.mkdir(parents=True, exist_ok=True)
    failed = False
    for part in chosen:
        new = run_part(part, os.environ)
        failed = failed or new is None or "FAILED" in new.result
        if new is not None:  # the part itself may have written the page meanwhile
            text = PAGE.read_text()
            PAGE.write_text(write_rows(text, {**read_rows(text), part.name: new}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
