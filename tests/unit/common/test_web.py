"""How a server ends while requests are in flight."""

import asyncio
import socket
from typing import Any

import pytest

from common.process import web
from common.process.web import Patience, serving_app

END_SECONDS = 20.0


async def test_a_request_that_survives_its_cancellation_keeps_no_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the process has open is closed before it is killed."""
    monkeypatch.setattr(web, "ANSWER_SECONDS", 0.1)
    begun, cancelled, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        begun.set()
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                cancelled.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            async with asyncio.timeout(END_SECONDS):
                async with serving_app(app, [listener], patience=Patience(0.1)):
                    _, writer = await asyncio.open_connection(*listener.getsockname())
                    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    await begun.wait()
            assert cancelled.is_set()
            assert "requests do not end" in caplog.messages
        finally:
            may_end.set()
        writer.close()
