"""The socket through which the command line reaches a fleet."""

import asyncio
from pathlib import Path

import pytest

from fleet import control
from fleet.control import NotAnswering, NotRunning, Reply, Request, Restart, ask_fleet, ping_fleet


async def test_a_ping_is_answered_while_something_long_is_done(tmp_path: Path) -> None:
    """This tells a busy fleet from one that hangs."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def handle(_: Request) -> Reply:
        begun.set()
        await over.wait()
        return Reply(True, "done")

    async with control.serve_control(tmp_path, handle):
        restarting = asyncio.create_task(ask_fleet(tmp_path, Restart()))
        await begun.wait()
        await ping_fleet(tmp_path)
        assert not restarting.done()
        over.set()
        assert await restarting == Reply(True, "done")


async def test_a_fleet_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket accepts the connection, but nothing reads."""
    monkeypatch.setattr(control, "PING_TIMEOUT_SECONDS", 0.05)
    ended = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    async with await asyncio.start_unix_server(ignore, tmp_path / control.SOCKET_NAME):
        with pytest.raises(NotAnswering):
            await ask_fleet(tmp_path, Restart())
        ended.set()


async def test_a_fleet_that_hangs_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has accepted the request, and no longer answers pings."""
    monkeypatch.setattr(control, "PING_TIMEOUT_SECONDS", 0.2)
    ended, asked = asyncio.Event(), 0

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            await ended.wait()
        writer.write(b'{"done":true,"said":""}\n')
        writer.close()

    async with await asyncio.start_unix_server(answer_one, tmp_path / control.SOCKET_NAME):
        with pytest.raises(NotAnswering):
            await ask_fleet(tmp_path, Restart())
        assert asked > 1
        ended.set()


async def test_without_a_fleet_nobody_answers(tmp_path: Path) -> None:
    """Also if the socket of a killed fleet is left."""
    with pytest.raises(NotRunning):
        await ask_fleet(tmp_path, Restart())
    (tmp_path / control.SOCKET_NAME).touch()
    with pytest.raises(NotRunning):
        await ask_fleet(tmp_path, Restart())
