"""Background work of a service, done in rounds.

A round may fail while a dependency is down; failures are counted, and the next round tries again.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from prometheus_client import Counter

from common.database.failures import DatabaseUnavailable
from common.process.logs import log
from common.process.rest import BEAT_SECONDS, NEVER, Rest
from common.protocol.errors import Refusal


async def repeat(
    name: str,
    seconds: float,
    work: Callable[[], Awaitable[int | None]],
    failed: Counter,
    survives: type[Exception] | tuple[type[Exception], ...] = DatabaseUnavailable,
    *,
    rest: Rest = NEVER,
    at_rest: float = BEAT_SECONDS,
    in_turn: bool = True,
) -> None:
    """Repeats the work, with pauses, until cancelled. Counts the exceptions that it survives, and
    logs the first in a row; any other one ends it.

    At rest it pauses for `at_rest`, unless the work returns that there was or is something to do.
    Work that is slow at rest takes its turn itself, without `in_turn`, so that no other waits.
    """
    turn: Callable[[], AbstractAsyncContextManager[None]] = rest.in_turn if in_turn else nullcontext
    failing = False
    busy: int | None = 0
    while True:
        try:
            async with turn():
                busy = await work()
            failing = False
        except survives as error:
            failed.labels(name).inc()
            if not failing:
                is_outage = isinstance(error, DatabaseUnavailable | Refusal)
                level = logging.WARNING if is_outage else logging.ERROR
                log("background work fails", level=level, of=name, error=type(error).__name__)
            failing = True
        await rest.pause(seconds, seconds if busy else at_rest)
