"""`python -m ops bundle`: logs, configuration and figures in one file, for a bug report.

Secrets are replaced in every text: contents of key files, passwords in URLs, tokens, and variables
whose names suggest secrets. Logs contain no message texts.
"""

import io
import json
import os
import platform
import re
import tarfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import IO, Final

from fleet.processes.probe import Address, http_body
from fleet.settings import FleetSettings
from ops.doctor.report import diagnose, to_json
from ops.running import find_running

MAX_LOG_BYTES: Final = 4 * 2**20  # per process, the newest
LEAST_SECRET_CHARACTERS: Final = 8  # shorter contents of key files are not secrets
BLOT: Final = "[secret]"
_URL_PASSWORD: Final = re.compile(r"(\w+://[^\s/:@\"]*:)[^\s/\"]+(@)")
_PARAMETER: Final = re.compile(r"(\b(?:ssl)?password=)[^\s&\"]+")  # of libpq URLs
_TOKEN: Final = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*KEY-----.*?-----END [A-Z ]*KEY-----", re.DOTALL)
_SECRET_NAMES: Final = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK", re.IGNORECASE)


class Blotter:
    """Replaces secrets in texts."""

    def __init__(self, secrets: set[str]) -> None:
        # The longest first: one may contain another.
        self._secrets = sorted(secrets, key=len, reverse=True)

    def blot(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, BLOT)
        text = _URL_PASSWORD.sub(rf"\1{BLOT}\2", text)
        text = _PARAMETER.sub(rf"\1{BLOT}", text)
        return _PEM.sub(BLOT, _TOKEN.sub(BLOT, text))


def read_secrets(keys: Path) -> set[str]:
    """The contents of all key files, as a whole and line by line."""
    found: set[str] = set()
    for path in keys.rglob("*") if keys.is_dir() else ():
        if path.is_file():
            text = path.read_text(errors="replace").strip()
            found |= {text, *(line.strip() for line in text.splitlines())}
    return {text for text in found if len(text) >= LEAST_SECRET_CHARACTERS}


async def write_bundle(settings: FleetSettings, target: Path) -> None:
    """Works whether the fleet runs or not. Raises OSError if the file exists already or cannot be
    written, and then leaves nothing behind."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            await write_archive(settings, file, _tails(settings.logs), settings.keys)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(target)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(target)) from error
        raise


async def write_archive(
    settings: FleetSettings, file: IO[bytes], logs: Iterable[tuple[str, str]], secrets: Path
) -> None:
    """`logs` are texts by name; the contents of the files in the folder `secrets` are removed from
    everything."""
    blotter = Blotter(read_secrets(secrets))
    with tarfile.open(fileobj=file, mode="w|gz") as archive:
        for name, text in [*_configuration(settings), *await _figures(settings)]:
            _add(archive, name, blotter.blot(text))
        for name, text in logs:
            _add(archive, f"logs/{name}", blotter.blot(text))


def _tails(logs: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(logs.glob("*.log*")):
        with suppress(FileNotFoundError):  # older files may be removed at any moment
            yield path.name, _tail(path)


def _configuration(settings: FleetSettings) -> Iterator[tuple[str, str]]:
    yield "machine.txt", f"{platform.platform()}\nPython {platform.python_version()}\n"
    yield (
        "environment.txt",
        "".join(
            f"{name}={BLOT if _SECRET_NAMES.search(name) else value}\n"
            for name, value in sorted(settings.environment.items())
            if name.startswith("HUBBUB_")
        ),
    )
    packages = sorted(f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions())
    yield "packages.txt", "\n".join(packages) + "\n"
    for path in (
        settings.data / "fleet.json", settings.run / "pools.cfg", settings.run / "targets.json",
    ):  # fmt: skip
        with suppress(FileNotFoundError):
            yield path.name, path.read_text(errors="replace")


async def _figures(settings: FleetSettings) -> list[tuple[str, str]]:
    _, verdicts = await diagnose(settings)
    found = [("doctor.json", to_json(verdicts))]
    state = await find_running(settings)
    for p in state.processes if state else ():
        if p.metrics is not None:
            body = await http_body(Address(p.host, p.metrics), "/metrics")
            said = body.decode() if body is not None else json.dumps("no answer")
            found.append((f"metrics/{p.name}.txt", said))
    return found


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        beginning = os.fstat(file.fileno()).st_size - MAX_LOG_BYTES
        if beginning > 0:
            file.seek(beginning)
            file.readline()  # the first line may be cut off
        return file.read().decode(errors="replace")


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    entry = tarfile.TarInfo(f"hubbub/{name}")
    entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(data))
