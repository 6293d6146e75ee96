"""A bound of memory that the kernel keeps for a program and everything that it starts: a cgroup of
version 1 or 2, without swap. Needs root."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path("/sys/fs/cgroup")
JOIN: Final = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
MB: Final = 1e6


class NoLimit(Exception):
    """Memory cannot be limited on this machine; the text says why."""


class Reading(NamedTuple):
    """`needed` in MB: what the kernel cannot take back by itself, which it can of the contents of
    files. `kills` are processes that it ended because there was no memory left."""

    needed: float
    peak: float  # of everything, in MB
    kills: int


class Limit:
    """Made by `limited`."""

    def __init__(self, folder: Path, is_new: bool) -> None:
        self._folder, self._is_new = folder, is_new

    @property
    def prefix(self) -> Sequence[str]:
        """Before a command that is to run under it."""
        return ("sh", "-c", JOIN, str(self._folder))

    def read(self) -> Reading:
        stat = _fields(self._folder / "memory.stat")
        if self._is_new:
            kills = _fields(self._folder / "memory.events")["oom_kill"]
            now, peak = self._number("memory.current"), self._number("memory.peak")
            files = stat["file"] - stat["shmem"]
        else:
            kills = _fields(self._folder / "memory.oom_control")["oom_kill"]
            now = self._number("memory.usage_in_bytes")
            peak = self._number("memory.max_usage_in_bytes")
            files = stat["total_cache"] - stat["total_shmem"]
        return Reading((now - files) / MB, peak / MB, kills)

    def _number(self, name: str) -> int:
        return int((self._folder / name).read_text())


@contextmanager
def limited(most_bytes: int) -> Iterator[Limit]:
    """Everything running under it must have ended by the end of the block. Raises NoLimit."""
    is_new = (ROOT / "cgroup.controllers").exists()
    folder = ROOT / ("" if is_new else "memory") / f"hubbub-{os.getpid()}"
    try:
        if is_new:
            (ROOT / "cgroup.subtree_control").write_text("+memory")
        folder.mkdir()
    except OSError as error:
        raise NoLimit(f"{folder}: {error.strerror}") from error
    try:
        names = ("memory.max",) if is_new else ("memory.limit_in_bytes",)
        for name in names:
            (folder / name).write_text(str(most_bytes))
        # Where the machine has no swap, there may be no such file.
        swap = ("memory.swap.max", 0) if is_new else ("memory.memsw.limit_in_bytes", most_bytes)
        with suppress(OSError):
            (folder / swap[0]).write_text(str(swap[1]))
        yield Limit(folder, is_new)
    finally:
        with suppress(OSError):  # something in it has not ended
            folder.rmdir()


def _fields(path: Path) -> dict[str, int]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in lines}
