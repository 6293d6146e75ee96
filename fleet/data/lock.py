"""One fleet per data folder, and none while processes of an earlier one still run."""

import asyncio
import fcntl
import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import Final

LEFTOVERS_TIMEOUT_SECONDS = 15
COMMAND: Final = b"command"  # the file's content while a command holds it; otherwise empty


class FolderInUse(Exception):
    """Another fleet or a command holds the folder; the text says what to do."""


class ForeignFolder(Exception):
    """Another user's Hubbub; the text names the user."""


class FolderLock:
    """One lock is held by this process alone, a second one by it and all its children.

    The children's lock belongs to their descriptors: it is free once the last of them and of their
    own children has ended. The kernel frees both, however a process ends.

    `for_command` is a backup or the like, not a Hubbub that can be stopped.
    """

    def __init__(self, data: Path, *, for_command: bool = False) -> None:
        self._data = data
        self._holder = COMMAND if for_command else b""
        self._parent = os.open(data / "fleet.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self.for_children = os.open(data / "children.lock", os.O_RDWR | os.O_CREAT, 0o600)

    async def acquire(self) -> None:
        """Raises FolderInUse, at once for a live fleet and later for children that do not end, and
        ForeignFolder if nothing runs."""
        if not _lock(self._parent):
            if is_held_by_command(self._data):
                raise FolderInUse(
                    f"A backup or another command works on {self._data}. Try again when it is done."
                )
            raise FolderInUse(
                f"Another Hubbub runs on {self._data}. Stop it, or choose another folder with "
                "HUBBUB_DATA (and another port with HUBBUB_PORT)."
            )
        with suppress(OSError):  # a full disk
            os.ftruncate(self._parent, 0)
            os.pwrite(self._parent, self._holder, 0)
        _check_owner(self._data)
        deadline = asyncio.get_running_loop().time() + LEFTOVERS_TIMEOUT_SECONDS
        while not _lock(self.for_children):
            if asyncio.get_running_loop().time() > deadline:
                raise FolderInUse(
                    f"Processes of an earlier Hubbub still run on {self._data}. "
                    f"`fuser {self._data}/children.lock` names them; end them and start again."
                )
            await asyncio.sleep(0.05)

    def release(self) -> None:
        os.close(self.for_children)
        os.close(self._parent)


def _check_owner(data: Path) -> None:
    """Root could continue, but would leave files that the owner cannot read; PostgreSQL would
    fail."""
    keys = data / "keys"
    if not keys.exists() or (owner := keys.stat().st_uid) == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"user {owner}"
    raise ForeignFolder(f"The Hubbub in {data} belongs to {name}. Run this as {name}.")


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held_by_command(data: Path) -> bool:
    """Whether a command, not a fleet, holds the folder. Undefined if nothing holds it. Raises
    OSError."""
    return (data / "fleet.lock").read_bytes() == COMMAND


def lock_holder(data: Path) -> int | None:
    """The id of the process that holds the folder, a fleet or a command; None if none does."""
    try:
        file = _name_in_locks(data / "fleet.lock")
    except OSError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF
        if words[1] == "FLOCK" and words[5] == file:
            return int(words[4])
    return None


def _name_in_locks(path: Path) -> str:
    """The file as /proc/locks names it, by its mount's device: stat(2) of btrfs tells another one,
    that of the subvolume. Raises OSError."""
    descriptor = os.open(path, os.O_PATH)
    try:
        found = os.fstat(descriptor)
        about = Path(f"/proc/self/fdinfo/{descriptor}").read_text().split()
    finally:
        os.close(descriptor)
    major, minor = os.major(found.st_dev), os.minor(found.st_dev)
    mount = about[about.index("mnt_id:") + 1]
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        words = line.split(" ", 3)  # 36 35 98:0 / /mnt rw,noatime - ext3 /dev/root rw
        if words[0] == mount:
            major, minor = map(int, words[2].split(":"))
    return f"{major:02x}:{minor:02x}:{found.st_ino}"
