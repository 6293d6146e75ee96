"""The structure of the code: the rules of style that a machine can check."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "common", "edge", "realtime", "users", "chats", "files", "fleet", "ops", "loadtest",
    "simulation",
)  # fmt: skip
MAX_LINES = 400
# Migrations that were made at the same time. They are applied, so they keep their names.
NUMBERS_USED_TWICE = {
    "chats": {"0004", "0006", "0018", "0023"},
    "users": {"0015"},
}
UNWANTED_NAMES = {"utils", "util", "helpers", "helper", "managers", "manager", "base", "misc"}
# Which external package may be imported where; a folder stands for all files in it.
ALLOWED_IMPORTS = {
    "psycopg": (
        "users/store",
        "chats/store",
        "common/database/connecting.py",
        "common/database/failover.py",
        "common/database/failures.py",
        "common/database/kept.py",
        "common/database/hosts.py",
        "common/database/migrations.py",
        "common/database/pool.py",
        "common/database/primary.py",
        "ops/doctor",
        "loadtest/peers/database.py",
        "loadtest/change_cost.py",
        "loadtest/peers/marking_floor.py",
        "loadtest/peers/sending_floor.py",
        "loadtest/peers/stock.py",
        "simulation/store",
    ),
    "psycopg_pool": (
        "common/database/pool.py",
        "common/database/pool_metrics.py",
        "simulation/store",
    ),
    "redis": (
        "common/valkey/client.py",
        "simulation/installation.py",
    ),
    "hiredis": (
        "common/valkey/bus.py",
        "common/valkey/cluster",
        "common/valkey/pipeline.py",
        "loadtest/peers/sending_floor.py",
        "loadtest/peers/spike_relay.py",
        "simulation/valkey.py",
    ),
    "websockets": (
        "realtime/protocol/session.py",
        "realtime/protocol/opening.py",
        "realtime/protocol/incoming.py",
        "loadtest",
    ),
    "aiocache": ("edge/cache/nodes.py",),
    "obstore": ("files/store.py",),
    "PIL": ("files/picture.py",),
    "locust": ("loadtest",),
}


def _tracked(*suffixes: str) -> list[Path]:
    """Files that are in the repository, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    paths = (ROOT / name for name in listed)
    return [path for path in paths if path.is_file() and path.suffix in suffixes]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _production() -> list[Path]:
    return [path for path in _tracked(".py") if path.relative_to(ROOT).parts[0] in PACKAGES]


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_find_imports(path))


def _find_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    """At most 400 lines, in whatever language."""
    long = {
        _name(path): lines
        for path in _tracked(".py", ".js", ".css", ".sql", ".sh", ".html")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


def test_files_are_named_for_a_noun_of_the_domain() -> None:
    """No utils, helpers, managers, base."""
    assert [_name(path) for path in _tracked(".py", ".js") if path.stem in UNWANTED_NAMES] == []


@pytest.mark.parametrize("package", sorted(ALLOWED_IMPORTS))
def test_an_engine_is_spoken_to_in_few_places(package: str) -> None:
    """Only a few files speak SQL, the bus's protocol or the socket's; no other has leave to."""
    allowed = ALLOWED_IMPORTS[package]
    speakers = [
        _name(path)
        for path in _production()
        if any(name.split(".")[0] == package for name in _imports(path))
    ]
    assert [name for name in speakers if not name.startswith(allowed)] == []
    assert [place for place in allowed if not any(n.startswith(place) for n in speakers)] == []


def test_nobody_outside_imports_the_tests_or_the_load() -> None:
    """Measurements are not part of what runs."""
    strays = [
        _name(path)
        for path in _production()
        if not _name(path).startswith("loadtest/")
        and any(name.split(".")[0] in ("tests", "loadtest") for name in _imports(path))
    ]
    assert strays == []


def test_what_measures_deliveries_does_not_need_locust() -> None:
    """Importing locust takes `select.epoll` out of the process."""
    imported = _imports(ROOT / "loadtest" / "sockets" / "delivery.py")
    assert [name for name in imported if name.split(".")[0] in ("locust", "gevent")] == []


def test_every_module_says_what_it_is() -> None:
    """A docstring at the top of each file that is not empty."""
    silent = [
        _name(path)
        for path in _tracked(".py")
        if path.read_text().strip() and not ast.get_docstring(_parse(path))
    ]
    assert silent == []


def test_every_test_reads_as_specification() -> None:
    """Each test has a docstring."""
    silent = [
        f"{_name(path)}: {node.name}"
        for path in _tracked(".py")
        if path.name.startswith("test_")
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_mypy_checks_every_file() -> None:
    """Tests and scripts too: it checks only the packages that pyproject.toml lists."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    inside = [_name(path).removeprefix(f"{settings['mypy_path']}/") for path in _tracked(".py")]
    assert {name.partition("/")[0] for name in inside} == set(settings["packages"])
    assert not any("ignore_errors" in override for override in settings["overrides"])


def test_no_file_has_a_fixed_name_in_a_folder_that_all_users_share() -> None:
    """Files written outside HUBBUB_DATA have unique names, except in containers."""
    only_in_containers = (
        "deploy/certificates.py", "deploy/backup/container.sh", "deploy/prometheus/alertmanager.sh",
    )  # fmt: skip
    shared = re.compile(
        r"/(tmp|var/tmp|dev/shm|run/(?!secrets)|var/run)/?\w|\bgettempdir\b|\bmktemp\("
    )
    named = [
        f"{_name(path)}:{number}"
        for path in [*_tracked(".py", ".sh", ""), *(ROOT / ".ci").iterdir()]
        if not _name(path).startswith(("tests/", "deploy/haproxy/", *only_in_containers))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if shared.search(line) and not line.lstrip().startswith(("#", "COPY ", "RUN "))
    ]
    assert named == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    """Unfinished work is an issue, not a mark in the code."""
    mark = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    marked = [
        f"{_name(path)}:{number}"
        for path in _tracked(".py", ".js", ".sql", ".sh", ".css", ".html", ".md", ".yml", ".cfg")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if mark.search(line)
    ]
    assert marked == []


@pytest.mark.parametrize("service", NUMBERS_USED_TWICE)
def test_a_migration_takes_a_number_of_its_own(service: str) -> None:
    """Two with the same number are applied in the order of their names, whichever was made first,
    and a database that has the first gets them in another order than a new one."""
    numbers = Counter(path.name[:4] for path in (ROOT / service / "migrations").glob("*.sql"))
    twice = {number for number, times in numbers.items() if times > 1}
    assert twice == NUMBERS_USED_TWICE[service]


def test_no_test_is_skipped() -> None:
    """If a part is missing, the tests fail."""
    skip = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b")
    skipped = [
        _name(path) for path in (ROOT / "tests").rglob("*.py") if skip.search(path.read_text())
    ]
    assert skipped == []


def test_no_module_holds_mutable_state() -> None:
    """Dependencies are arguments: no `global`, and no empty container at module level."""
    strays = []
    for path in _production():
        tree = _parse(path)
        if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
            strays.append(f"{_name(path)}: global")
        for node in tree.body:
            value = getattr(node, "value", None)
            empty = (isinstance(value, ast.Dict) and not value.keys) or (
                isinstance(value, ast.List) and not value.elts
            )
            if isinstance(node, ast.Assign | ast.AnnAssign) and empty:
                strays.append(f"{_name(path)}:{node.lineno}")
    assert strays == []
