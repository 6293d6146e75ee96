"""Prometheus, Alertmanager and the receivers, for one alert that is triggered."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from fleet.processes.children import spawn
from fleet.processes.ports import LOOPBACK, ReservedPort
from tests.fixtures.hubbub import ROOT

SCRIPT = ROOT / "deploy" / "prometheus" / "alertmanager.sh"
PATIENCE_SECONDS = 60.0  # it waits for other alerts of the group
ALERT = {"labels": {"alertname": "ProcessDown", "of": "edge", "severity": "warning"}}


@asynccontextmanager
async def listening(told: asyncio.Queue[str], *, smtp: bool) -> AsyncIterator[int]:
    """A receiver that passes on its messages; yields its port."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if smtp:
            told.put_nowait(await _take_mail(reader, writer))
        else:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            told.put_nowait((await reader.readexactly(length)).decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hear, LOOPBACK, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _take_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """As much of RFC 5321 as one message needs."""
    writer.write(b"220 here\r\n")
    mail = ""
    while line := (await reader.readline()).decode().strip():
        match line.split()[0].upper():
            case "DATA":
                writer.write(b"354 go on\r\n")
                mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                writer.write(b"250 taken\r\n")
            case "QUIT":
                writer.write(b"221 bye\r\n")
                break
            case _:
                writer.write(b"250 here\r\n")
    return mail


@pytest.mark.long
async def test_mail_and_webhook_tell_of_an_alert(tmp_path: Path) -> None:
    """With its name and the affected role."""
    program = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    assert program, "there is no Alertmanager: .ci/neighbours installs it"
    (tmp_path / "alertmanager").symlink_to(program)
    mails: asyncio.Queue[str] = asyncio.Queue()
    posts: asyncio.Queue[str] = asyncio.Queue()
    reserved = ReservedPort()
    reserved.close()  # Alertmanager binds without address reuse
    async with (
        listening(mails, smtp=True) as smtp,
        listening(posts, smtp=False) as webhook,
        aiohttp.ClientSession() as http,
    ):
        address = f"{LOOPBACK}:{reserved.number}"
        process = spawn(
            ["sh", SCRIPT, f"--storage.path={tmp_path}", "--cluster.listen-address=",
             f"--web.listen-address={address}"],
            cwd=tmp_path,
            env={
                "PATH": f"{tmp_path}:/usr/bin:/bin",
                "HUBBUB_ALERT_FILE": str(tmp_path / "alertmanager.yml"),
                "HUBBUB_ALERT_MAIL_TO": "admin@example.org",
                "HUBBUB_ALERT_MAIL_FROM": "hubbub@example.org",
                "HUBBUB_ALERT_SMTP": f"{LOOPBACK}:{smtp}",
                "HUBBUB_ALERT_SMTP_TLS": "false",
                "HUBBUB_ALERT_WEBHOOK": f"http://{LOOPBACK}:{webhook}/",
            },
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await _post(http, f"http://{address}/api/v2/alerts"):
                    assert process.poll() is None
                    await asyncio.sleep(0.1)
                post = json.loads(await posts.get())
                mail = await mails.get()
        finally:
            process.kill()
            await asyncio.to_thread(process.communicate)
    assert post["alerts"][0]["labels"] == ALERT["labels"]
    assert "ProcessDown" in mail
    assert "edge" in mail


async def _post(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.post(url, json=[ALERT]) as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False
