"""Connections that are retried for as long as somebody waits for one."""

import asyncio
import time
from typing import Any, ClassVar, Final, Self

import psycopg

from common.database.hosts import one_by_one

WAIT_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.1
# Detects within seconds that the server's machine is gone, or a cable cut.
TCP: Final[dict[str, Any]] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}
HEAD_START_SECONDS: Final = 0.2  # of the server that last accepted writes, before the next is tried


class Wanted:
    """How long somebody still waits for a connection, and is likely to ask again."""

    until = 0.0

    def wait(self, seconds: float) -> None:
        self.until = max(self.until, time.monotonic() + seconds + AGAIN_SECONDS)


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Retries for as long as somebody waits for the connection. The pool's own back-off doubles
    from 1 s, and once it has given up, it does not tell its waiters about the next attempt.

    With several servers each is tried separately, so that one whose machine is gone, which takes
    seconds to time out, does not delay asking the others.
    """

    wanted: ClassVar[Wanted]

    @classmethod
    async def connect(cls, conninfo: str = "", **options: Any) -> Self:
        cls.wanted.wait(WAIT_SECONDS)
        failures: list[psycopg.OperationalError] = []
        attempts = [
            asyncio.create_task(cls._persist(server, options, HEAD_START_SECONDS * later, failures))
            for later, server in enumerate(one_by_one(conninfo))
        ]
        first: Self | None = None
        try:
            while not (failures and time.monotonic() > cls.wanted.until):
                done, _ = await asyncio.wait(
                    attempts, timeout=RETRY_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    first = done.pop().result()
                    return first
            raise failures[-1]
        finally:
            for task in attempts:
                task.cancel()
            for late in await asyncio.gather(*attempts, return_exceptions=True):
                if isinstance(late, cls) and late is not first:
                    await late.close()

    @classmethod
    async def _persist(
        cls,
        server: str,
        options: dict[str, Any],
        pause: float,
        failures: list[psycopg.OperationalError],
    ) -> Self:
        while True:
            await asyncio.sleep(pause)
            try:
                return await super().connect(server, **options)
            except psycopg.OperationalError as failure:
                failures[:] = [failure]
            pause = RETRY_SECONDS
