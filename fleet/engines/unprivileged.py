"""Lets root run PostgreSQL, which refuses to run as root, without a dedicated user.

In a user namespace the process is another user inside and root outside, so that no file changes its
owner. Where the machine forbids namespaces (containers often do), it becomes `nobody`.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

# A parent-death signal is cleared when the user changes, so it is set here. QUIT: PostgreSQL ends
# its own children and recovers from its log at the next start.
_DEATH_SIGNAL = ("--pdeathsig", "QUIT")


class Disguise(NamedTuple):
    """A command prefix, and the user who must own the files."""

    prefix: tuple[str, ...]
    owner: int


class CannotDropRoot(Exception):
    """No way was found to run a program as a user other than root."""


def choose_disguise(program: Path, folder: Path) -> Disguise:
    """The first method that works here and can reach the program and the folder.

    Raises CannotDropRoot.
    """
    if os.geteuid() != 0:
        return Disguise(("setpriv", *_DEATH_SIGNAL, "--"), os.geteuid())
    for disguise in _candidates():
        reach = ["sh", "-c", 'test -x "$0" && test -d "$1"', str(program), str(folder)]
        probe = subprocess.run(  # noqa: S603 - util-linux's programs, no foreign input
            [*disguise.prefix, *reach], capture_output=True, check=False
        )
        if probe.returncode == 0:
            return disguise
    raise CannotDropRoot(
        "PostgreSQL does not run as root and this machine allows no other user for it. "
        "Start Hubbub as an ordinary user."
    )


def _candidates() -> Sequence[Disguise]:
    inside = min((user for user in pwd.getpwall() if user.pw_uid > 0), key=lambda user: user.pw_uid)
    namespace = (
        *("unshare", "--user", f"--map-user={inside.pw_uid}", f"--map-group={inside.pw_gid}"),
        *("--", "setpriv", *_DEATH_SIGNAL, "--"),
    )
    nobody = pwd.getpwnam("nobody")
    become = (
        *("setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid)),
        "--clear-groups",
    )
    return [
        Disguise(namespace, 0),
        # The capability lets it traverse parent folders of the data that are closed to others.
        *(
            Disguise(
                (
                    *become,
                    "--inh-caps",
                    f"+{capability}",
                    "--ambient-caps",
                    f"+{capability}",
                    *_DEATH_SIGNAL,
                    "--",
                ),
                nobody.pw_uid,
            )
            for capability in ("dac_read_search", "dac_override")
        ),
        Disguise((*become, *_DEATH_SIGNAL, "--"), nobody.pw_uid),
    ]
