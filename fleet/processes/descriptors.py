"""The limit of open files per process, and how to raise it."""

import os
import resource
from typing import Final

LEAST_DESCRIPTORS: Final = 1024  # HAProxy does not start with much less
GOOD_DESCRIPTORS: Final = 65_536


class TooFewDescriptors(Exception):
    """A process may open too few files; the text says how to change that."""


def allow_many_descriptors() -> None:
    """Raise the soft limit as far as the system allows; each socket takes two in the balancer.

    Raises TooFewDescriptors.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < LEAST_DESCRIPTORS:
        raise TooFewDescriptors(
            f"a process may open {hard} files, and needs {LEAST_DESCRIPTORS} or more. "
            f"Type: {more_descriptors()} && make run"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def more_descriptors() -> str:
    """The command that raises the limit for this shell and what is started in it."""
    limit = f"prlimit --nofile={GOOD_DESCRIPTORS} --pid $$"
    return limit if os.geteuid() == 0 else f"sudo {limit}"
