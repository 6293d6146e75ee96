"""Work that another service stores until it is done: claimed a few pieces at a time and done in
parallel, so that slow pieces do not hold up the others."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal

PAUSE_SECONDS: Final = 1.0
AT_REST_SECONDS: Final = 4.0

Piece = TypeVar("Piece")


async def run_rounds(
    what: str,
    claim: Callable[[int], Awaitable[list[Piece]]],
    split: Callable[[list[Piece]], Iterable[Sequence[Piece]]],
    work: Callable[[Sequence[Piece]], Coroutine[Any, Any, None]],
    *,
    pieces: int,
    at_once: int,
    rest: Rest = NEVER,
) -> None:
    """Runs until cancelled: claims at most `pieces` at a time, and has at most `at_once` in
    progress. The groups into which `split` divides a claim do not wait for each other. `work`
    must not raise."""
    free = at_once
    freed = asyncio.Event()

    def release(count: int, _: object) -> None:
        nonlocal free
        free += count
        freed.set()

    failing = False
    async with asyncio.TaskGroup() as running:
        while True:
            while not free:
                freed.clear()
                await freed.wait()
            limit = min(pieces, free)
            claimed: list[Piece] = []
            try:
                claimed = await claim(limit)
                failing = False
            except Refusal as refusal:
                if not failing:
                    log(f"{what} wait", code=refusal.code)
                failing = True
            if claimed:
                rest.note()  # users are active, if not in this process
            for group in split(claimed):
                free -= len(group)
                task = running.create_task(work(group))
                task.add_done_callback(partial(release, len(group)))
            if len(claimed) < limit:
                await rest.pause(PAUSE_SECONDS, AT_REST_SECONDS)
