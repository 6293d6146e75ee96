"""The cache nodes: a consistent-hash ring of Valkeys behind aiocache.

Only what cannot become stale is kept here: each key names a version of its value. So a node may
die, come back with old keys, or answer for another one, and the worst result is a miss. A node that
does not answer in time is skipped until it answers again; no request waits for it twice.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer

from common.process.logs import log
from common.valkey.client import VALKEY_GONE, Client, answers, connect_valkey
from edge.cache.ring import Ring
from edge.metrics import CACHE_NODES_OUT

MAX_WAIT_SECONDS: Final = 0.02  # for all nodes that a request asks, in total
PROBE_EVERY_SECONDS: Final = 0.1
MAX_CONNECTIONS: Final = 128  # per edge and node; edge/reads.py lets fewer requests come here
TTL_SECONDS: Final = 600.0
JITTER: Final = 0.2  # what was stored together must not expire together


class _Node:
    def __init__(self, url: str) -> None:
        self.name = urlsplit(url).netloc.rpartition("@")[2]
        self.valkey: Client = connect_valkey(url, max_connections=MAX_CONNECTIONS)
        self.cache = RedisCache(serializer=NullSerializer(encoding=None), timeout=None)
        self.cache.client = self.valkey  # ours fails fast, and takes whole URLs
        self.is_out = False


class CacheNodes:
    """Bytes by key. Nothing raises: a failure of a node is a miss. `watch` must run."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._nodes = {node.name: node for node in map(_Node, urls)}
        self._ring = Ring(self._nodes)
        self._lost = asyncio.Event()
        CACHE_NODES_OUT.set(0)

    async def get(self, key: str) -> bytes | None:
        """The value, from the key's first node that is available."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                while (node := self._node_of(key)) is not None:
                    try:
                        value: bytes | None = await node.cache.get(key)
                        return value
                    except VALKEY_GONE as error:
                        self._leave_out(node, type(error).__name__)
        except TimeoutError:
            # Where even the timer was late, this process hung, not the node.
            if node is not None and time.monotonic() - started < 1.5 * MAX_WAIT_SECONDS:
                self._leave_out(node, "TimeoutError")
        return None

    async def put(self, key: str, value: bytes) -> None:
        """Keeps it for about ten minutes."""
        node = self._node_of(key)
        if node is None:
            return
        ttl = TTL_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await node.cache.set(key, value, ttl=ttl)
        except TimeoutError:
            return  # the next read shows whether the node is at fault
        except VALKEY_GONE as error:
            self._leave_out(node, type(error).__name__)

    async def watch(self) -> None:
        """Asks skipped nodes until they answer; runs until cancelled."""
        while True:
            await self._lost.wait()
            await asyncio.sleep(PROBE_EVERY_SECONDS)
            out = [node for node in self._nodes.values() if node.is_out]
            well = await asyncio.gather(*(answers(node.valkey) for node in out))
            for node, is_well in zip(out, well, strict=True):
                if is_well:
                    node.is_out = False
                    log("cache node back", node=node.name)
            self._note_out()

    async def close(self) -> None:
        for node in self._nodes.values():
            await node.valkey.aclose()

    def _node_of(self, key: str) -> _Node | None:
        for name in self._ring.nodes_of(key):
            if not (node := self._nodes[name]).is_out:
                return node
        return None

    def _leave_out(self, node: _Node, reason: str) -> None:
        if not node.is_out:
            node.is_out = True
            log("cache node out", node=node.name, error=reason)
            self._note_out()

    def count(self) -> int:
        """The number of nodes."""
        return len(self._nodes)

    def count_out(self) -> int:
        """The number of nodes skipped now."""
        return sum(node.is_out for node in self._nodes.values())

    def _note_out(self) -> None:
        out = self.count_out()
        CACHE_NODES_OUT.set(out)
        if out:
            self._lost.set()
        else:
            self._lost.clear()
