"""A process's access to Valkey: the only place that decides over which connection a topic, a lease,
a bucket or a value goes, and with which commands. Callers know what these are for.

Nothing here raises if Valkey is down, hangs or refuses, and nothing waits longer than half a second
for it. The cache is not here: it is on separate servers (edge/cache).
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha1
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from common.process.rest import NEVER, Rest
from common.valkey.bus import Bus
from common.valkey.cluster import Cluster, is_cluster, is_sharded, slot_of
from common.valkey.cluster_bus import ClusterBus
from common.valkey.cluster_pipeline import ClusterPipeline
from common.valkey.pipeline import Answers, ValkeyPipeline
from common.valkey.topics import Topics

Answered: TypeAlias = "asyncio.Future[Answers]"

AnyBus: TypeAlias = Bus | ClusterBus

LEASES_KEPT_MS: Final = 60_000  # after they have expired


class Script:
    """A Lua script that works on one key, or only reads it."""

    def __init__(self, text: str, *, reads: bool = False) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()
        suffix = "_RO" if reads else ""
        self.commands = f"EVAL{suffix}", f"EVALSHA{suffix}"


# Valkey's clock sets and checks leases: the machines' clocks may differ. Lua numbers have 53 bits,
# more than milliseconds need.
RENEW: Final = Script("""
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
return now
""")
LIST: Final = Script(
    """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local since = string.format('%.0f', now - ARGV[1])
return {now, redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'WITHSCORES')}
""",
    reads=True,
)


class Leases(NamedTuple):
    """Until when each is valid, and `now`, all in Unix milliseconds of Valkey's clock."""

    now_ms: int
    ends: dict[str, int]


class Valkey:
    """One server, or a cluster of them. Connects when it is first used. `topics` names everything
    under the system's prefix; `bus` is for subscriptions, in processes that run it."""

    def __init__(self, url: str, prefix: str = "", rest: Rest = NEVER) -> None:
        self.topics = Topics(prefix)
        self.bus: AnyBus
        self._pipeline: ValkeyPipeline | ClusterPipeline
        self._clock_ahead_ms: int | None = None  # of this process's monotonic clock
        self._is_cluster = is_cluster(url)
        if self._is_cluster:
            cluster = Cluster(url)
            self.bus, self._pipeline = ClusterBus(cluster, rest), ClusterPipeline(cluster)
        else:
            self.bus, self._pipeline = Bus(url, rest), ValkeyPipeline(url)

    def close(self) -> None:
        """Unanswered and later commands fail. The bus ends with its task."""
        self._pipeline.close()

    # ---- topics

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> Answered:
        """Topics and payloads, in this order; written at once."""
        if not self._is_cluster:
            return self._pipeline.ask([("PUBLISH", topic, payload) for topic, payload in messages])
        return self._pipeline.ask(
            [
                ("SPUBLISH" if is_sharded(topic) else "PUBLISH", topic, payload)
                for topic, payload in messages
            ]
        )

    async def pass_on(self, topic: str, payload: bytes) -> bool:
        """Publishes one, and waits until the server has written it to its subscribers, which on a
        cluster is likely, not certain. False if that is not known."""
        if await self.publish([(topic, payload)]) is None:
            return False
        # The publisher is answered first: a server writes to the client that became ready last
        # (`clients_pending_write`), and to all of them before it reads again.
        return await self._pipeline.ask([("PING",)]) is not None

    # ---- buckets

    def run(self, script: Script, calls: Sequence[tuple[str, *tuple[Any, ...]]]) -> Answered:
        """Runs the script once for each key and its arguments, in this order."""
        # The first call to a server carries the script's text, so that later ones can name it.
        known: set[int] = set()
        commands: list[tuple[Any, ...]] = []
        for key, *arguments in calls:
            place = slot_of(key) if self._is_cluster else 0
            whole, named = script.commands
            name = (named, script.sha) if place in known else (whole, script.text)
            commands.append((*name, 1, key, *arguments))
            known.add(place)
        return self._pipeline.ask(commands)

    # ---- leases: a sorted set per role, addresses by the Unix milliseconds until which they are
    # valid

    async def renew_lease(self, role: str, address: str, lasts_ms: int) -> bool:
        """Returns whether it is now valid, for so long."""
        key = self.topics.replicas(role)
        answers = await self.run(RENEW, [(key, address, lasts_ms, LEASES_KEPT_MS)])
        if answers is None:
            return False
        self._hear_clock(answers[0])
        return True

    async def withdraw_lease(self, role: str, address: str) -> bool:
        """Returns whether it is gone; otherwise it expires."""
        key = self.topics.replicas(role)
        return await self._pipeline.ask([("ZREM", key, address)]) is not None

    async def list_leases(self, role: str) -> list[str] | None:
        """The addresses with a valid lease; None if Valkey does not answer."""
        found = await self.list_lease_ends(role)
        return None if found is None else list(found.ends)

    async def list_lease_ends(self, role: str, over_ms: int = 0) -> Leases | None:
        """The valid leases, and those that expired no longer ago than that; None if Valkey does not
        answer."""
        answers = await self.run(LIST, [(self.topics.replicas(role), over_ms)])
        if answers is None:
            return None
        now_ms, found = answers[0]
        self._hear_clock(now_ms)
        ends = zip(found[::2], found[1::2], strict=True)
        return Leases(now_ms, {name.decode(): int(float(end)) for name, end in ends})

    def now_ms(self) -> int:
        """By Valkey's clock, as last seen with a lease; by this machine's before that."""
        if self._clock_ahead_ms is None:
            return int(time.time() * 1000)
        return int(time.monotonic() * 1000) + self._clock_ahead_ms

    def _hear_clock(self, now_ms: int) -> None:
        self._clock_ahead_ms = now_ms - int(time.monotonic() * 1000)

    # ---- hashes

    async def keep_fields(
        self, key: str, values: Mapping[str, str], gone: Sequence[str], *, seconds: int
    ) -> bool:
        """Returns whether these fields now have these values, other fields are gone, and the hash
        stays for so many seconds."""
        commands: list[tuple[Any, ...]] = []
        if values:
            commands.append(("HSET", key, *chain.from_iterable(values.items())))
        if gone:
            commands.append(("HDEL", key, *gone))
        commands.append(("EXPIRE", key, seconds))
        return await self._pipeline.ask(commands) is not None

    async def get_fields(
        self, keys: Sequence[str], fields: Sequence[str]
    ) -> list[list[bytes | None]] | None:
        """The fields of each hash; None if Valkey does not answer."""
        return await self._pipeline.ask([("HMGET", key, *fields) for key in keys])

    # ---- values

    async def keep(self, key: str, value: bytes, *, seconds: int) -> bool:
        """Returns whether it is stored."""
        return await self._pipeline.ask([("SET", key, value, "EX", seconds)]) is not None

    async def get(self, key: str) -> bytes | None:
        """None if there is no value, or Valkey does not answer."""
        answers = await self._pipeline.ask([("GET", key)])
        value: bytes | None = answers[0] if answers else None
        return value
