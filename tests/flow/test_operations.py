"""The procedures of docs/operations.md for one machine, as printed there."""

import asyncio
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.fixtures.hubbub import ROOT, Hubbub
from tests.fixtures.person import Person
from tests.fixtures.procedures import ON_ONE_MACHINE

COMMAND_SECONDS = 120.0


async def run(command: str, environment: dict[str, str]) -> str:
    """Its output. Raises AssertionError if it fails."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command,
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    assert process.returncode == 0, f"{command}: {said.decode()}"
    return said.decode()


@pytest.mark.long
async def test_every_procedure_works_as_it_is_printed(tmp_path: Path) -> None:
    """They run one after the other on one system. Calls of the API are not refused, no session is
    lost with the signing keys, and the backup is restored into another system."""
    file, other = tmp_path / "backup.tar", tmp_path / "other"
    replicas = "edge=1,realtime=1,users=1,chats=1"
    async with (
        Hubbub(tmp_path / "data", replicas=replicas) as system,
        aiohttp.ClientSession() as http,
    ):
        ann = await Person.sign_up(http, system.origin, username="ann")
        ben = await Person.sign_up(http, system.origin)
        environment = {
            **system.environment,
            "api": f"{system.origin}/api",
            "token": f"Authorization: Bearer {ann.token}",
            "json": "Content-Type: application/json",
        }
        trace = (await ann.ask("GET", "/api/user/me")).headers["x-hubbub-trace"]
        for printed in ON_ONE_MACHINE:
            if printed == "make stop":
                continue  # the last one, below
            # Placeholders for the reader's own values; curl reports refusals.
            command = printed.replace("[", "").replace("]", "")
            for word, meant in {
                "bundle TO=FILE": f"bundle TO={tmp_path / 'bundle.tar.gz'}", "FILE": str(file),
                "/ID": f"/{ben.id}", "TRACE=ID": f"TRACE={trace}", ".data": str(system.data),
                "curl ": "curl -sS --fail-with-body ",
            }.items():  # fmt: skip
                command = command.replace(word, meant)
            stopped = printed.startswith(("make restore", "make upgrade-database"))
            where = {"HUBBUB_DATA": str(other)} if stopped else {}
            said = await run(command, {**environment, **where})
            if printed.startswith("make restore"):
                assert "Restored: 2 people" in said
            if printed == "make logs TRACE=ID":
                assert "/api/user/me" in said
        # The keys that signed Ann's tokens are revoked; her session is not.
        assert (await ann.ask("GET", "/api/user/me")).status == 401
        await ann.refresh()
        assert (await ann.ask("GET", "/api/user/me")).status == 200
        await run("make stop", environment)
