"""The procedures of docs/operations.md for containers, as they are printed there."""

import asyncio
from pathlib import Path

import aiohttp

from tests.compose.stack import Stack
from tests.fixtures.person import Person
from tests.fixtures.procedures import IN_CONTAINERS

PASSWORD = "correct horse battery"


async def test_every_procedure_works_as_it_is_printed(system: Stack, tmp_path: Path) -> None:
    """One after the other on one system; afterwards an account that was there is there."""
    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, system.origin, username="ann", password=PASSWORD)
        trace = (await ann.ask("GET", "/api/user/me")).headers["X-Hubbub-Trace"]
        project = system.environment["COMPOSE_PROJECT_NAME"]
        for printed in IN_CONTAINERS:
            # What stands for something of the reader's own, and the folder of this stack's secrets.
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
            await asyncio.to_thread(system.run, "sh", "-c", command)
        await ann.log_in(PASSWORD, retry_seconds=30)
        assert (await ann.ask("GET", "/api/user/me", retry_seconds=10)).status == 200
