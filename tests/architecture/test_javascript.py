"""The structure of the JavaScript client and of the page that is built on it."""

import posixpath
import re
from pathlib import Path

from edge.site import CLIENT_FOLDER, WEB_FOLDER

ROOT = Path(__file__).parents[2]
# Modules that decide, and do no I/O of their own.
PURE = {"ends", "expected", "fold", "folded", "order", "session", "timeline"}
# The folders of the page: each imports from itself and from those before it.
FOLDERS = (
    "client", "text", "storage", "state", "parts", "files", "log", "composer", "panel", "side",
    "finder", "entry", "background", "person", "open-chat", "frame", "",
)  # fmt: skip
_CLASSES = re.compile(r"\bclass(?:Name)?(?::| =) ([^,;\n]*)|\bclassList\.\w+\(([^)]*)\)")
_STRING = re.compile(r'=== "[^"\n]*"|"([^"\n]*)"')  # empty for one in a comparison
_QUOTED = re.compile(r'"[^"\n]*"|`[^`]*`')
_FROM = re.compile(r'^(?:import|export) [^;]*? from "([^"]+)";$', re.MULTILINE)


def _imports(path: Path) -> set[str]:
    return set(_FROM.findall(path.read_text()))


def test_the_client_knows_nothing_of_the_page() -> None:
    """Its modules import each other and nothing else."""
    names = {f"./{path.name}" for path in CLIENT_FOLDER.glob("*.js")}
    strays = {path.name: _imports(path) - names for path in CLIENT_FOLDER.glob("*.js")}
    assert {name: found for name, found in strays.items() if found} == {}


def test_what_decides_in_the_client_does_no_io() -> None:
    """Pure modules import pure ones only."""
    allowed = {f"./{name}.js" for name in PURE}
    strays = {name: _imports(CLIENT_FOLDER / f"{name}.js") - allowed for name in PURE}
    assert {name: found for name, found in strays.items() if found} == {}


def test_every_module_that_a_page_imports_is_there() -> None:
    """By its path, as edge serves it: the client's modules are below client/."""
    served = {path.relative_to(WEB_FOLDER).as_posix() for path in WEB_FOLDER.rglob("*.js")}
    served |= {f"client/{path.name}" for path in CLIENT_FOLDER.glob("*.js")}
    missing = {
        f"{name} from {found}"
        for path in WEB_FOLDER.rglob("*.js")
        for found in _imports(path)
        for name in [path.relative_to(WEB_FOLDER).as_posix()]
        if posixpath.normpath(posixpath.join(posixpath.dirname(name), found)) not in served
    }
    assert missing == set()


def test_the_folders_of_the_page_import_in_one_direction() -> None:
    """docs/internals.md has them in this order."""
    paths = [*WEB_FOLDER.glob("*.js"), *WEB_FOLDER.glob("*/*.js")]
    folders = {path: path.parent.relative_to(WEB_FOLDER).as_posix().strip(".") for path in paths}
    pages = {"admin", "docs"}
    assert {*folders.values()} - pages == {*FOLDERS} - {"client"}
    against = {
        f"{name} in {folder}/{path.name}"
        for path, folder in folders.items()
        if folder not in pages
        for name in _imports(path)
        for found in [posixpath.dirname(posixpath.normpath(posixpath.join(folder, name)))]
        if FOLDERS.index(found) > FOLDERS.index(folder)
    }
    assert against == set()


def test_every_class_that_a_script_sets_has_a_reader() -> None:
    """A rule in a stylesheet, or a selector in a script or in a test of the page."""
    scripts = [path.read_text() for path in WEB_FOLDER.rglob("*.js")]
    readers = [path.read_text() for path in WEB_FOLDER.rglob("*.css")]
    readers += [path.read_text() for path in (ROOT / "tests/browser").rglob("*.py")]
    readers += [selector for text in scripts for selector in _QUOTED.findall(text)]
    read = set(re.findall(r"\.([a-z][\w-]*)", "\n".join(readers)))
    given = {
        name
        for text in scripts
        for values in _CLASSES.findall(text)
        for value in _STRING.findall(" ".join(values))
        for name in value.split()
    }
    assert len(given) > 100
    assert given - read == set()
