"""One storm: people talk, something breaks, everything settles, the judge reads the history."""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import aiohttp

from tests.faults.checker import judge
from tests.faults.crowd import Crowd
from tests.faults.results import FOLDER, sum_up
from tests.faults.verdict import Violation
from tests.fixtures.history import Fault, History
from tests.fixtures.hubbub import Hubbub

QUIET_SECONDS = 1.0  # of talk before the first fault and after the last one


class Scene(NamedTuple):
    """What an injection has at its disposal."""

    system: Hubbub
    crowd: Crowd
    history: History
    pace: random.Random

    @contextlib.contextmanager
    def fault(self, what: str) -> Iterator[None]:
        """Records when the fault began and when its cause was gone."""
        fault = Fault(time.monotonic(), 0.0, what)
        self.history.faults.append(fault)
        yield
        fault.over = time.monotonic()


Inject = Callable[[Scene], Awaitable[None]]


async def ride_out(
    system: Hubbub,
    inject: Inject,
    *,
    fault: str,
    invariants: str,
    seed: int,
    origin: str = "",
    may_stay_unanswered: bool = False,
    pause_seconds: tuple[float, float] = (0.05, 0.25),
    text_bytes: int = 0,
    patience_seconds: float | None = None,
) -> History:
    """Raises AssertionError with the judge's findings; the history is in .build/faults.

    `origin` is where the people connect, if not directly to the system; `patience_seconds` is
    passed to the crowd.
    """
    history, pace = History(seed=seed), random.Random(seed)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        Crowd(
            http,
            origin or system.origin,
            history,
            pace,
            pause_seconds=pause_seconds,
            text_bytes=text_bytes,
            patience_seconds=patience_seconds,
        ) as crowd,
    ):
        scene = Scene(system, crowd, history, pace)

        async def during() -> None:
            await asyncio.sleep(QUIET_SECONDS)
            await inject(scene)
            await asyncio.sleep(QUIET_SECONDS)

        await crowd.talk(during)
        await crowd.settle()
        await crowd.conclude()
    violations = judge(history)
    violations += [Violation("gap", late) for late in crowd.late]
    if not may_stay_unanswered:
        violations += [
            Violation("refused", f"never answered: {sent}")
            for sent in history.sends
            if sent.ended is None and not sent.refused
        ]
    name = re.sub(r"\W+", "-", fault).strip("-")
    sum_up(fault, invariants, history, violations, crowd.settled_seconds).save(name)
    history.save(FOLDER / f"{name}.history.json")
    assert not violations, (
        f"seed {seed}: {len(violations)} breaches, the history is in "
        f"{FOLDER / name}.history.json:\n" + "\n".join(map(str, violations[:10]))
    )
    return history
