"""The locks hold what pyproject.toml declares, and pyproject.toml says what is true."""

import re
import tomllib
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.compile_locks import ALL, LOCKS, ROOT, Lock, declared

INSTALLED_HERE = [lock for lock in ALL if lock.name in ("run", "dev")]  # others have their own


def _locked(lock: Lock) -> dict[str, tuple[str, str]]:
    """Version and source comment of each package of a lock."""
    text = (LOCKS / f"{lock.name}.txt").read_text()
    entries = re.findall(
        r"^([a-z0-9_.-]+)==(\S+) \\\n(?:    --hash=.*\n)+((?:    #.*\n)+)", text, re.MULTILINE
    )
    return {name: (version, source) for name, version, source in entries}


@pytest.mark.parametrize("lock", ALL, ids=lambda lock: lock.name)
def test_a_lock_names_what_is_declared_for_it(lock: Lock) -> None:
    """Each declared dependency and no other; `make locks` was run after the last change."""
    source = f"pyproject.toml, {lock.group}" if lock.group else "pyproject.toml"
    direct = {
        name for name, (_, said) in _locked(lock).items()
        if re.search(rf"(via|#)\s+{re.escape(source)}$", said, re.MULTILINE)
    }  # fmt: skip
    assert direct == {canonicalize_name(Requirement(each).name) for each in declared(lock.group)}


@pytest.mark.parametrize("lock", ALL, ids=lambda lock: lock.name)
def test_a_lock_keeps_to_the_bounds(lock: Lock) -> None:
    """Locked versions satisfy what is declared."""
    locked = _locked(lock)
    outside = [
        f"{wanted} is locked at {version}"
        for wanted in map(Requirement, declared(lock.group))
        for version, _ in [locked[canonicalize_name(wanted.name)]]
        if not wanted.specifier.contains(version, prereleases=True)
    ]
    assert outside == []


def test_locks_agree() -> None:
    """Development uses the same versions as production."""
    run, dev = _locked(ALL[0]), _locked(ALL[1])
    assert {name: dev[name][0] for name in run.keys() & dev.keys()} == {
        name: run[name][0] for name in run.keys() & dev.keys()
    }


@pytest.mark.parametrize("lock", INSTALLED_HERE, ids=lambda lock: lock.name)
def test_a_lock_is_closed(lock: Lock) -> None:
    """Everything that locked packages need is locked too, on this Python."""
    locked = {name for each in INSTALLED_HERE for name in _locked(each)}
    todo, seen = [Requirement(each) for each in declared(lock.group)], set()
    while todo:
        wanted = todo.pop()
        for extra in ("", *wanted.extras):
            if (key := (canonicalize_name(wanted.name), extra)) in seen:
                continue
            seen.add(key)
            todo += [
                needed
                for needed in map(Requirement, _requires(wanted.name))
                if needed.marker is None or needed.marker.evaluate({"extra": extra})
            ]
    assert {name for name, _ in seen} - locked == set()


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # for this platform, but not for what is declared: see `locked`
        return []


def test_every_bound_has_a_lower_end() -> None:
    """Every dependency declares the oldest release that is known to work."""
    for lock in ALL:
        for wanted in map(Requirement, declared(lock.group)):
            assert any(bound.operator in (">=", "==") for bound in wanted.specifier), wanted


def test_entry_points_lead_somewhere() -> None:
    """Each script of the project names a function that exists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in project["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


def test_the_version_is_told_the_same_everywhere() -> None:
    """The image that compose names has the version of the project."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for file in ("docker-compose.yml", "deploy/example.env"):
        assert re.findall(r"hubbub:(\d+\.\d+\.\d+)", (ROOT / file).read_text()) == [version]
