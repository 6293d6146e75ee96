"""Work that another service stores until it is done: claimed a few pieces at a time and done in
parallel, so that slow pieces hold up a few rounds and not all."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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
    work: Callable[[Sequence[Piece]], Coroutine[Any, Any, None]],
    *,
    pieces: int,
    rounds: int,
    rest: Rest = NEVER,
) -> None:
    """Runs until cancelled: rounds of at most this many pieces, and this many rounds at a time.
    `work` must not raise."""
    room = asyncio.Semaphore(rounds)
    failing = False
    async with asyncio.TaskGroup() as running:
        while True:
            await room.acquire()
            claimed: list[Piece] = []
            try:
                claimed = await claim(pieces)
                failing = False
            except Refusal as refusal:
                if not failing:
                    log(f"{what} wait", code=refusal.code)
                failing = True
            if claimed:
                rest.note()  # users are active, if not in this process
                task = running.create_task(work(claimed))
                task.add_done_callback(lambda _: room.release())
            else:
                room.release()
            if len(claimed) < pieces:
                await rest.pause(PAUSE_SECONDS, AT_REST_SECONDS)
