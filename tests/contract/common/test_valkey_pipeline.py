"""The publishing pipeline, on the event loop that services run on, with a real Valkey."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic, sleep
from urllib.parse import urlsplit

import pytest
import uvloop

from common.valkey.client import (
    ANSWER_TIMEOUT_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    connect_valkey,
)
from common.valkey.pipeline import ValkeyPipeline
from tests.fixtures.busy import bound
from tests.fixtures.proxy import Proxy
from tests.fixtures.servers import ValkeyServer

PATIENCE_SECONDS = 30.0


@pytest.fixture(autouse=True)
def may_connect_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of a second is over when the machine stands still."""
    limit = bound(CONNECT_TIMEOUT_SECONDS, PATIENCE_SECONDS)
    monkeypatch.setattr("common.valkey.pipeline.CONNECT_TIMEOUT_SECONDS", limit)


def with_line(
    valkey: ValkeyServer, use: Callable[[ValkeyPipeline, Proxy], Awaitable[None]]
) -> None:
    parts = urlsplit(valkey.url)
    assert parts.hostname
    assert parts.port
    host, port = parts.hostname, parts.port

    async def run() -> None:
        async with Proxy(host, port) as proxy:
            line = ValkeyPipeline(f"redis://{proxy.address}")
            try:
                await asyncio.wait_for(use(line, proxy), PATIENCE_SECONDS)
            finally:
                line.close()

    uvloop.run(run())


def test_commands_are_done_in_the_order_in_which_they_were_asked(
    valkey: ValkeyServer, topic_prefix: str
) -> None:
    """Including those issued before the connection was open, and many at once."""
    name = f"{topic_prefix}order"

    async def use(line: ValkeyPipeline, _: Proxy) -> None:
        asked = [line.ask([("RPUSH", name, str(n)), ("PING",)]) for n in range(50)]
        assert await asked[0] == [1, b"PONG"]
        asked += [line.ask([("RPUSH", name, str(n))]) for n in range(50, 100)]
        assert None not in await asyncio.gather(*asked)
        assert await line.ask([]) == []
        async with connect_valkey(valkey.url, patience_seconds=PATIENCE_SECONDS) as client:
            assert await client.lrange(name, 0, -1) == [b"%d" % n for n in range(100)]

    with_line(valkey, use)


def test_a_valkey_that_is_gone_fails_at_once_and_is_found_when_it_is_back(
    valkey: ValkeyServer,
) -> None:
    """Each command has an outcome, and nothing has to be set up again."""

    async def use(line: ValkeyPipeline, proxy: Proxy) -> None:
        assert await line.ask([("PING",)]) == [b"PONG"]
        await proxy.turn("refuse")
        assert await asyncio.gather(*(line.ask([("PING",)]) for _ in range(3))) == [None] * 3
        await proxy.turn("pass")
        assert await line.ask([("PING",)]) == [b"PONG"]

    with_line(valkey, use)


def test_one_that_hangs_costs_the_time_for_an_answer(valkey: ValkeyServer) -> None:
    """All pending commands have failed then, and the next one uses a new connection."""

    async def use(line: ValkeyPipeline, proxy: Proxy) -> None:
        assert await line.ask([("PING",)]) == [b"PONG"]
        await proxy.turn("stall answers")
        started = monotonic()
        assert await asyncio.gather(*(line.ask([("PING",)]) for _ in range(3))) == [None] * 3
        took = monotonic() - started
        assert ANSWER_TIMEOUT_SECONDS * 0.9 < took < bound(5, 20) * ANSWER_TIMEOUT_SECONDS
        await proxy.turn("pass")
        assert await line.ask([("PING",)]) == [b"PONG"]

    with_line(valkey, use)


def test_the_time_in_which_this_process_stood_still_is_not_the_servers(
    valkey: ValkeyServer,
) -> None:
    """What was written before may have been sent only after it."""

    async def use(line: ValkeyPipeline, _: Proxy) -> None:
        assert await line.ask([("PING",)]) == [b"PONG"]
        asked = line.ask([("PING",)])
        sleep(1.5 * ANSWER_TIMEOUT_SECONDS)  # noqa: ASYNC251 - blocks the loop on purpose
        assert await asked == [b"PONG"]

    with_line(valkey, use)


@pytest.mark.parametrize("command", [("NO SUCH COMMAND",), ("PUBLISH", "too few")])
def test_a_refused_command_has_failed(valkey: ValkeyServer, command: tuple[str, ...]) -> None:
    """With all commands of its batch; those after it get their own answers."""

    async def use(line: ValkeyPipeline, _: Proxy) -> None:
        refused, behind = line.ask([("PING",), command]), line.ask([("PING",)])
        assert await refused is None
        assert await behind == [b"PONG"]

    with_line(valkey, use)


def test_a_closed_line_leaves_nobody_waiting(valkey: ValkeyServer) -> None:
    """Neither a caller that was connected nor one that was connecting."""

    async def use(line: ValkeyPipeline, proxy: Proxy) -> None:
        assert await line.ask([("PING",)]) == [b"PONG"]
        await proxy.turn("stall answers")
        waiting = line.ask([("PING",)])
        line.close()
        assert await waiting is None
        other = ValkeyPipeline(f"redis://{proxy.address}")
        waiting = other.ask([("PING",)])
        other.close()
        assert await waiting is None
        assert await other.ask([("PING",)]) is None

    with_line(valkey, use)
