"""Which chats a feeder handles together. Pure."""

from collections.abc import Collection, Sequence
from itertools import takewhile


def next_turn(waiting: Sequence[str], alone: Collection[str], most: int) -> list[str]:
    """The first of those that wait: at most so many that may be handled together, or one of those
    that are handled alone because they were in a group that failed."""
    together = takewhile(lambda chat: chat not in alone, waiting[:most])
    return list(together) or list(waiting[:1])
