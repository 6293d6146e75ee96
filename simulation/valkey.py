"""Valkey, as far as Hubbub uses it: strings, sorted sets, the rate script, pub/sub.

A command that is not here is an error of the run: the model must grow with the product.
"""

import asyncio
import math
import random
from typing import Any, Final

import hiredis

from common.valkey.shared_rates import SCRIPT
from common.valkey.valkey import LIST, RENEW
from simulation.clock import CLOCK
from simulation.network import Listener
from simulation.processes import Process

PORT: Final = 6379
KEEPS_SECONDS: Final = 4.0  # age of the copy that a failover returns to

Answer = bytes


class Wear:
    """What goes wrong between a publish and one subscriber, as shares of its messages."""

    def __init__(self) -> None:
        self.lost = 0.0
        self.doubled = 0.0
        self.late = 0.0
        self.only = b""  # prefixes of the affected topics, if not all

    def is_new(self) -> bool:
        return not (self.lost or self.doubled or self.late)


class Valkey:
    """Data, subscribers and faults; they survive a connection, and data survives a failover."""

    def __init__(self, loop: Any, seed: str) -> None:
        self.loop = loop
        self.subscribers: dict[bytes, dict[_Connection, None]] = {}
        self.wear: dict[str, Wear] = {}  # by the subscriber's host
        self.deaf: set[str] = set()  # hosts whose PUBLISH is accepted and delivered to nobody
        self.refused: set[str] = set()  # hosts whose PUBLISH is refused
        self.random = random.Random(f"{seed} valkey")
        self._strings: dict[bytes, tuple[bytes, float]] = {}
        self._sets: dict[bytes, dict[bytes, float]] = {}
        self._copy: tuple[dict[bytes, tuple[bytes, float]], dict[bytes, dict[bytes, float]]] = (
            {},
            {},
        )

    async def serve(self, host: str = "valkey") -> None:
        """The process's main task."""
        await self.loop.create_server(lambda: _Connection(self), sock=Listener(host, PORT))
        while True:
            await asyncio.sleep(KEEPS_SECONDS)
            self._copy = self._snapshot()

    def _snapshot(self) -> Any:
        return dict(self._strings), {key: dict(members) for key, members in self._sets.items()}

    def forget(self, *, everything: bool) -> None:
        """It was restarted empty, or a replica without the last writes took over."""
        self.subscribers.clear()
        strings, sets = ({}, {}) if everything else self._copy
        self._strings = dict(strings)
        self._sets = {key: dict(members) for key, members in sets.items()}

    # ---- commands

    def answer(self, connection: "_Connection", parts: list[bytes]) -> Answer:
        name = parts[0].upper().decode()
        serve = getattr(self, f"_do_{name.lower()}", None)
        if serve is None:
            self.loop.fail(f"valkey: no command {name} in the model")
            return b"-ERR unknown command\r\n"
        answer: Answer = serve(connection, parts[1:])
        return answer

    def _do_hello(self, connection: "_Connection", arguments: list[bytes]) -> Answer:
        connection.is_resp3 = arguments[:1] == [b"3"]
        return b"%1\r\n+proto\r\n:3\r\n" if connection.is_resp3 else b"*2\r\n+proto\r\n:2\r\n"

    def _do_client(self, _: "_Connection", __: list[bytes]) -> Answer:
        return b"+OK\r\n"

    def _do_ping(self, connection: "_Connection", arguments: list[bytes]) -> Answer:
        if connection.topics and not connection.is_resp3:
            return b"*2\r\n$4\r\npong\r\n" + _bulk(arguments[0] if arguments else b"")
        return _bulk(arguments[0]) if arguments else b"+PONG\r\n"

    def _do_subscribe(self, connection: "_Connection", topics: list[bytes]) -> Answer:
        answers = []
        for topic in topics:
            connection.topics[topic] = None
            self.subscribers.setdefault(topic, {})[connection] = None
            answers.append(
                b"*3\r\n$9\r\nsubscribe\r\n" + _bulk(topic) + b":%d\r\n" % len(connection.topics)
            )
        return b"".join(answers)

    def _do_unsubscribe(self, connection: "_Connection", topics: list[bytes]) -> Answer:
        answers = []
        for topic in topics:
            connection.topics.pop(topic, None)
            self._drop(connection, topic)
            answers.append(
                b"*3\r\n$11\r\nunsubscribe\r\n" + _bulk(topic) + b":%d\r\n" % len(connection.topics)
            )
        return b"".join(answers)

    def _do_publish(self, connection: "_Connection", arguments: list[bytes]) -> Answer:
        topic, payload = arguments
        if connection.host in self.refused:
            return b"-NOPERM no permissions to access a channel\r\n"
        heard = self.subscribers.get(topic, {})
        if connection.host not in self.deaf:
            message = b"*3\r\n$7\r\nmessage\r\n" + _bulk(topic) + _bulk(payload)
            for subscriber in list(heard):
                self._deliver(subscriber, topic, message)
        return b":%d\r\n" % len(heard)

    def _deliver(self, subscriber: "_Connection", topic: bytes, message: bytes) -> None:
        wear = self.wear.get(subscriber.host)
        if wear is None or not topic.startswith(wear.only):
            subscriber.write(message)
            return
        draw = self.random.random()
        if draw < wear.lost:
            return
        if draw < wear.lost + wear.late:
            late = self.random.random() * 0.2
            self.loop.call_later(late, subscriber.write, message)
        else:
            subscriber.write(message)
        if self.random.random() < wear.doubled:
            self.loop.call_later(self.random.random() * 0.2, subscriber.write, message)

    def drop(self, connection: "_Connection") -> None:
        """It is gone."""
        for topic in connection.topics:
            self._drop(connection, topic)

    def _drop(self, connection: "_Connection", topic: bytes) -> None:
        heard = self.subscribers.get(topic)
        if heard is not None:
            heard.pop(connection, None)
            if not heard:
                del self.subscribers[topic]

    def _do_zrem(self, _: "_Connection", arguments: list[bytes]) -> Answer:
        key, member = arguments
        return b":%d\r\n" % (self._sets.get(key, {}).pop(member, None) is not None)

    def _do_set(self, _: "_Connection", arguments: list[bytes]) -> Answer:
        key, value, *options = arguments
        seconds = math.inf
        if options:
            seconds = int(options[1]) / (1000 if options[0].upper() == b"PX" else 1)
        self._strings[key] = value, self.loop.time() + seconds
        return b"+OK\r\n"

    def _do_psetex(self, _: "_Connection", arguments: list[bytes]) -> Answer:
        key, milliseconds, value = arguments
        self._strings[key] = value, self.loop.time() + int(milliseconds) / 1000
        return b"+OK\r\n"

    def _do_get(self, _: "_Connection", arguments: list[bytes]) -> Answer:
        value = self._get(arguments[0])
        return b"$-1\r\n" if value is None else _bulk(value)

    def _get(self, key: bytes) -> bytes | None:
        value, until = self._strings.get(key, (b"", 0.0))
        return value if until > self.loop.time() else None

    def _do_eval(self, _: "_Connection", arguments: list[bytes]) -> Answer:
        for script, run in (
            (SCRIPT, self._run_rates),
            (RENEW, self._run_renewal),
            (LIST, self._run_list),
        ):
            if arguments[0] in (script.text.encode(), script.sha.encode()):
                return run(arguments)
        self.loop.fail("valkey: a script that is not in the model")
        return b"-NOSCRIPT\r\n"

    _do_evalsha = _do_eval_ro = _do_evalsha_ro = _do_eval

    def _run_renewal(self, arguments: list[bytes]) -> Answer:
        """common.valkey.valkey.RENEW, line by line, except for the expiry of the whole set."""
        key, address, lasts_ms, kept_ms = arguments[2:6]
        now = self._clock_ms()
        members = self._sets.setdefault(key, {})
        members[address] = float(now + int(lasts_ms))
        for member, score in list(members.items()):
            if score <= now - int(kept_ms):
                del members[member]
        return b":%d\r\n" % now

    def _run_list(self, arguments: list[bytes]) -> Answer:
        """common.valkey.valkey.LIST, line by line."""
        key, over_ms = arguments[2:4]
        now = self._clock_ms()
        members = self._sets.get(key, {})
        found = sorted((s, m) for m, s in members.items() if s >= now - int(over_ms))
        pairs = b"".join(_bulk(member) + _bulk(b"%.0f" % score) for score, member in found)
        return b"*2\r\n:%d\r\n*%d\r\n" % (now, 2 * len(found)) + pairs

    def _clock_ms(self) -> int:
        return int(CLOCK.wall() * 1000)

    def _run_rates(self, arguments: list[bytes]) -> Answer:
        """common.valkey.shared_rates.SCRIPT, line by line."""
        key, each_text, burst_text, cost_text, unconditional = arguments[2:7]
        now = self.loop.time() * 1e6
        each, burst, cost = float(each_text), float(burst_text), float(cost_text)
        full = min(max(float(self._get(key) or 0), now), now + 2 * burst * each)
        after = max(full + cost * each, now)
        taken = unconditional == b"1" or after - now <= burst * each + 1
        if not taken:
            after = full
        if after > now:
            self._strings[key] = b"%.0f" % after, self.loop.time() + (after - now) / 1e6
        else:
            self._strings.pop(key, None)
        return b"*2\r\n:%d\r\n:%d\r\n" % (taken, math.ceil(after - now))


class _Connection(asyncio.Protocol):
    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._reader = hiredis.Reader()
        self._transport: Any = None
        self.topics: dict[bytes, None] = {}
        self.is_resp3 = False
        self.host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.host = transport.get_extra_info("peername")[0]

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        answers = []
        while (parts := self._reader.gets()) is not False:
            answers.append(self._valkey.answer(self, parts))
        self.write(b"".join(answers))

    def connection_lost(self, error: Exception | None) -> None:
        self._valkey.drop(self)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


def start_valkey(loop: Any, valkey: Valkey) -> Process:
    """A new life of it."""
    process = Process(loop, "valkey")
    process.start(valkey.serve())
    return process
