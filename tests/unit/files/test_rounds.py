"""Pieces of claimed work: what is slow holds up nothing else, and no more is begun than allowed."""

import asyncio
from collections.abc import Sequence

from common.process.tasks import stop
from files.rounds import run_rounds


def by_letter(claimed: list[str]) -> list[list[str]]:
    return [[one for one in claimed if one[0] == letter] for letter in sorted({*"".join(claimed)})]


class Work:
    """Pieces `a`, `b` …; those in `hanging` never end. Remembers what it was asked for."""

    def __init__(self, waiting: list[str], hanging: str) -> None:
        self.waiting, self.hanging = waiting, hanging
        self.limits: list[int] = []
        self.begun: list[list[str]] = []
        self.done: list[str] = []

    async def claim(self, limit: int) -> list[str]:
        self.limits.append(limit)
        claimed, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return claimed

    async def work(self, group: Sequence[str]) -> None:
        self.begun.append([*group])
        if group[0] in self.hanging:
            await asyncio.Event().wait()
        self.done += group

    def run_for_a_moment(self, pieces: int, at_once: int) -> None:
        """Until it waits for a pause or for work that hangs: nothing else takes time."""

        async def run() -> None:
            running = asyncio.create_task(
                run_rounds(
                    "letters", self.claim, by_letter, self.work, pieces=pieces, at_once=at_once
                )
            )
            for _ in range(100):
                await asyncio.sleep(0)
            await stop([running])

        asyncio.run(run())


def test_a_group_that_hangs_holds_up_no_other() -> None:
    """Neither of its own claim nor of a later one."""
    work = Work([*"abacbc"], hanging="a")
    work.run_for_a_moment(pieces=3, at_once=9)
    assert work.begun == [["a", "a"], ["b"], ["b"], ["c", "c"]]
    assert work.done == ["b", "b", "c", "c"]


def test_no_more_is_claimed_than_may_be_in_progress() -> None:
    """When everything hangs, nothing is claimed any more; what is free is used."""
    work = Work([*"aaabaaaaa"], hanging="a")
    work.run_for_a_moment(pieces=2, at_once=5)
    assert work.done == ["b"]
    assert sum(map(len, work.begun)) == 6
    assert work.waiting == [*"aaa"]
    assert 0 not in work.limits
