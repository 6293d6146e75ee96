"""Background work goes on after failures, which are counted, and logged once in a row."""

import asyncio
import logging
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Counter

from common.database.failures import DatabaseUnreachable
from common.process.rest import Rest
from common.process.rounds import repeat
from common.protocol.errors import unavailable

ROUND_SECONDS, AT_REST_SECONDS = 1.0, 8.0


class Work:
    """Each round has the next of these results, exceptions among them; the last ends the work."""

    def __init__(self, *results: int | Exception | None) -> None:
        self._results = iter(results)

    async def run(self) -> int | None:
        result = next(self._results, None)
        if isinstance(result, Exception):
            raise result
        if result is None:
            raise asyncio.CancelledError
        return result


class Pauses(Rest):
    """Records the pauses, and takes none."""

    def __init__(self) -> None:
        super().__init__(after_seconds=0.0)
        self.taken: list[float] = []

    async def pause(self, seconds: float, at_rest: float = 0.0) -> None:
        self.taken.append(max(seconds, at_rest))


@pytest.fixture
def failed() -> Counter:
    return Counter("failed", "Background work that failed", ["of"], registry=CollectorRegistry())


async def run(work: Work, failed: Counter, survives: Iterable[type[Exception]] = ()) -> Pauses:
    """Until the work ends."""
    rest = Pauses()
    survived = (*survives, DatabaseUnreachable)
    with pytest.raises(asyncio.CancelledError):
        await repeat(
            "dig", ROUND_SECONDS, work.run, failed, survived, rest=rest, at_rest=AT_REST_SECONDS
        )
    return rest


def logged(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Without asyncio's own reports of what took long on a busy machine."""
    return [record for record in caplog.records if record.name == "hubbub"]


async def test_an_outage_is_counted_per_round_and_logged_once(
    failed: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    """As a warning; the next outage is logged again."""
    down = DatabaseUnreachable("down")
    with caplog.at_level(logging.WARNING, "hubbub"):
        await run(Work(down, down, down, 0, down), failed)
    assert failed.labels("dig")._value.get() == 4
    assert [(record.levelname, vars(record)["fields"]) for record in logged(caplog)] == [
        ("WARNING", {"of": "dig", "error": "DatabaseUnreachable"})
    ] * 2


@pytest.mark.parametrize(("error", "level"), [(unavailable(), "WARNING"), (KeyError(), "ERROR")])
async def test_what_is_no_outage_is_logged_as_an_error(
    failed: Counter, caplog: pytest.LogCaptureFixture, error: Exception, level: str
) -> None:
    """A service that does not answer is an outage."""
    with caplog.at_level(logging.WARNING, "hubbub"):
        await run(Work(error), failed, [type(error)])
    assert [record.levelname for record in logged(caplog)] == [level]


async def test_other_exceptions_end_the_work(failed: Counter) -> None:
    """The process ends then, and is started again."""
    with pytest.raises(KeyError):
        await repeat("dig", ROUND_SECONDS, Work(KeyError()).run, failed)


async def test_work_that_is_left_shortens_pauses_at_rest(failed: Counter) -> None:
    """A failure does not change what is known to be left."""
    rest = await run(Work(0, 2, DatabaseUnreachable("down"), 0), failed)
    assert rest.taken == [AT_REST_SECONDS, ROUND_SECONDS, ROUND_SECONDS, AT_REST_SECONDS]


@pytest.mark.parametrize("in_turn", [True, False])
async def test_work_that_takes_its_own_turn_leaves_it_to_others(
    failed: Counter, in_turn: bool
) -> None:
    """Other work waits only for work that is done in turn."""
    rest, began, ends = Rest(after_seconds=0.0), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await ends.wait()

    repeated = asyncio.create_task(
        repeat("dig", ROUND_SECONDS, work, failed, rest=rest, in_turn=in_turn)
    )
    rest.has_begun()
    async with asyncio.timeout(30):
        await began.wait()
        patience = 0.1 if in_turn else 30
        before = asyncio.get_running_loop().time()
        async with rest.in_turn(patience):
            waited = asyncio.get_running_loop().time() - before
    assert (waited >= 0.1) == in_turn
    repeated.cancel()
