"""The address and the log-in of Valkey, for protocols that parse its answers themselves."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from common.process.certificates import describe_tls
from common.process.logs import log

P = TypeVar("P", bound=asyncio.BaseProtocol)

DEFAULT_PORT: Final = 6379


class ValkeyAddress:
    """From a URL as redis-py takes it: `redis://`, `rediss://` or `unix://`, with name and
    password. `rediss://…?ssl_ca_certs=FILE` names the CA, otherwise the system's are trusted.

    `login` is the command to send first, empty without a password.
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
        """The same, with the transport to write to."""
        loop = asyncio.get_running_loop()
        if self._url.scheme == "unix":
            transport, connection = await loop.create_unix_connection(protocol, self._url.path)
        else:
            try:
                transport, connection = await loop.create_connection(
                    protocol,
                    self._url.hostname or "localhost",
                    self._url.port or DEFAULT_PORT,
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
        """Logs once: connecting is retried again and again."""
        if not self._was_refused:
            self._was_refused = True
            where = f"{self._url.hostname}:{self._url.port or DEFAULT_PORT}"
            log("Valkey not used", level=logging.ERROR, address=where, error=describe_tls(error))
