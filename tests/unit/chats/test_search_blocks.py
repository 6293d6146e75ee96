"""What becomes a block of the search index, and what stays a row."""

from itertools import pairwise

import pytest

from chats.search.blocks import MAX_BLOCK_BYTES, Entry, Open, make_blocks


def entries(count: int, *, after: int = 0, line: str = " word ") -> list[Entry]:
    return [
        Entry("c", n, 1000 - n, f"h{n}", line, f" x{n} ")
        for n in range(after + 1, after + 1 + count)
    ]


@pytest.mark.parametrize("found", [0, 1, 7, 15, 40])
@pytest.mark.parametrize("count", [1, 2, 9, 16, 17, 24, 40, 1000])
def test_all_that_is_there_goes_into_blocks_once_there_are_enough(found: int, count: int) -> None:
    """Every entry once and in order; the first block takes what was in rows."""
    given = entries(count, after=found)
    made = make_blocks(Open(found, 20 * found), given)
    if found + count < 16:
        assert made is None
        return
    assert made is not None
    assert [line for block in made for line in block.heads.split("\n")] == [e.head for e in given]
    assert [block.takes_open for block in made] == [found > 0] + [False] * (len(made) - 1)
    sizes = [len(block.lines.split("\n")) for block in made]
    sizes[0] += found
    assert found >= 24 or all(8 <= size <= 24 for size in sizes)
    for block, following in pairwise(made):
        assert block.last + 1 == following.first
    assert made[0].last_ms == 1000 - given[0].seq
    assert made[-1].first_ms == 1000 - given[-1].seq


def test_very_long_messages_are_left_to_the_database() -> None:
    """It splits them into blocks by their size in bytes."""
    long = " " + "x" * (MAX_BLOCK_BYTES // 16) + " "
    assert make_blocks(Open(0, 0), entries(16, line=long)) is None
    assert make_blocks(Open(8, MAX_BLOCK_BYTES), entries(8)) is None
