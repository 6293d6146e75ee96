"""Each alert is triggered in containers."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.compose.stack import IMAGE, UP_SECONDS, Stack
from tests.compose.test_ops import firing, query
from tests.fixtures.accidents import CASES, Case, Part, Secrets, watch_alerts
from tests.fixtures.prometheus import hurried_rules

PATIENCE_SECONDS = 240.0  # search counts as behind after a minute
CONTAINERS: dict[Part, str] = {"watcher": "ops", "cache": "cache-1"}


class Containers:
    """The place for accidents."""

    def __init__(self, stack: Stack) -> None:
        self.origin, self._stack = stack.origin, stack
        self._secrets = Secrets(stack.secrets)

    async def pause(self, part: Part) -> None:
        await self._each("pause", part)

    async def go_on(self, part: Part) -> None:
        await self._each("unpause", part)

    async def _each(self, what: str, part: Part) -> None:
        ids = await asyncio.to_thread(self._stack.containers, CONTAINERS.get(part, part))
        await asyncio.to_thread(self._stack.run, "docker", what, *ids)

    async def kill(self, role: str) -> None:
        await self._stack.replace_crashed(role)

    async def crash(self, role: str) -> None:
        await self._stack.crash(role)

    async def run_sql(self, role: str, *statements: str) -> None:
        words = [f"SET ROLE hubbub_{role}", *statements]
        await asyncio.to_thread(
            self._stack.compose, "exec", "-T", f"{role}-database", "psql", "-U", "postgres",
            "-d", f"hubbub_{role}", "-v", "ON_ERROR_STOP=1", *(f"--command={w}" for w in words),
        )  # fmt: skip

    async def take_store_away(self) -> None:
        await self._chmod("u-wx")

    async def bring_store_back(self) -> None:
        await self._chmod("u+wx")

    async def _chmod(self, mode: str) -> None:
        volume = f"{self._stack.environment['COMPOSE_PROJECT_NAME']}_files:/files"
        await asyncio.to_thread(
            self._stack.run, "docker", "run", "--rm", "--user=0", "--entrypoint=chmod",
            f"--volume={volume}", IMAGE, mode, "/files",
        )  # fmt: skip

    async def spoil_secret(self, role: str) -> None:
        self._secrets.spoil(role)

    async def restore_secret(self, role: str) -> None:
        self._secrets.restore(role)

    async def list_firing(self) -> set[str]:
        return await asyncio.to_thread(firing, self._stack)


@pytest.fixture(scope="module")
def place(system: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The stack with other rules; its own are restored afterwards."""
    rules = tmp_path_factory.mktemp("alerts") / "alerts.yml"
    rules.parent.chmod(0o755)
    rules.write_text(hurried_rules())
    rules.chmod(0o644)
    hurried = system.changed(
        COMPOSE_FILE="docker-compose.yml:tests/compose/alerts.yml", ALERT_RULES=str(rules)
    )
    begun = time.time()
    hurried.up()
    # Samples stored by an earlier Prometheus count for five minutes, even without newer ones.
    newest = "min(timestamp(hubbub_fleet_wanted_replicas))"
    while not any(float(s["value"][1]) > begun for s in query(hurried, newest)):
        assert time.time() < begun + UP_SECONDS
        time.sleep(1)
    yield Containers(hurried)
    system.up()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.accident.__name__)
async def test_an_accident_is_told_of(place: Containers, case: Case) -> None:
    """By its alerts."""
    await watch_alerts(place, case, PATIENCE_SECONDS)
