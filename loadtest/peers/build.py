"""Builds what is compared, into .build/peers: the load programs, and each server where it can be.

A server that cannot be built here is left out, with the reason; nothing else fails.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).resolve().parent
BUILD: Final = SOURCES.parents[1] / ".build" / "peers"
CHANNELS_PYTHON: Final = BUILD / "channels" / "bin" / "python"
CENTRIFUGE: Final = BUILD / "centrifuge"
SOCKETIO: Final = BUILD / "socketio"

CHANNELS_PACKAGES: Final = ("django", "channels", "channels_redis", "uvicorn[standard]")
GO_PACKAGES: Final = (
    "golang-go",
    "golang-github-centrifugal-centrifuge-dev",
    "golang-github-centrifugal-protocol-dev",
    "golang-github-fzambia-eagle-dev",
    "golang-github-igm-sockjs-go-dev",
    "golang-github-mna-redisc-dev",
)


class NotBuilt(Exception):
    """The sentence says what is missing here."""


def say(*words: object) -> None:
    """Progress, for who waits; the results go elsewhere."""
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
        _shell(*command, env=paths)


def _build_socketio() -> None:
    SOCKETIO.mkdir(exist_ok=True)
    for file in ("package.json", "server.js"):
        shutil.copy(SOURCES / "socketio" / file, SOCKETIO)
    if (SOCKETIO / "node_modules" / "socket.io").exists():
        return
    if not shutil.which("npm"):
        _install("nodejs", "npm")
    _shell("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", cwd=SOCKETIO)


def _build_channels() -> None:
    if not CHANNELS_PYTHON.exists():
        _shell(sys.executable, "-m", "venv", CHANNELS_PYTHON.parents[1])
    stamp = BUILD / "channels.stamp"
    if not stamp.exists():
        _shell(CHANNELS_PYTHON, "-m", "pip", "-q", "install", *CHANNELS_PACKAGES)
        stamp.touch()


_BUILDERS: Final[dict[str, Callable[[], None]]] = {
    "centrifuge": _build_centrifuge,
    "socketio": _build_socketio,
    "channels": _build_channels,
}
