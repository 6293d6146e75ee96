"""The example programs, as far as they need no server."""

import asyncio
import sys
from pathlib import Path

import msgspec
from hubbub_client.rest import Tokens
from hubbub_client.store import FileStore

from tests.clients.stub import Answer, refused, serving
from tests.fixtures.busy import quiet_environment

ROOT = Path(__file__).parents[2]


async def test_a_line_that_is_refused_does_not_end_the_terminal(tmp_path: Path) -> None:
    """The refusal is shown, and the next line is sent."""
    session = FileStore(tmp_path / "store")
    session.put("session", msgspec.json.encode(Tokens("ann", "a", "r", 1e12)))
    session.close()
    info = {"messageId": "m9", "seq": 9, "at": "t9"}
    answers = [refused(400, "invalid_request"), (201, {"messageInfo": info})]

    def answer(method: str, _: str) -> Answer:
        page = {"messages": [], "seq": 5, "more": False}
        return answers.pop(0) if method == "POST" else (200, page)

    async with serving() as (stub, origin):
        stub.answer = answer
        stub.may_begin.clear()  # lines go by REST
        environment = {
            **quiet_environment(), "HUBBUB_ORIGIN": origin,
            "HUBBUB_STORE": str(tmp_path / "store"), "PYTHONPATH": str(ROOT / "clients" / "python"),
        }  # fmt: skip
        terminal = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "examples" / "terminal.py"), "c", env=environment,
            stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, error = await terminal.communicate(b"too long\nhello\n")
    assert (terminal.returncode, answers) == (0, [])
    assert error.splitlines() == [b"invalid_request: invalid_request!"]
