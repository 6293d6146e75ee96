"""A subscriber of Valkey's pub/sub that knows when it may have missed something.

Clients that reconnect by themselves hide a loss; this one says when it is up and when it is not, so
that its user can compare. The connection must answer a PING several times a second. Reading is
cheap: hiredis parses everything that one read returned, on a protocol of its own.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, cast

import hiredis

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.tasks import set_unless_done
from common.valkey.address import ValkeyAddress

HEALTH_SECONDS: Final = 0.25
MAX_MISSED_ANSWERS: Final = 3
CONNECT_TIMEOUT_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 0.1
USER_TIMEOUT_MS: Final = 1_000  # unacknowledged bytes end the connection (tcp(7))
TOPICS_A_COMMAND: Final = 500

Messages = list[list[bytes]]


class BusConnection(asyncio.Protocol):
    """One connection; dead once `lost` is done. `expects` tells whether its owner handles an
    answer."""

    def __init__(
        self,
        receive: Callable[[Messages], None],
        expects: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        self._receive = receive
        self._expects = expects
        self._read = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        # By number: who waits for the answer.
        self._pings: dict[bytes, Sequence[asyncio.Future[bool]]] = {}
        self._number = 0
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._missed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is not of that class
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)

    def data_received(self, data: bytes) -> None:
        self._read.feed(data)
        gets = self._read.gets
        messages: Messages = []
        while (item := gets()) is not False:
            if type(item) is list and (item[0] == b"message" or item[0] == b"smessage"):
                messages.append(item)
            else:
                self._hear(item)
        if messages:
            self._receive(messages)

    def connection_lost(self, error: Exception | None) -> None:
        self.end(type(error).__name__ if error else "closed")

    def end(self, reason: str) -> None:
        set_unless_done(self.lost, reason)
        for number in list(self._pings):
            self._answer(number, heard=False)
        if self._transport is not None:
            self._transport.abort()

    def command(self, *parts: str | bytes) -> None:
        if self._transport is not None and not self.lost.done():
            self._transport.write(hiredis.pack_command(parts))  # type: ignore[arg-type] # its stub allows one part only

    def command_topics(self, command: str, topics: Iterable[str]) -> None:
        names = list(topics)
        for start in range(0, len(names), TOPICS_A_COMMAND):
            self.command(command, *names[start : start + TOPICS_A_COMMAND])

    def ping(self, waiting: Sequence[asyncio.Future[bool]] = ()) -> None:
        """Answered after all earlier commands; `waiting` are told whether the answer came."""
        self._number += 1
        number = b"%d" % self._number
        self._pings[number] = waiting
        self.command("PING", number)

    def check(self) -> None:
        """To be called every HEALTH_SECONDS: a connection that no longer answers is ended."""
        if not self._pings:
            self.ping()
            return
        self._missed += 1
        if self._missed >= MAX_MISSED_ANSWERS:
            self.end("no answer")

    def _hear(self, item: Any) -> None:
        if self._expects(item):
            return
        if isinstance(item, hiredis.ReplyError):
            log("bus refuses a command", level=logging.WARNING, error=str(item).split(" ", 1)[0])
            self.end("refused")
            return
        # Commands are answered in order: the PING may come after a million topics.
        self._missed = 0
        # While subscribed, PING is answered with a list; before the first subscription, with its
        # number.
        number = item[1] if type(item) is list and item[0] == b"pong" else item
        if isinstance(number, bytes) and number in self._pings:
            self._answer(number, heard=True)

    def _answer(self, number: bytes, *, heard: bool) -> None:
        for answered in self._pings.pop(number):
            set_unless_done(answered, heard)


class Bus:
    """Keeps a set of topics subscribed, over reconnects, and says when it can be trusted."""

    def __init__(self, url: str, rest: Rest = NEVER) -> None:
        self._address = ValkeyAddress(url)
        self._rest = rest
        self._topics: set[str] = set()
        self._news: dict[str, bool] = {}  # topic: whether to subscribe or unsubscribe it
        self._connection: BusConnection | None = None
        self._settling: list[asyncio.Future[bool]] = []
        self.is_up = False
        self.ups = 0  # how often it came up

    @property
    def subscriptions(self) -> int:
        """Topics that should be subscribed."""
        return len(self._topics)

    def subscribe(self, topic: str) -> None:
        """Sent with all others of this turn of the loop."""
        self._topics.add(topic)
        self._note(topic, True)

    def unsubscribe(self, topic: str) -> None:
        self._topics.discard(topic)
        self._note(topic, False)

    async def settled(self) -> bool:
        """Waits until earlier subscriptions are confirmed; False as soon as the bus is down.

        All callers of one turn of the loop share one PING.
        """
        connection = self._connection
        if connection is None or not self.is_up:
            return False
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bool] = loop.create_future()
        if not self._settling:
            loop.call_soon(self._settle, connection)
        self._settling.append(answered)
        return await answered

    def _settle(self, connection: BusConnection) -> None:
        self._flush()
        waiting, self._settling = self._settling, []
        connection.ping(waiting)
        if connection.lost.done():
            connection.end("lost")

    def reconnect(self, reason: str) -> None:
        """The connection looks alive but delivers nothing."""
        if self._connection is not None:
            self._connection.end(reason)

    async def run(
        self, receive: Callable[[Messages], None], changed: Callable[[bool, str], None]
    ) -> None:
        """Connects and stays connected, until cancelled.

        `receive` gets lists of [kind, topic, payload]. `changed` is called with True once every
        topic is subscribed on a new connection, and with False and a reason as soon as it is gone.
        """
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                    connection = await self._connect(receive)
            except (OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                await self._serve(connection, changed)
            finally:
                connection.end("stopped")
            await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self, receive: Callable[[Messages], None]) -> BusConnection:
        connection = await self._address.connect(lambda: BusConnection(receive))
        if self._address.login:
            connection.command(*self._address.login)
        return connection

    async def _serve(self, connection: BusConnection, changed: Callable[[bool, str], None]) -> None:
        self._connection = connection
        self._news.clear()
        self._send("SUBSCRIBE", self._topics)
        subscribed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        connection.ping([subscribed])
        subscribed.add_done_callback(lambda f: self._come_up(changed) if f.result() else None)
        while not connection.lost.done():
            await self._rest.wait_for(connection.lost, HEALTH_SECONDS)
            connection.check()
        self._connection = None
        if self.is_up:
            self.is_up = False
            log("bus lost", reason=connection.lost.result())
            changed(False, connection.lost.result())

    def _come_up(self, changed: Callable[[bool, str], None]) -> None:
        self.is_up = True
        self.ups += 1
        log("bus up", topics=len(self._topics))
        changed(True, "")

    def _note(self, topic: str, wanted: bool) -> None:
        if self._connection is None:
            return  # the next connection subscribes all topics anyway
        if not self._news:
            asyncio.get_running_loop().call_soon(self._flush)
        self._news[topic] = wanted

    def _flush(self) -> None:
        news, self._news = self._news, {}
        self._send("SUBSCRIBE", [topic for topic, wanted in news.items() if wanted])
        self._send("UNSUBSCRIBE", [topic for topic, wanted in news.items() if not wanted])

    def _send(self, command: str, topics: Iterable[str]) -> None:
        if self._connection is not None:
            self._connection.command_topics(command, topics)
