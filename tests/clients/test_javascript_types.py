"""The JavaScript client's types match its code, and its interface matches the Python client's."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import hubbub_client
import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
TYPES = Path(__file__).parent / "types"

EXPORTS = """
const names = (one) => Object.getOwnPropertyNames(one);
const shown = (one) => typeof one !== "function" || !/^class/.test(String(one)) ? [] : [
  ...names(one.prototype).filter((name) => name !== "constructor"),
  ...names(one).filter((name) => !["length", "name", "prototype"].includes(name)),
];
const members = (found) => (
  Object.fromEntries(names(found).map((name) => [name, shown(found[name])]))
);
const [lib, node] = [await import("hubbub-client"), await import("hubbub-client/node")];
console.log(JSON.stringify({ lib: members(lib), node: members(node) }));
"""
# What only one of the two has, or names differently.
PYTHON_ONLY = {"from_environment"}
JAVASCRIPT_ONLY = {"open", "close", "hurry", "state", "pushKey", "savePush", "dropPush"}
INTERNAL = {"apply", "forget", "name"}  # between a client and its chats; an error's name


def _npx(*command: str, cwd: Path) -> str:
    done = subprocess.run(
        [str(ROOT / ".ci" / "npx"), *command], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with the package as a dependency by path, which npm installs as a link."""
    project = tmp_path_factory.mktemp("project")
    (project / "node_modules").mkdir()
    (project / "node_modules" / "hubbub-client").symlink_to(CLIENTS / "javascript")
    (project / "exports.mjs").write_text(EXPORTS)
    for path in TYPES.iterdir():
        shutil.copy(path, project)
    return project


@pytest.fixture(scope="module")
def exports(project: Path) -> dict[str, dict[str, list[str]]]:
    """The members of each class that each entry point of the package exports."""
    found: dict[str, dict[str, list[str]]] = json.loads(_npx("node", "exports.mjs", cwd=project))
    return found


def _declared(part: str) -> dict[str, set[str]]:
    """Classes and functions of a `.d.ts`, with the members of the classes."""
    text = re.sub(r"/\*\*.*?\*/", "", (CLIENTS / "javascript" / part / "index.d.ts").read_text(),
                  flags=re.DOTALL)  # fmt: skip
    classes = re.findall(r"^export class (\w+)[^{]*\{(\}|.*?\n\})", text, re.MULTILINE | re.DOTALL)
    member = r"^  (?:private |static |readonly )*(\w+)[?(:]"
    found = {name: set(re.findall(member, body, re.MULTILINE)) for name, body in classes}
    functions = re.findall(r"^export function (\w+)", text, re.MULTILINE)
    return {**found, **{name: set() for name in functions}}


def test_a_program_that_uses_everything_compiles(project: Path) -> None:
    """It compiles in strict mode; forbidden uses do not."""
    _npx("tsc", "-p", ".", cwd=project)


@pytest.mark.parametrize("part", ["lib", "node"])
def test_what_is_exported_is_declared(exports: dict[str, dict[str, list[str]]], part: str) -> None:
    """Every class and function, and every method and accessor of a class."""
    declared = _declared(part)
    assert declared.keys() == exports[part].keys()
    for name, members in exports[part].items():
        assert set(members) - INTERNAL <= declared[name], name


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def _public(one: Any) -> set[str]:
    return {name for name in vars(one) if not name.startswith("_")}


@pytest.mark.parametrize("name", ["Client", "Chat"])
def test_both_clients_have_the_same_methods(
    exports: dict[str, dict[str, list[str]]], name: str
) -> None:
    """Under the same names, each in its language's spelling."""
    python = {_camel(one) for one in _public(getattr(hubbub_client, name)) - PYTHON_ONLY}
    assert python - INTERNAL == set(exports["lib"][name]) - JAVASCRIPT_ONLY - INTERNAL


def test_both_clients_have_the_same_refusals(exports: dict[str, dict[str, list[str]]]) -> None:
    """Each code of the contract is a type with the same name."""
    errors = {name for name, one in vars(hubbub_client).items()
              if isinstance(one, type) and issubclass(one, Exception)}  # fmt: skip
    assert errors <= exports["lib"].keys()


def test_both_clients_have_the_version_of_the_server() -> None:
    """A checkout has one version."""
    package = json.loads((CLIENTS / "javascript" / "package.json").read_text())
    versions = {
        tomllib.loads(path.read_text())["project"]["version"]
        for path in (ROOT / "pyproject.toml", CLIENTS / "python" / "pyproject.toml")
    }
    assert versions == {package["version"]}
