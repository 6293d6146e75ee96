"""Data was destroyed, or the disk is lost: the databases are restored to a minute before."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import aiohttp
import psycopg
import pytest

from common.protocol.ids import new_id
from fleet.commands.service_file import service_section
from fleet.engines.binaries import postgres_program
from fleet.settings import PROJECT_FOLDER
from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.fixtures.replicas import Copy, copy_data
from tests.fixtures.servers import PostgresServer

PASSWORD = "correct horse battery"
ARCHIVE_SECONDS = 60.0
MARGIN_SECONDS = 1.2
REPLICAS = "edge=1,realtime=1,files=1,users=1,chats=1"


def now(url: str) -> datetime:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def prepare_and_leave(url: str, chat: str, user: str) -> None:
    """A membership change that is prepared and undecided."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO memberships (user_id, chat_id) VALUES (%s, %s)", (user, chat)
        )
        connection.execute(f"PREPARE TRANSACTION 'hubbub-{new_id()}'", prepare=False)


async def until_archived(url: str, since: datetime) -> None:
    """Waits until the archive has a WAL segment that ends after the moment."""
    deadline = time.monotonic() + ARCHIVE_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            connection.execute("SELECT pg_logical_emit_message(true, 'hubbub', '')")
            row = connection.execute(
                "SELECT last_archived_time > %s FROM pg_stat_archiver", (since,)
            ).fetchone()
            if row and row[0]:
                return
            assert time.monotonic() < deadline, "nothing is archived"
            await asyncio.sleep(0.2)


def settle(databases: dict[str, str], folder: Path) -> None:
    """Resolves it as an operator does."""
    services = folder / "services"
    services.write_text("".join(service_section(role, url) for role, url in databases.items()))
    subprocess.run(
        ["sh", PROJECT_FOLDER / "deploy" / "backup" / "settle.sh"],
        env={
            **os.environ,
            "PATH": f"{postgres_program('psql').parent}:{os.environ['PATH']}",
            "PGSERVICEFILE": str(services),
        },
        check=True,
    )


@pytest.mark.long
async def test_both_databases_go_back_to_a_moment(
    make_postgres: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """From a base backup and the archived WAL: earlier messages are there, later ones are not,
    memberships agree, no transaction stays prepared, and clients start fresh."""
    archive, copy = tmp_path / "archive", tmp_path / "copy"
    archive.mkdir()
    copy.mkdir()
    postgres = make_postgres(
        fsync="on", archive_mode="on", archive_command=f"cp %p {archive}/%f", archive_timeout="1"
    )
    databases = {role: postgres.make_database() for role in ("users", "chats")}
    variables = {f"{role}_database_url": url for role, url in databases.items()}
    async with aiohttp.ClientSession() as http:
        async with Hubbub(tmp_path / "data", replicas=REPLICAS, **variables) as hubbub:
            origin = hubbub.origin
            ann, ben, eve = [
                await Person.sign_up(http, origin, password=PASSWORD) for _ in range(3)
            ]
            chat = await ann.create_chat("talk", ben.id)
            await ann.post(chat, "before the base backup")
            await asyncio.to_thread(copy_data, postgres, copy / "postgres", "--wal-method=none")
            await ben.post(chat, "after the base backup")
            prepare_and_leave(databases["users"], chat, eve.id)
            await asyncio.sleep(MARGIN_SECONDS)  # around the target time, on either side
            kept, moment = await ann.events(chat), now(databases["chats"])
            await asyncio.sleep(MARGIN_SECONDS)
            gone = await ann.ask("DELETE", f"/api/chat/{chat}", retry_seconds=20)
            assert gone.status in (200, 404), gone  # a retry finds it gone
            async with Device(ann, History()) as device:
                await device.until_ready()
                epoch = device.epoch
            await until_archived(databases["chats"], now(databases["chats"]))
        postgres.kill()

        (copy / "postgres" / "recovery.signal").touch()
        restored = Copy(
            copy,
            restore_command=f"cp {archive}/%f %p",
            recovery_target_time=moment.isoformat(),
            recovery_target_action="promote",
            archive_mode="off",
        )
        try:
            place = f"127.0.0.1:{postgres.port}"
            databases = {r: url.replace(place, restored.place) for r, url in databases.items()}
            async with asyncio.timeout(ARCHIVE_SECONDS):
                while _is_recovering(databases["chats"]):  # noqa: ASYNC110 - polls PostgreSQL
                    await asyncio.sleep(0.1)
            await asyncio.to_thread(settle, databases, tmp_path)
            variables = {f"{role}_database_url": url for role, url in databases.items()}
            async with Hubbub(tmp_path / "data", replicas=REPLICAS, **variables) as hubbub:
                for person in (ann, ben, eve):
                    person.origin = hubbub.origin
                    await person.log_in(PASSWORD)
                assert await ann.events(chat) == kept
                assert (await eve.ask("GET", f"/api/chat/{chat}/events")).status == 404
                async with Device(ben, History()) as device:
                    await device.until_ready()
                    assert device.epoch not in (None, epoch)
                    answer = await ann.post(chat, "after the restore")
                    assert answer.body["messageInfo"]["seq"] == len(kept) + 1
                    await device.until_seq(chat, len(kept) + 1)
            with psycopg.connect(databases["users"], autocommit=True) as users:
                assert users.execute("SELECT count(*) FROM pg_prepared_xacts").fetchone() == (0,)
                members = users.execute("SELECT user_id::text FROM memberships").fetchall()
                assert {user for (user,) in members} == {ann.id, ben.id}
        finally:
            restored.close()


def _is_recovering(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
