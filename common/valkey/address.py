"""Where Valkey is and how one logs in, for protocols that read its answers themselves."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from common.process.certificates import describe_tls
from common.process.logs import log

P = TypeVar("P", bound=asyncio.BaseProtocol)

_DEFAULT_PORT: Final = 6379


class ValkeyAddress:
    """Of a URL as redis-py takes it: `redis://`, `rediss://` or `unix://`, with name and password.
    `rediss://…?ssl_ca_certs=FILE` names the CA, else the system's are trusted.

    `login` is the command to send first, empty where there is no password.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._ca = dict(parse_qsl(self._url.query)).get("ssl_ca_certs")
        self._was_refused = False
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
            try:
                transport, connection = await loop.create_connection(
                    protocol,
                    self._url.hostname or "localhost",
                    self._url.port or _DEFAULT_PORT,
                    ssl=self._context(),
                )
            except ssl.SSLError as error:
                self._tell(error)
                raise
        return connection, transport

    def _context(self) -> ssl.SSLContext | None:
        if self._url.scheme != "rediss":
            return None
        return ssl.create_default_context(cafile=self._ca)

    def _tell(self, error: ssl.SSLError) -> None:
        """Once: connecting is tried again and again."""
        if not self._was_refused:
            self._was_refused = True
            where = f"{self._url.hostname}:{self._url.port or _DEFAULT_PORT}"
            log("Valkey not used", level=logging.ERROR, address=where, error=describe_tls(error))
