"""Variables whose names are almost right: nothing reads them, and nothing fails."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "HUBBUB_"
LIKENESS: Final = 0.8  # as get_close_matches counts it


def misspelled(names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """A sentence for each of the names that is not known, but close to one that is."""
    stems = [name.removeprefix(PREFIX) for name in known]
    for name in sorted(set(names) - set(known)):
        if not name.startswith(PREFIX):
            continue
        for close in get_close_matches(name.removeprefix(PREFIX), stems, 1, LIKENESS):
            yield f"{name} is not read by anything. Did you mean {PREFIX}{close}?"
