"""One connection to Valkey that is written to at once, for commands that every message needs.

A client with a pool checks a connection before it lends it, and its caller waits for turns of the
loop, which would delay even a single message (docs/decisions/calls.md).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, cast

import hiredis

from common.process.logs import log
from common.process.tasks import set_unless_done
from common.valkey.address import ValkeyAddress
from common.valkey.client import ANSWER_TIMEOUT_SECONDS, CONNECT_TIMEOUT_SECONDS

Answers: TypeAlias = list[Any] | None
"""An answer to each command; None if Valkey may have executed some of them, or none."""

_pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command

ANSWER_TICKS: Final = 5
NOT_REACHED: Final = hiredis.ReplyError("TRYAGAIN the server was not reached")


class _Asked(NamedTuple):
    """Commands in one write, the answers so far, and the callers that wait for all of them."""

    data: bytes
    commands: int
    answers: list[Any]
    done: asyncio.Future[Answers]


class _Connection(asyncio.Protocol):
    """Answers come in the order of commands; when it ends, unanswered commands fail."""

    def __init__(self, judge: Callable[[list[Any]], Answers]) -> None:
        self._reader = hiredis.Reader()
        self._judge = judge
        self._transport: asyncio.Transport | None = None
        self._asked: deque[_Asked] = deque()
        self._overdue: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def write(self, asked: _Asked) -> None:
        if self._transport is None:
            set_unless_done(asked.done, None)
            return
        self._asked.append(asked)
        self._transport.write(asked.data)
        if self._overdue is None:
            self._watch()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not of that class

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if self._overdue is not None:
            self._overdue.cancel()
        while self._asked:
            set_unless_done(self._asked.popleft().done, None)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            if not self._asked:
                self.abort()  # an unsolicited answer: the connection cannot be trusted
                return
            oldest = self._asked[0]
            oldest.answers.append(answer)
            if len(oldest.answers) == oldest.commands:
                set_unless_done(self._asked.popleft().done, self._judge(oldest.answers))
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
        if self._asked:
            self._watch()

    def _watch(self, ticks: int = ANSWER_TICKS) -> None:
        """Data must arrive within the time for an answer.

        Counted in ticks, so that time in which this process itself stands still is not blamed on
        the server: that counts as one tick, however long.
        """
        if ticks == 0:
            self.abort()
            return
        loop = asyncio.get_running_loop()
        self._overdue = loop.call_later(
            ANSWER_TIMEOUT_SECONDS / ANSWER_TICKS, self._watch, ticks - 1
        )


class ValkeyPipeline:
    """Commands are written as soon as they are asked, in that order, and never retried.

    Connects when first used, and again when used after the connection broke.
    """

    def __init__(self, url: str, *, keep_refusals: bool = False) -> None:
        """`keep_refusals`: they are among the answers, as hiredis.ReplyError; so is NOT_REACHED,
        for commands that were never sent."""
        self._address = ValkeyAddress(url)
        self._keeps_refusals = keep_refusals
        self._judge = _keep if keep_refusals else _unless_refused
        self._connection: _Connection | None = None
        self._waiting: list[_Asked] = []  # for the connection
        self._connecting: asyncio.Task[None] | None = None
        self._is_closed = False

    def ask(self, commands: Sequence[tuple[Any, ...]]) -> asyncio.Future[Answers]:
        """The answers to all of them. None, if Valkey is down, slow or refuses one, means that it
        may have executed some."""
        done: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        if not commands:
            done.set_result([])
            return done
        asked = _Asked(b"".join(map(_pack, commands)), len(commands), [], done)
        if self._is_closed:
            set_unless_done(asked.done, None)
            return done
        if self._connection is not None and self._connection.is_open:
            self._connection.write(asked)
            return done
        self._waiting.append(asked)
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        return done

    def close(self) -> None:
        """Unanswered and later commands fail."""
        self._is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            self._fail_waiting()
        if self._connection is not None:
            self._connection.abort()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                connection = await self._address.connect(lambda: _Connection(self._judge))
            if login := self._address.login:
                done = asyncio.get_running_loop().create_future()
                done.add_done_callback(partial(_abort_unless_let_in, connection))
                connection.write(_Asked(_pack(login), 1, [], done))
            self._connection = connection
            waiting, self._waiting = self._waiting, []
            for asked in waiting:
                connection.write(asked)
        except (OSError, TimeoutError) as error:
            log("valkey is not there", error=type(error).__name__)
        finally:
            self._connecting = None
            self._fail_waiting()

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            set_unless_done(
                asked.done, [NOT_REACHED] * asked.commands if self._keeps_refusals else None
            )


def _abort_unless_let_in(connection: _Connection, answered: asyncio.Future[Answers]) -> None:
    """The next connection logs in again: by then the password may have been changed back."""
    if answered.cancelled() or not (said := answered.result()) or _unless_refused(said) is None:
        connection.abort()


def _keep(answers: list[Any]) -> Answers:
    return answers


def _unless_refused(answers: list[Any]) -> Answers:
    for answer in answers:
        if isinstance(answer, hiredis.ReplyError):
            log(
                "valkey refuses a command",
                level=logging.WARNING,
                error=str(answer).split(" ", 1)[0],
            )
            return None
    return answers
