"""A process's way to Valkey: the one place that decides over which connection a topic, a lease, a
bucket or a value goes, and with which commands. Callers know what these are for.

Nothing here raises where Valkey is gone, hangs or refuses, and nothing waits longer than half a
second for it. Entries of the cache are not here: they lie on servers of their own (edge/cache).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha1
from itertools import chain
from typing import Any, Final, TypeAlias

from common.valkey.bus import Bus
from common.valkey.cluster import Cluster, is_cluster, is_sharded, slot_of
from common.valkey.cluster_bus import ClusterBus
from common.valkey.cluster_pipeline import ClusterPipeline
from common.valkey.pipeline import ValkeyPipeline
from common.valkey.topics import Topics

Taken: TypeAlias = "asyncio.Future[list[Any] | None]"
"""An answer to each command; None where Valkey may have done some of them, or none."""

AnyBus: TypeAlias = Bus | ClusterBus

LEASES_KEPT_MS: Final = 60_000  # after they have run out


class Script:
    """A Lua script that works on one key."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Valkey:
    """One server, or a cluster of them. Connects when it is first used. `topics` names everything
    under the system's prefix; `bus` is for subscriptions, and runs where there are any."""

    def __init__(self, url: str, prefix: str = "") -> None:
        self.topics = Topics(prefix)
        self.bus: AnyBus
        self._pipeline: ValkeyPipeline | ClusterPipeline
        self._is_cluster = is_cluster(url)
        if self._is_cluster:
            cluster = Cluster(url)
            self.bus, self._pipeline = ClusterBus(cluster), ClusterPipeline(cluster)
        else:
            self.bus, self._pipeline = Bus(url), ValkeyPipeline(url)

    def close(self) -> None:
        """What is not answered, and what is asked later, has failed. The bus ends with its task."""
        self._pipeline.close()

    # ---- topics

    def publish(self, messages: Iterable[tuple[str, bytes]]) -> Taken:
        """Topics and payloads, in this order; written at once."""
        if not self._is_cluster:
            return self._pipeline.ask([("PUBLISH", topic, payload) for topic, payload in messages])
        return self._pipeline.ask(
            [
                ("SPUBLISH" if is_sharded(topic) else "PUBLISH", topic, payload)
                for topic, payload in messages
            ]
        )

    # ---- buckets

    def run(self, script: Script, calls: Sequence[tuple[str, *tuple[Any, ...]]]) -> Taken:
        """Runs the script once for each key and its arguments, in this order."""
        # The first call to a server brings the script along, so that the others may name it.
        known: set[int] = set()
        commands: list[tuple[Any, ...]] = []
        for key, *arguments in calls:
            place = slot_of(key) if self._is_cluster else 0
            name = ("EVALSHA", script.sha) if place in known else ("EVAL", script.text)
            commands.append((*name, 1, key, *arguments))
            known.add(place)
        return self._pipeline.ask(commands)

    # ---- leases: a sorted set a role, addresses by the Unix milliseconds until which they hold

    async def renew_lease(self, role: str, address: str, now_ms: int, until_ms: int) -> bool:
        """Whether it holds now."""
        key = self.topics.replicas(role)
        answers = await self._pipeline.ask(
            [
                ("ZADD", key, until_ms, address),
                ("ZREMRANGEBYSCORE", key, "-inf", now_ms - LEASES_KEPT_MS),
            ]
        )
        return answers is not None

    async def withdraw_lease(self, role: str, address: str) -> bool:
        """Whether it is gone; else it runs out."""
        key = self.topics.replicas(role)
        return await self._pipeline.ask([("ZREM", key, address)]) is not None

    async def list_leases(self, role: str, now_ms: int) -> list[str] | None:
        """The addresses whose lease holds; None where Valkey does not say."""
        key = self.topics.replicas(role)
        answers = await self._pipeline.ask([("ZRANGEBYSCORE", key, now_ms, "+inf")])
        return None if answers is None else [address.decode() for address in answers[0]]

    async def list_lease_ends(self, role: str, since_ms: int) -> dict[str, int] | None:
        """Of the leases that hold, or did at `since_ms`, until when; None where Valkey does not
        say."""
        key = self.topics.replicas(role)
        answers = await self._pipeline.ask([("ZRANGEBYSCORE", key, since_ms, "+inf", "WITHSCORES")])
        if answers is None:
            return None
        names, ends = answers[0][::2], answers[0][1::2]
        return {name.decode(): int(float(end)) for name, end in zip(names, ends, strict=True)}

    # ---- hashes

    async def keep_fields(
        self, key: str, values: Mapping[str, str], gone: Sequence[str], *, seconds: int
    ) -> bool:
        """Whether these fields have these values now, others are gone, and the hash stays for so
        many seconds."""
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
        """Of each hash; None where Valkey does not say."""
        return await self._pipeline.ask([("HMGET", key, *fields) for key in keys])

    # ---- values

    async def keep(self, key: str, value: bytes, *, seconds: int) -> bool:
        """Whether it is kept."""
        return await self._pipeline.ask([("SET", key, value, "EX", seconds)]) is not None

    async def get(self, key: str) -> bytes | None:
        """None where there is no value, or Valkey does not say."""
        answers = await self._pipeline.ask([("GET", key)])
        value: bytes | None = answers[0] if answers else None
        return value
