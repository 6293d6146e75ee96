"""redis-py, for what needs it: aiocache on the cache nodes, and the doctor. It fails fast: nothing
here ever waits for a Valkey that is down."""

from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.asyncio.connection import AbstractConnection
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_SECONDS = 0.25
ANSWER_TIMEOUT_SECONDS = 0.5

Client: TypeAlias = redis.Redis

VALKEY_GONE = (redis.RedisError, OSError)
"""What a command raises if Valkey is down, slow or refuses it."""
VALKEY_FORBIDS = redis.ResponseError
"""The one of them for a command that does not exist, or not for this user."""
VALKEY_REFUSES = redis.AuthenticationError
"""The one of them for a user that is unknown or disabled, or has another password."""


class _Connection(AbstractConnection):
    """uvloop raises RuntimeError when a closed transport is written to; asyncio's own loop does
    not, and redis-py takes the exception for a bug of its caller."""

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise redis.ConnectionError(str(error)) from error


class _Tcp(_Connection, redis.Connection):
    pass


class _Tls(_Connection, redis.SSLConnection):
    pass


class _Local(_Connection, redis.UnixDomainSocketConnection):
    pass


_CONNECTIONS: Final = {"redis": _Tcp, "rediss": _Tls, "unix": _Local}


def connect_valkey(
    url: str, *, max_connections: int = 20, patience_seconds: float | None = None
) -> Client:
    """A pooled client without retries: one try, of at most half a second unless another time is
    given, then an error.

    Commands raise redis.RedisError or OSError. Answers are bytes.
    """
    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=patience_seconds or CONNECT_TIMEOUT_SECONDS,
        socket_timeout=patience_seconds or ANSWER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=max_connections,
    )
    # The URL's scheme would select redis-py's own class instead of ours.
    client.connection_pool.connection_class = _CONNECTIONS[urlsplit(url).scheme]
    return client


async def answers(valkey: Client) -> bool:
    """Whether Valkey is reachable."""
    try:
        await valkey.ping()
    except VALKEY_GONE:
        return False
    return True
