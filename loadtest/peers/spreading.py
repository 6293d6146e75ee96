"""How cost grows with the number of nodes that hear a chat, on Valkey, and with the number of chats
that a node hears, while nothing happens in them."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from loadtest.peers.growing import PEOPLE_OF_CHATS, Measured, fresh_hubbub, pair_up, pairs_audience
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found, cpu_seconds, pss_kb
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import SOCKET_OPTIONS, People
from loadtest.peers.process import LOOPBACK
from loadtest.peers.servers import start_valkey
from loadtest.peers.sockets import Sockets, start_publisher
from loadtest.peers.stock import Stock

NODES: Final = (1, 4, 16, 64)
EVENTS_A_SECOND: Final = 500
EVENT_BYTES: Final = 210
BUS_SECONDS: Final = 4.0
ROOMS: Final = (10_000, 100_000)
ROUND_SECONDS: Final = 31.0  # a node compares all its heads every 30 s
READ_BYTES: Final = 65_536
TOPICS: Final = 100_000
TOPICS_A_COMMAND: Final = 200
SUBSCRIBE_SECONDS: Final = 60.0


class Subscribers:
    """So many connections that hear one topic, as nodes do, and forget what they hear."""

    def __init__(self, valkey: int, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._is_over = threading.Event()
        self.heard = 0  # bytes
        for _ in range(count):
            node = socket.create_connection((LOOPBACK, valkey))
            node.sendall(b"SUBSCRIBE room0\r\n")
            node.recv(READ_BYTES)
            self._selector.register(node, selectors.EVENT_READ, node)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def hear_more(self, topics: int) -> None:
        """Each of them, so many topics of chats that the others hear too. Returns once they do."""
        names = [f"{{p0}}chat:{number:036}" for number in range(topics)]
        nodes = [key.data for key in self._selector.get_map().values()]
        answers = sum(len(_answer_to(name, count)) for count, name in enumerate(names, 2))
        wanted = self.heard + answers * len(nodes)
        for node in nodes:
            for i in range(0, topics, TOPICS_A_COMMAND):
                node.sendall(f"SUBSCRIBE {' '.join(names[i : i + TOPICS_A_COMMAND])}\r\n".encode())
        end = time.monotonic() + SUBSCRIBE_SECONDS
        while self.heard < wanted:
            if time.monotonic() > end:
                raise RuntimeError("Valkey does not subscribe all topics")
            time.sleep(0.05)

    def _read(self) -> None:
        while not self._is_over.is_set():
            for key, _ in self._selector.select(0.1):
                self.heard += len(key.data.recv(READ_BYTES))

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.data.close()
        self._selector.close()


def _answer_to(topic: str, count: int) -> str:
    """What Valkey says of each topic: the connection's `count` of them."""
    return f"*3\r\n$9\r\nsubscribe\r\n${len(topic)}\r\n{topic}\r\n:{count}\r\n"


@contextmanager
def _heard_by(valkey: int, nodes: int) -> Iterator[Subscribers]:
    subscribers = Subscribers(valkey, nodes)
    try:
        yield subscribers
    finally:
        subscribers.stop()


def measure_nodes() -> Measured:
    """Valkey's CPU for each event to each node that hears its chat, one event at a time; then what
    it takes to have each node hear a hundred thousand topics. A fresh Valkey for each number."""
    for nodes in NODES:
        valkey, port = start_valkey()
        try:
            with _heard_by(port, nodes) as subscribers:
                events = _events(valkey.pid, port, subscribers, nodes)
                yield "nodes that hear an event", {"size": nodes, **events}
                yield "topics of nodes", {"size": nodes, **_topics(valkey.pid, subscribers, nodes)}
        finally:
            valkey.stop()


def _events(valkey: int, port: int, subscribers: Subscribers, nodes: int) -> Found:
    pace = ("--seconds", BUS_SECONDS + 1, "--rate", EVENTS_A_SECOND)
    publisher = start_publisher(port, "raw", EVENT_BYTES, *pace)
    try:
        time.sleep(0.5)
        cpu, heard, since = cpu_seconds(valkey), subscribers.heard, time.monotonic()
        time.sleep(BUS_SECONDS)
        cpu, heard = cpu_seconds(valkey) - cpu, subscribers.heard - heard
        took = time.monotonic() - since
    finally:
        publisher.stop()
    to_nodes = took * EVENTS_A_SECOND * nodes
    return {
        "us": cpu / to_nodes * 1e6,
        "event_bytes": heard / to_nodes,
        "server_core": cpu / took,
    }


def _topics(valkey: int, subscribers: Subscribers, nodes: int) -> Found:
    memory, cpu = pss_kb(valkey), cpu_seconds(valkey)
    subscribers.hear_more(TOPICS)
    count = TOPICS * nodes
    return {
        "us": (cpu_seconds(valkey) - cpu) / count * 1e6,
        "kb": (pss_kb(valkey) - memory) / count,
    }


def measure_rooms() -> Measured:
    """A node that hears so many chats of two, in which nothing is said: CPU of all tiers a second,
    and the node's memory."""
    with fresh_hubbub() as hubbub:
        people = People(hubbub.port).sign_up(PEOPLE_OF_CHATS)
        pairs = pair_up(people, max(ROOMS))
        stock, chats = Stock(hubbub), list[str]()
        try:
            meter = Meter.at_rest(hubbub)
            before = hubbub.pss_kb("realtime")
            for count in ROOMS:
                chats += stock.add_chats(pairs[len(chats) : count])
                stock.settle()
                plan = pairs_audience(chats, pairs).plan
                yield "chats at rest", {"size": count, **_rest(hubbub, meter, plan, count, before)}
        finally:
            stock.close()


def _rest(hubbub: Hubbub, meter: Meter, plan: list[str], rooms: int, before: int) -> Found:
    sockets = Sockets(hubbub.ports("realtime"), plan, SOCKET_OPTIONS, core=None)
    try:
        time.sleep(2.0)
        since = meter.start(sockets.process.pid)
        time.sleep(ROUND_SECONDS)
        found = meter.stop(since, sockets.process.pid)
        memory = hubbub.pss_kb("realtime") - before
    finally:
        sockets.stop()
    cost = by_tier(found["cpu"], found["seconds"])
    return {**found, **cost, "kb": memory / rooms, "failed": sockets.ready["failed"]}
