"""The containers of docker-compose.yml as the autoscaler's driver: `python -m fleet autoscale`.

Tells `docker compose` the wanted number; the rest is done by Docker and by HAProxy, which reads its
pools from Docker's DNS.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet.commands.interrupting import ending
from fleet.processes.probe import Address
from fleet.scaling.autoscaler import Autoscaler
from fleet.scaling.scaler import Figures, Limits, Replicas
from fleet.settings import PROJECT_FOLDER, SERVICE_ROLES

METRICS_PORTS = {"edge": 8001, "realtime": 8001, "files": 8001, "users": 8000, "chats": 8000}
ROUND_SECONDS = 3.0  # each queries Docker twice
# A container's role, its health, and its addresses in its networks.
INSPECT_FORMAT = (
    '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Health.Status}}'
    "{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}"
)


class DockerFailed(Exception):
    """A docker command failed; the text is its output."""


class Containers:
    """The stack of one compose file. `docker` is the program's name or path."""

    def __init__(
        self, bounds: Mapping[str, Replicas], folder: Path = PROJECT_FOLDER, docker: str = "docker"
    ) -> None:
        self.bounds = bounds
        self.wanted: dict[str, int] = {}
        self._folder = folder
        self._docker = docker

    async def find_metrics(self) -> dict[str, list[Address]]:
        """Those of healthy containers. The first call also learns the number of each role."""
        lines = await self._inspect()
        if not self.wanted:
            self.wanted = {
                role: max(1, sum(words[0] == role for words in lines)) for role in SERVICE_ROLES
            }
        found: dict[str, list[Address]] = {role: [] for role in SERVICE_ROLES}
        for role, health, *addresses in lines:
            if health == "healthy" and addresses:
                found[role].append(Address(addresses[0], METRICS_PORTS[role]))
        return found

    async def scale(self, role: str, replicas: int) -> None:
        """Returns when the new ones are healthy, or the others have drained."""
        self.wanted[role] = replicas
        await self._run(scale_command(role, replicas))

    async def _inspect(self) -> list[list[str]]:
        ids = (await self._run(["compose", "ps", "--quiet", *SERVICE_ROLES])).split()
        if not ids:
            return []
        said = await self._run(["inspect", "--format", INSPECT_FORMAT, *ids])
        return [line.split() for line in said.splitlines() if line.strip()]

    async def _run(self, words: Sequence[str]) -> str:
        starting = asyncio.create_subprocess_exec(
            self._docker, *words, cwd=self._folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with ending(starting) as process:
            said, wrong = await process.communicate()
        if process.returncode != 0:
            raise DockerFailed(wrong.decode(errors="replace").strip())
        return said.decode()


def scale_command(role: str, replicas: int) -> list[str]:
    """Leaves every other service, and every container that may stay, unchanged."""
    return [
        "compose", "up", "--detach", "--wait", "--no-deps", "--no-recreate",
        "--scale", f"{role}={replicas}", role,
    ]  # fmt: skip


async def scale_containers(containers: Containers, limits: Limits) -> None:
    """Runs until interrupted; what Docker refuses is tried again. Raises DockerFailed if it lists
    no containers at the start."""
    await containers.find_metrics()
    while True:
        try:
            await Autoscaler(containers, limits, _report, round_seconds=ROUND_SECONDS).run()
        except DockerFailed as failure:
            print(f"Docker refused: {failure}", flush=True)
        await asyncio.sleep(ROUND_SECONDS)


def _report(role: str, before: int, now: int, figures: Figures) -> None:
    print(f"{role}: {before} -> {now} ({figures})", flush=True)
