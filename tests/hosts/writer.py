"""Writes rows for as long as it lives and prints when each was answered: `python -m
tests.hosts.writer NAME URL`, on one of several hosts.

It writes through Hubbub's own pool, and also through one plain connection to each server, which
does not look for the primary: the pool's additional delay is Hubbub's.
"""

import asyncio
import sys
import time
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from common.database.failures import DatabaseUnavailable
from common.database.pool import create_pool

PAUSE_SECONDS: Final = 0.2
INSERT: Final = "INSERT INTO answered VALUES (%s, %s)"


def say(who: str, number: int) -> None:
    print(f"{time.time():.3f} {who} {number}", flush=True)


async def write_by_pool(name: str, url: str) -> None:
    pool = create_pool(url, size=2)
    await pool.open(wait=False)
    number = 0
    while True:
        number += 1
        try:
            async with pool.connection() as connection:
                await connection.execute(INSERT, (name, number))
        except DatabaseUnavailable:
            continue
        finally:
            await asyncio.sleep(PAUSE_SECONDS)
        say(name, number)


async def write_plainly(name: str, server: str) -> None:
    number = 0
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        try:
            async with await psycopg.AsyncConnection.connect(
                server, autocommit=True, connect_timeout=2, tcp_user_timeout=2000
            ) as connection:
                while True:
                    number += 1
                    await connection.execute(INSERT, (name, number))
                    say(name, number)
                    await asyncio.sleep(PAUSE_SECONDS)
        except psycopg.Error:
            continue


async def main(name: str, url: str) -> None:
    host = str(conninfo_to_dict(url)["host"])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write_by_pool(f"pool-{name}", url))
        for one in host.split(","):
            server = make_conninfo(url, host=one, port="5432")
            tasks.create_task(write_plainly(f"plain-{name}-{one}", server))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
