"""Calls between services: pick a replica, pass the deadline and the trace along, try another one.

Every call may be repeated (reads, and changes that carry a key), so whatever breaks is tried
again elsewhere until the deadline. Refusals of the other side arrive as Refusal.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import aiohttp
import msgspec

from common.errors import CODES, Refusal, unavailable
from common.logs import log
from common.replicas import Replicas
from common.trace import outgoing_traceparent

T = TypeVar("T")

DEADLINE_SECONDS = 5.0
TRY_SECONDS = 1.5  # a hung replica costs a call no more than this
PAUSE_SECONDS = 0.05  # after all replicas failed
SHUN_SECONDS = 0.5  # a replica that broke is asked last for so long

DEADLINE_HEADER = "X-Hubbub-Deadline-Ms"

_encode = msgspec.json.Encoder().encode


class _Problem(msgspec.Struct):
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None


def open_session(service_key: str) -> aiohttp.ClientSession:
    """The connections of one process to all services; needs a running loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=5),
        headers={"Authorization": f"Bearer {service_key}", "Content-Type": "application/json"},
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class Calls:
    """All calls of one process to one role."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        replicas: Replicas,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._replicas = replicas
        self._clock = clock
        self._shunned: dict[str, float] = {}

    async def call(
        self,
        name: str,
        request: msgspec.Struct,
        answer: type[T],
        *,
        key: str = "",
        timeout: float = DEADLINE_SECONDS,
        try_timeout: float = TRY_SECONDS,
    ) -> T:
        """`POST /calls/<name>` on the replica that `key` (a chat's or user's id) hashes to.

        `timeout` is for all tries together, in seconds. Raises Refusal: the other side's, or
        `unavailable` when no replica answered in time.
        """
        body = _encode(request)
        deadline = self._clock() + timeout
        while True:
            for address in self._in_order(key):
                left = deadline - self._clock()
                if left <= 0:
                    raise unavailable()
                data = await self._try(address, name, body, min(left, try_timeout))
                if data is not None:
                    return msgspec.json.decode(data, type=answer)
            if self._clock() + PAUSE_SECONDS >= deadline:
                raise unavailable()
            await asyncio.sleep(PAUSE_SECONDS)

    async def call_replica(
        self,
        address: str,
        name: str,
        request: msgspec.Struct,
        answer: type[T],
        *,
        timeout: float = TRY_SECONDS,
    ) -> T:
        """The same on one given replica, tried once. Raises Refusal."""
        data = await self._try(address, name, _encode(request), timeout)
        if data is None:
            raise unavailable()
        return msgspec.json.decode(data, type=answer)

    def _in_order(self, key: str) -> list[str]:
        now = self._clock()
        ranked = self._replicas.ranked(key)
        return sorted(ranked, key=lambda a: self._shunned.get(a, 0.0) > now)

    async def _try(self, address: str, name: str, body: bytes, seconds: float) -> bytes | None:
        """The answer's bytes; None where another replica should be tried."""
        headers = {
            DEADLINE_HEADER: str(int(seconds * 1000)),
            "traceparent": outgoing_traceparent(),
        }
        try:
            async with asyncio.timeout(seconds):
                async with self._session.post(
                    f"http://{address}/calls/{name}", data=body, headers=headers
                ) as response:
                    data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._shunned[address] = self._clock() + SHUN_SECONDS
            log("call failed", call=name, replica=address, error=type(error).__name__)
            return None
        if response.status == 200:
            self._shunned.pop(address, None)
            return data
        _raise_refusal(address, name, response.status, data)
        return None


def _raise_refusal(address: str, name: str, status: int, data: bytes) -> None:
    """Raises the other side's refusal; returns where it is not about the request."""
    try:
        problem = msgspec.json.decode(data, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(code="internal", detail="")
    if problem.code in ("internal", "unavailable") or problem.code not in CODES:
        log("call not served", call=name, replica=address, status=status)
        return
    raise Refusal(problem.code, problem.detail, errors=problem.errors)
