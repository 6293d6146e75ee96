"""The subscriber of a Valkey cluster, with the guarantees of common/valkey/bus.py.

Topics of a shard are subscribed at one of its servers: its primary, or a replica if that cannot be
reached. A slot that moves and a replica that takes over end subscriptions, and say so on a
connection that stays open (`sunsubscribe`); a server that dies ends the connection. In all these
cases the bus is down until every topic is subscribed again, so that its user compares.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import hiredis

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.tasks import set_unless_done
from common.valkey.bus import (
    CONNECT_TIMEOUT_SECONDS,
    HEALTH_SECONDS,
    RETRY_SECONDS,
    BusConnection,
    Messages,
)
from common.valkey.cluster import Cluster, Place, is_sharded, slot_of

LEARN_SECONDS: Final = 2.0  # while nothing indicates that slots have moved
SETTLE_SECONDS: Final = 2.0  # until every server has answered to what was subscribed
EVERYWHERE: Final = -1  # the slot number of topics that are heard on every server
_ELSEWHERE: Final = ("MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN", "LOADING")


class ClusterBus:
    """Keeps a set of topics subscribed, and says when it can be trusted."""

    def __init__(self, cluster: Cluster, rest: Rest = NEVER) -> None:
        self._cluster = cluster
        self._rest = rest
        self._topics: dict[int, set[str]] = defaultdict(set)  # by slot
        self._count = 0
        self._connections: dict[Place, BusConnection] = {}
        self._homes: dict[int, BusConnection] = {}  # by slot: where its topics are subscribed
        self._leaving: dict[BusConnection, Counter[str]] = {}  # unsubscribed, not confirmed yet
        self._news: dict[str, bool] = {}  # topic: whether to subscribe or unsubscribe it
        self._settling: list[asyncio.Future[bool]] = []
        self._trouble = asyncio.Event()
        self._reason = ""
        self._receive: Callable[[Messages], None] = lambda _: None
        self._changed: Callable[[bool, str], None] = lambda *_: None
        self.is_up = False
        self.ups = 0  # how often it came up

    @property
    def subscriptions(self) -> int:
        """Topics that should be subscribed."""
        return self._count

    def subscribe(self, topic: str) -> None:
        """Sent with all others of this turn of the loop."""
        topics = self._topics[_slot(topic)]
        if topic not in topics:
            topics.add(topic)
            self._count += 1
        self._note(topic, True)

    def unsubscribe(self, topic: str) -> None:
        topics = self._topics[_slot(topic)]
        if topic in topics:
            topics.discard(topic)
            self._count -= 1
        self._note(topic, False)

    async def settled(self) -> bool:
        """Waits until earlier subscriptions are confirmed; False as soon as the bus is down.

        All callers of one turn of the loop share one PING to each server.
        """
        if not self.is_up:
            return False
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bool] = loop.create_future()
        if not self._settling:
            loop.call_soon(self._settle)
        self._settling.append(answered)
        return await answered and self.is_up

    def _settle(self) -> None:
        self._flush()
        waiting, self._settling = self._settling, []

        def tell(heard: bool) -> None:
            for answered in waiting:
                set_unless_done(answered, heard)

        self._ping_all(tell)

    def reconnect(self, reason: str) -> None:
        """The connections look alive but deliver nothing."""
        for connection in list(self._connections.values()):
            connection.end(reason)

    async def run(
        self, receive: Callable[[Messages], None], changed: Callable[[bool, str], None]
    ) -> None:
        """Connects and stays connected, until cancelled; `receive` and `changed` as in Bus."""
        self._receive, self._changed = receive, changed
        watching = asyncio.create_task(self._watch_connections())
        try:
            while True:
                self._trouble.clear()
                if await self._cluster.learn() and await self._place_all():
                    if not self.is_up:
                        self._come_up()
                    await self._wait_for_trouble()
                else:
                    self._go_down("not reached")
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            watching.cancel()
            for connection in list(self._connections.values()):
                connection.end("stopped")

    async def _wait_for_trouble(self) -> None:
        """Waits for some time at most, after which slots are fetched again anyway."""
        try:
            async with asyncio.timeout(LEARN_SECONDS):
                await self._trouble.wait()
        except TimeoutError:
            return
        self._go_down(self._reason)

    def _come_up(self) -> None:
        self.is_up = True
        self.ups += 1
        log("bus up", topics=self._count, servers=len(self._connections))
        self._changed(True, "")

    def _go_down(self, reason: str) -> None:
        if self.is_up:
            self.is_up = False
            log("bus lost", reason=reason)
            self._changed(False, reason)

    async def _place_all(self) -> bool:
        """Whether each topic is subscribed at the right server."""
        slots = self._cluster.slots
        shards = slots.shards
        connected = await asyncio.gather(*(self._connect_to(members) for members in shards))
        homes = {members[0]: one for members, one in zip(shards, connected, strict=True)}
        if None in connected or not connected:
            return False
        moves: list[tuple[int, BusConnection]] = []
        for slot in [EVERYWHERE, *(slot for slot, topics in self._topics.items() if topics)]:
            current = self._homes.get(slot)
            if slot == EVERYWHERE:
                home = current if current in connected else connected[0]
            else:
                members = slots.members(slot)
                home = homes[members[0]] if members else None
            if home is None:
                return False  # no server has the slot just now
            if home is not current:
                moves.append((slot, home))
        if moves:
            self._go_down("moved")  # messages published meanwhile may be missed
        self._release_all_but(connected)
        for slot, home in moves:
            self._move(slot, home)
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._ping_all(partial(set_unless_done, answered))
        try:
            async with asyncio.timeout(SETTLE_SECONDS + self._count / 100_000):
                return await answered and not self._trouble.is_set()
        except TimeoutError:
            return False

    async def _connect_to(self, members: Sequence[Place]) -> BusConnection | None:
        """To the first of them that can be reached."""
        for place in self._cluster.choose(members):
            connection = self._connections.get(place)
            if connection is not None and not connection.lost.done():
                return connection
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                    connection, leaving = await self._open(place)
            except (OSError, TimeoutError):
                self._cluster.avoid(place)
                continue
            self._connections[place], self._leaving[connection] = connection, leaving
            connection.lost.add_done_callback(partial(self._lose, place, connection))
            return connection
        return None

    async def _open(self, place: Place) -> tuple[BusConnection, Counter[str]]:
        """A connection, and its pending unsubscriptions."""
        address = self._cluster.address_of(place)
        leaving = Counter[str]()
        connection = await address.connect(
            lambda: BusConnection(self._receive, partial(self._expects, leaving))
        )
        if address.login:
            connection.command(*address.login)
        return connection, leaving

    def _release_all_but(self, needed: Sequence[BusConnection | None]) -> None:
        """A topic that stays subscribed at a server that was replaced would be heard twice."""
        for place, connection in list(self._connections.items()):
            if connection not in needed:
                del self._connections[place]
                connection.end("not needed")

    def _lose(self, place: Place, connection: BusConnection, ended: asyncio.Future[str]) -> None:
        del self._leaving[connection]
        for slot in [slot for slot, home in self._homes.items() if home is connection]:
            del self._homes[slot]
        if self._connections.get(place) is connection:  # otherwise we closed it
            del self._connections[place]
            self._cluster.avoid(place)
            self._report_trouble(ended.result())

    def _report_trouble(self, reason: str) -> None:
        if not self._trouble.is_set():
            self._reason = reason
            self._trouble.set()

    def _expects(self, leaving: Counter[str], item: Any) -> bool:
        """Whether it says that a topic is not, or no longer, subscribed where it was."""
        if isinstance(item, hiredis.ReplyError):
            kind, _, rest = str(item).partition(" ")
            if kind not in _ELSEWHERE:
                return False
            slot = rest.partition(" ")[0]
            if slot.isdecimal():
                self._homes.pop(int(slot), None)
            else:
                self._homes.clear()
            self._report_trouble(kind.lower())
            return True
        if type(item) is list and item[0] == b"sunsubscribe" and item[1] is not None:
            topic = item[1].decode()
            if leaving[topic] > 1:
                leaving[topic] -= 1
            elif leaving.pop(topic, 0) == 0:
                self._homes.pop(_slot(topic), None)
                self._report_trouble("moved")
            return True
        return False

    def _move(self, slot: int, home: BusConnection) -> None:
        """Subscribes a slot's topics there and unsubscribes them where they were: late is better
        than twice."""
        before = self._homes.get(slot)
        self._homes[slot] = home
        topics = self._topics[slot]
        if before is not None and not before.lost.done():
            self._send(before, slot, False, topics)
        self._send(home, slot, True, topics)

    def _note(self, topic: str, wanted: bool) -> None:
        if not self._news:
            asyncio.get_running_loop().call_soon(self._flush)
        self._news[topic] = wanted

    def _flush(self) -> None:
        news, self._news = self._news, {}
        by_slot: dict[tuple[int, bool], list[str]] = defaultdict(list)
        for topic, wanted in news.items():
            by_slot[_slot(topic), wanted].append(topic)
        for (slot, wanted), topics in by_slot.items():
            home = self._homes.get(slot) or (self._find_home(slot) if wanted else None)
            if home is not None:
                self._homes[slot] = home
                self._send(home, slot, wanted, topics)
            elif wanted and self.is_up:
                self._report_trouble("a new shard")

    def _find_home(self, slot: int) -> BusConnection | None:
        """For the first topics of a slot."""
        for place in self._cluster.slots.members(slot):
            connection = self._connections.get(place)
            if connection is not None and not connection.lost.done():
                return connection
        return None

    def _send(self, home: BusConnection, slot: int, wanted: bool, topics: Iterable[str]) -> None:
        command = "SUBSCRIBE" if wanted else "UNSUBSCRIBE"
        if slot != EVERYWHERE:
            command = f"S{command}"
            if not wanted and home in self._leaving:  # otherwise it is lost
                self._leaving[home].update(topics)
        home.command_topics(command, topics)

    def _ping_all(self, tell: Callable[[bool], None]) -> None:
        """`tell` is called once all servers have answered, or one has not."""
        connections = list(self._connections.values())
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[bool]] = [loop.create_future() for _ in connections]
        if not connections:
            tell(False)
            return
        everything = asyncio.gather(*answers)
        everything.add_done_callback(lambda done: tell(not done.cancelled() and all(done.result())))
        for connection, answer in zip(connections, answers, strict=True):
            connection.ping([answer])
            if connection.lost.done():
                set_unless_done(answer, False)

    async def _watch_connections(self) -> None:
        """Each must answer a PING several times a second, until cancelled."""
        while True:
            await self._rest.pause(HEALTH_SECONDS)
            for connection in list(self._connections.values()):
                connection.check()


def _slot(topic: str) -> int:
    return slot_of(topic) if is_sharded(topic) else EVERYWHERE
