"""Compiles deploy/locks from the dependencies that pyproject.toml declares: `make locks`.

    .venv/bin/python -m deploy.compile_locks [--upgrade-package NAME | --upgrade]

Locked versions stay unless they are named or a bound excludes them. Locks have hashes but no
addresses: the installing machine decides where packages come from.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
LOCKS: Final = ROOT / "deploy" / "locks"
# Markers are evaluated while compiling. The oldest Python needs the most backports, so its lock
# serves all others too.
PYTHON: Final = (3, 11)
OPTIONS: Final = (
    "--quiet", "--generate-hashes", "--allow-unsafe", "--no-emit-index-url", "--no-emit-options",
    "--strip-extras", "--no-header", "--resolver=backtracking",
)  # fmt: skip


class Lock(NamedTuple):
    """One file of deploy/locks. `group` is one of [dependency-groups]; "" are the project's own
    dependencies. `within` is a lock whose versions it shares."""

    name: str
    group: str
    within: str = ""


ALL: Final = (
    Lock("run", ""),
    Lock("dev", "dev", within="run"),
    Lock("supply", "supply"),
    Lock("node", "node"),
    Lock("kubernetes", "kubernetes"),
    Lock("proxies", "proxies"),
    Lock("patroni", "patroni"),
)


def declared(group: str) -> list[str]:
    """Requirements from pyproject.toml. Raises KeyError for an unknown group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted: list[str] = (
        project["dependency-groups"][group] if group else project["project"]["dependencies"]
    )
    return wanted


def compile_lock(lock: Lock, options: list[str]) -> None:
    """Raises CalledProcessError if nothing satisfies all bounds, or the index cannot be reached."""
    constraints = ["--constraint", f"{lock.within}.txt"] if lock.within else []
    subprocess.run(  # noqa: S603 - pip-tools, no shell
        [sys.executable, "-m", "piptools", "compile", *OPTIONS, *constraints, *options,
         "--output-file", f"{lock.name}.txt", "-"],
        cwd=LOCKS,
        input="\n".join(declared(lock.group)),
        text=True,
        check=True,
    )  # fmt: skip
    written = LOCKS / f"{lock.name}.txt"
    source = f"pyproject.toml, {lock.group}" if lock.group else "pyproject.toml"
    written.write_text(written.read_text().replace("-r -", source))


def main() -> None:
    if sys.version_info[:2] != PYTHON:
        sys.exit(f"Locks are compiled with Python {PYTHON[0]}.{PYTHON[1]}: see {__file__}")
    for lock in ALL:
        compile_lock(lock, sys.argv[1:])


if __name__ == "__main__":
    main()
