"""The procedures of docs/operations.md for containers, as printed there."""

import asyncio
import time
from pathlib import Path

import aiohttp

from tests.compose.stack import Stack
from tests.fixtures.person import Person
from tests.fixtures.procedures import IN_CONTAINERS

PASSWORD = "correct horse battery"
PATIENCE_SECONDS = 240.0


async def run_until_it_works(system: Stack, command: str) -> None:
    """Repeats a command only because the doctor reports processes killed by other tests for two
    minutes, or because compose gives up at the first failed health check. Anything else must work
    at once."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await asyncio.to_thread(system.run, "sh", "-c", command)
            return
        except AssertionError as failure:
            may_work = command.endswith("ops doctor") or "is unhealthy" in str(failure)
            if not may_work or time.monotonic() > deadline:
                raise
        await asyncio.sleep(5)


async def test_every_procedure_works_as_it_is_printed(system: Stack, tmp_path: Path) -> None:
    """They run one after the other on one system; afterwards an earlier account still exists."""
    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, system.origin, username="ann", password=PASSWORD)
        project = system.environment["COMPOSE_PROJECT_NAME"]
        for printed in IN_CONTAINERS:
            # A container's log ends with the container: the request to find is a new one.
            asked = await ann.ask("GET", "/api/user/me", retry_seconds=30)
            trace = asked.headers["x-hubbub-trace"]
            # Placeholders for the reader's own values, and the folder of this stack's secrets.
            command = (
                printed.replace("[", "").replace("]", "")
                .replace("compose-bundle FILE", f"compose-bundle {tmp_path / 'bundle.tar.gz'}")
                .replace("FILE", str(tmp_path / "backup.tar"))
                .replace("compose-logs ID", f"compose-logs {trace}")
                .replace("inspect hubbub_", f"inspect {project}_")
                .replace("compose run --rm", "compose run --rm -T")
                .replace("deploy/make-secrets", f"deploy/make-secrets {system.secrets}")
                .replace("deploy/secrets/", f"{system.secrets}/")
                .replace("docker compose exec users", "docker compose exec -T users")
            )  # fmt: skip
            await run_until_it_works(system, command)
        await ann.log_in(PASSWORD, retry_seconds=30)
        assert (await ann.ask("GET", "/api/user/me", retry_seconds=10)).status == 200
