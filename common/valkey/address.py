"""Where Valkey is and how one logs in, for protocols that read its answers themselves."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

P = TypeVar("P", bound=asyncio.BaseProtocol)

_DEFAULT_PORT: Final = 6379


class ValkeyAddress:
    """Of a URL as redis-py takes it: `redis://`, `rediss://` or `unix://`, with name and password.

    `login` is the command to send first, empty where there is no password.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self.login: tuple[str, ...] = ()
        if self._url.password:
            self.login = (
                "AUTH",
                unquote(self._url.username or "default"),
                unquote(self._url.password),
            )

    async def connect(self, protocol: Callable[[], P]) -> P:
        """Connected, and nothing sent yet. Raises OSError."""
        connection, _ = await self.open(protocol)
        return connection

    async def open(self, protocol: Callable[[], P]) -> tuple[P, asyncio.Transport]:
        """The same, with what it writes to."""
        loop = asyncio.get_running_loop()
        if self._url.scheme == "unix":
            transport, connection = await loop.create_unix_connection(protocol, self._url.path)
        else:
            transport, connection = await loop.create_connection(
                protocol,
                self._url.hostname or "localhost",
                self._url.port or _DEFAULT_PORT,
                ssl=ssl.create_default_context() if self._url.scheme == "rediss" else None,
            )
        return connection, transport
