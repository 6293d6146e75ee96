"""Checks and their findings."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ops.doctor.scene import Scene


class Finding(NamedTuple):
    """What is wrong, why, and what to do about it; each a sentence or a line of shell. `about` is
    the role concerned, if there is one. A finding that does no harm yet explains no other."""

    wrong: str
    cause: str
    command: str
    about: str = ""
    harms: bool = True


class Check(NamedTuple):
    """`explains` are the checks that find something because this one does. `needs_fleet`: cannot be
    evaluated without a running fleet. `by_role`: explains only findings about the same role."""

    number: int
    name: str
    judge: Callable[[Scene], Iterable[Finding]]
    needs_fleet: bool = True
    explains: tuple[int, ...] = ()
    by_role: bool = False
