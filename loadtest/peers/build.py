"""Builds the load programs and the peers that can be built, into .build/peers.

A server that cannot be built here is left out, with the reason; nothing else fails.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from loadtest.peers.machine import first_line

SOURCES: Final = Path(__file__).resolve().parent
BUILD: Final = SOURCES.parents[1] / ".build" / "peers"
CHANNELS_PYTHON: Final = BUILD / "channels" / "bin" / "python"
CENTRIFUGE: Final = BUILD / "centrifuge"
SOCKETIO: Final = BUILD / "socketio"
SYNAPSE_PYTHON: Final = BUILD / "synapse" / "bin" / "python"

CENTRIFUGE_PACKAGE: Final = "golang-github-centrifugal-centrifuge-dev"
CENTRIFUGE_VERSION: Final = "0.15."  # the version that the factors for the newest apply to
GO_PACKAGES: Final = (
    "golang-go",
    CENTRIFUGE_PACKAGE,
    "golang-github-centrifugal-protocol-dev",
    "golang-github-fzambia-eagle-dev",
    "golang-github-igm-sockjs-go-dev",
    "golang-github-mna-redisc-dev",
)


class NotBuilt(Exception):
    """The text says what is missing here."""


def say(*words: object) -> None:
    """Prints progress at the terminal; results go elsewhere."""
    print(*words, file=sys.stderr, flush=True)


def build(names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Those of the named servers that can run here, and why the others cannot.

    Raises NotBuilt when there are no load programs.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    _shell("make", "-s", "-C", SOURCES, f"BUILD={BUILD}")
    able, left_out = [], {}
    for name in names:
        try:
            if name in _BUILDERS:
                _BUILDERS[name]()
            able.append(name)
        except NotBuilt as why:
            left_out[name] = str(why)
            say(f"left out {name}: {why}")
    return able, left_out


def _shell(*argv: object, cwd: Path = SOURCES, env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - compilers and installers, no shell
            [str(word) for word in argv],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise NotBuilt(f"{argv[0]} is not installed") from error
    if done.returncode:
        raise NotBuilt(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-400:]}")


def _install(*packages: str) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotBuilt(f"needs root to install {' '.join(packages)}, or have them installed")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _shell("apt-get", "update", env=quiet)
    _shell("apt-get", "install", "-y", "--no-install-recommends", *packages, env=quiet)


def _build_centrifuge() -> None:
    source = SOURCES / "centrifuge" / "main.go"
    if CENTRIFUGE.exists() and CENTRIFUGE.stat().st_mtime > source.stat().st_mtime:
        return
    command = ("go", "build", "-o", CENTRIFUGE, source)
    paths = {"GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOFLAGS": ""}
    try:
        _shell(*command, env=paths)
    except NotBuilt:  # no Go, or a package is missing
        _install(*GO_PACKAGES)
        if not (version := _centrifuge_version()).startswith(CENTRIFUGE_VERSION):
            raise NotBuilt(
                f"Debian has centrifuge {version} here, not {CENTRIFUGE_VERSION}x"
            ) from None
        _shell(*command, env=paths)


def _centrifuge_version() -> str:
    return first_line("dpkg-query", "-W", "-f", "${Version}", CENTRIFUGE_PACKAGE)


def _build_socketio() -> None:
    """With the add-ons that its documentation recommends; they bring binaries, so that no script of
    theirs has to run."""
    source, lock = SOURCES / "socketio", SOCKETIO / "package-lock.json"
    SOCKETIO.mkdir(exist_ok=True)
    shutil.copy(source / "server.js", SOCKETIO)
    if lock.exists() and lock.read_bytes() == (source / lock.name).read_bytes():
        return
    if not shutil.which("npm"):
        _install("nodejs", "npm")
    shutil.copy(source / "package.json", SOCKETIO)
    shutil.copy(source / lock.name, SOCKETIO)
    try:
        _shell("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=SOCKETIO)
    except NotBuilt:
        lock.unlink()
        raise


def _build_channels() -> None:
    _make_environment("channels", CHANNELS_PYTHON)


def _build_synapse() -> None:
    _make_environment("synapse", SYNAPSE_PYTHON)


def _make_environment(name: str, python: Path) -> None:
    """A virtual environment with a peer's requirements, unless it is there."""
    wanted, installed = SOURCES / name / "requirements.txt", BUILD / f"{name}.txt"
    if installed.exists() and installed.read_text() == wanted.read_text():
        return
    _shell(sys.executable, "-m", "venv", "--clear", python.parents[1])
    _shell(python, "-m", "pip", "-q", "install", "-r", wanted)
    shutil.copy(wanted, installed)


def describe_versions(names: Iterable[str]) -> list[str]:
    """Of the peers among these, as they were built."""
    said = []
    for name in names:
        if name == "centrifuge":
            said.append(f"centrifuge {_centrifuge_version()}, {first_line('go', 'version')}")
        elif name == "socketio":
            package = json.loads((SOURCES / "socketio" / "package.json").read_text())
            versions = ", ".join(f"{n} {v}" for n, v in package["dependencies"].items())
            said.append(f"{versions}, node {first_line('node', '--version')}")
        elif name == "channels":
            lines = (SOURCES / "channels" / "requirements.txt").read_text().split()
            said.append(", ".join(line for line in lines if line[:5].lower() in ("chann", "djang")))
    return said


_BUILDERS: Final[dict[str, Callable[[], None]]] = {
    "centrifuge": _build_centrifuge,
    "socketio": _build_socketio,
    "channels": _build_channels,
    "synapse": _build_synapse,
}
