"""Rows of the index: one for each of a chat's newest messages, then blocks of many. Pure.

As many blocks as possible are made here: a message with a row of its own is written once and
deleted once more.
"""

from itertools import pairwise
from typing import Final, NamedTuple

BLOCK_MESSAGES: Final = 16  # about: all entries go into blocks of 11 to 24
MAX_BLOCK_BYTES: Final = 500_000  # the words of a block have at most 1 MB in PostgreSQL


class Entry(NamedTuple):
    """A message in the index; `ms` is its time since 1970. Migration 0008 describes the texts."""

    chat: str
    seq: int
    ms: int
    head: str
    line: str
    extra: str


class Open(NamedTuple):
    """What a chat has in rows of single messages: how many, and the bytes of their words."""

    messages: int
    octets: int


class Block(NamedTuple):
    """Consecutive messages, a line each in `lines`, `heads` and `extra`; if `takes_open`, after
    those that the chat has in rows of single messages."""

    chat: str
    takes_open: bool
    first: int
    last: int
    first_ms: int
    last_ms: int
    lines: str
    heads: str
    extra: str


def make_blocks(found: Open, entries: list[Entry]) -> list[Block] | None:
    """Blocks of what a chat has in single rows and of its next entries; None while these are too
    few, or so long that the database should split them by size."""
    messages = found.messages + len(entries)
    octets = found.octets + 4 * sum(len(entry.line) + len(entry.extra) for entry in entries)
    if messages < BLOCK_MESSAGES or octets > MAX_BLOCK_BYTES * (messages // BLOCK_MESSAGES):
        return None
    number = (messages + BLOCK_MESSAGES // 2) // BLOCK_MESSAGES
    ends = [max(1, nth * messages // number - found.messages) for nth in range(1, number + 1)]
    return [
        _join(entries[start:end], takes_open=start == 0 and found.messages > 0)
        for start, end in pairwise([0, *dict.fromkeys(ends)])
    ]


def _join(entries: list[Entry], *, takes_open: bool) -> Block:
    chats, seqs, times, heads, lines, extras = zip(*entries, strict=True)
    return Block(
        chats[0], takes_open, seqs[0], seqs[-1], min(times), max(times),
        "\n".join(lines), "\n".join(heads), "\n".join(extras),
    )  # fmt: skip
