"""Ranges of chats' logs that many readers want, as parameters of one statement."""

from collections.abc import Sequence
from typing import NamedTuple

from chats.store.arrays import id_array, number_array


class Stretch(NamedTuple):
    """At most `limit` events below or above `start`, for a reader."""

    chat: str
    reader: str
    start: int
    limit: int


def stretch_arrays(wanted: Sequence[Stretch]) -> tuple[str, str, str, str]:
    """Chats, readers, starts and limits, as parameters."""
    return (
        id_array([stretch.chat for stretch in wanted]),
        id_array([stretch.reader for stretch in wanted]),
        number_array([stretch.start for stretch in wanted]),
        number_array([stretch.limit for stretch in wanted]),
    )
