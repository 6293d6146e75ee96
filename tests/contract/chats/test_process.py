"""`python -m chats` as the fleet starts and stops it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from fleet.processes.children import spawn
from tests.fixtures.callers import Credentials

ROOT = Path(__file__).parents[3]


def environment(folder: Path, port: int, database_url: str, valkey_url: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")},
        "HUBBUB_LISTEN": f"127.0.0.1:{port}",
        **Credentials(folder).environment("chats"),
        "HUBBUB_CHATS_DATABASE_URL": database_url,
        "HUBBUB_VALKEY_URL": valkey_url,
        "HUBBUB_TOPIC_PREFIX": "process:",
    }


async def until_ready(port: int) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


async def test_it_serves_and_stops_when_told(
    tmp_path: Path, make_database: Callable[[], str], valkey_url: str, listener: socket.socket
) -> None:
    """It sets up its database, becomes ready, serves metrics, drains at SIGTERM and exits 0."""
    port = listener.getsockname()[1]
    variables = environment(tmp_path, port, make_database(), valkey_url)
    variables["HUBBUB_LISTEN_FD"] = str(listener.fileno())
    with listener, (tmp_path / "log").open("wb") as log:
        process = spawn(
            [sys.executable, "-m", "chats"],
            env=variables,
            cwd=ROOT,
            output=log,
            pass_fds=[listener.fileno()],
        )
    try:
        await until_ready(port)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert "hubbub_chats_outbox_rows" in await answer.text()
            async with session.post(f"http://127.0.0.1:{port}/calls/send", data=b"{}") as answer:
                assert answer.status == 401
            async with session.get(f"http://127.0.0.1:{port}/openapi.json") as answer:
                assert answer.status == 401
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        process.kill()
        process.wait()
    lines = (tmp_path / "log").read_text().splitlines()
    assert not [line for line in lines if '"level":"error"' in line or "Traceback" in line]


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    """Without its database URL it exits with a message for the operator."""
    variables = environment(tmp_path, 8400, "", "redis://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-m", "chats"], env=variables, cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == os.EX_CONFIG
    assert done.stderr.decode() == "chats: HUBBUB_CHATS_DATABASE_URL is not set\n"
