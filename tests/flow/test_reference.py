"""The client in docs/socket.md, run as it stands there, against the whole system."""

import asyncio
import json
import re
import sys
from pathlib import Path

from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.person import Person


async def test_the_client_of_the_reference_talks(
    system: Hubbub, ann: Person, tmp_path: Path
) -> None:
    """It connects, says what it is told to say, and prints it when it comes back as an event."""
    page = (ROOT / "docs" / "socket.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    client = tmp_path / "client.py"
    client.write_text(code)
    chat = await ann.create_chat("Summer party")
    url = f"{system.origin.replace('http', 'ws')}/ws"
    process = await asyncio.create_subprocess_exec(
        sys.executable, client, url, ann.token, chat, "The garden is ours from noon.",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            event = json.loads(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()
    assert event["type"] == "message"
    assert (event["chat"], event["seq"], event["by"]) == (chat, 2, ann.id)
    assert event["message"] == "The garden is ours from noon."
