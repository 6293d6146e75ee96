"""docker-compose.yml as an operator runs it, with a separate project name and ports.

Uses the `docker` command and what the repository documents; knows nothing about the services.
"""

import asyncio
import json
import os
import subprocess
import time
from copy import copy
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
UP_SECONDS = 600  # the first time builds the image
IMAGE = "hubbub:0.1.0"
PUBLIC_PORT, TLS_PORT, GRAFANA_PORT = 8800, 8843, 8830


class NoEngine(Exception):
    """Containers cannot run here; the text says what is missing."""


def demand_engine() -> None:
    """Raises NoEngine unless a Docker engine with compose answers."""
    for command, advice in (
        (["docker", "version"], "no Docker engine answers: install Docker Engine and start it"),
        (["docker", "compose", "version"], "docker has no compose: install its compose plugin"),
    ):
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoEngine(advice) from error


class Stack:
    """The containers of one project; its secrets are created in a folder for one test."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.origin = f"http://127.0.0.1:{PUBLIC_PORT}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")},
            "COMPOSE_PROJECT_NAME": "hubbub-test",
            "COMPOSE_ANSI": "never",
            "COMPOSE_PROGRESS": "quiet",
            "HUBBUB_SECRETS": str(folder / "secrets"),
            "HUBBUB_PORT": str(PUBLIC_PORT),
            "HUBBUB_TLS_PORT": str(TLS_PORT),
            "HUBBUB_GRAFANA_PORT": str(GRAFANA_PORT),
            "HUBBUB_RATE_LIMITS": "high",
            **variables,
        }
        self.secrets = folder / "secrets"
        self.run("deploy/make-secrets", str(self.secrets))

    def changed(self, **variables: str) -> Self:
        """The same containers, with different settings for compose from now on."""
        other = copy(self)
        other.environment = {**self.environment, **variables}
        return other

    def run(self, *command: str, **variables: str) -> str:
        """Runs a command as the operator would. Raises AssertionError with its output."""
        done = subprocess.run(
            command, cwd=ROOT, env={**self.environment, **variables}, capture_output=True,
            text=True, timeout=UP_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def compose(self, *words: str, **variables: str) -> str:
        return self.run("docker", "compose", *words, **variables)

    def up(self, **variables: str) -> None:
        """Returns when everything is healthy."""
        self.run_until_healthy(
            "docker", "compose", "up", "--detach", "--build", "--wait", **variables
        )

    def run_until_healthy(self, *command: str, **variables: str) -> None:
        """Runs a command that waits for healthy containers. Compose gives up at the first failed
        check, which a busy machine alone can cause: the command is then repeated."""
        deadline = time.monotonic() + UP_SECONDS
        while True:
            try:
                self.run(*command, **variables)
                return
            except AssertionError as failure:
                if "is unhealthy" not in str(failure) or time.monotonic() > deadline:
                    raise
                time.sleep(5)

    def describe(self) -> str:
        """The visible state after a failure, as far as it can be read."""
        query = "SELECT gid, clock_timestamp() - prepared AS age FROM pg_prepared_xacts"
        said = []
        for words in (
            ["ps", "--all"],
            ["exec", "-T", "users-database", "psql", "-U", "postgres", "-c", query],
            ["logs", "--no-color", "--tail", "20", "edge", "users", "chats", "realtime", "haproxy"],
        ):
            try:
                said.append(self.compose(*words))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                said.append(str(error))
        return "\n".join(said)

    def down(self) -> None:
        """Removes everything, stored data included."""
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5")

    def diagnose(self) -> dict[str, list[dict[str, str]]]:
        """The doctor's findings, by check."""
        done = subprocess.run(
            ["docker", "compose", "run", "--rm", "--no-deps", "-T", "ops", "doctor", "--json"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return {check["name"]: check["findings"] for check in json.loads(done.stdout)["checks"]}

    def containers(self, service: str) -> list[str]:
        """The full ids of the running containers."""
        return self.compose("ps", "--quiet", "--no-trunc", service).split()

    def all_containers(self) -> set[str]:
        """Of all services."""
        return set(self.compose("ps", "--quiet", "--no-trunc").split())

    def running_since(self) -> dict[str, str]:
        """The start time of each container, by its id."""
        ids = self.compose("ps", "--quiet", "--no-trunc").split()
        said = self.run("docker", "inspect", "--format={{.Id}} {{.State.StartedAt}}", *ids)
        return dict(line.split() for line in said.splitlines() if line)

    async def crash(self, service: str) -> str:
        """kill -9 of the first process of one container, and so of all its processes; returns its
        id."""
        chosen = self.containers(service)[0]
        process = self.run("docker", "inspect", "--format={{.State.Pid}}", chosen).strip()
        # Not `docker kill`: a container that an operator stops is not restarted. From within, the
        # first process of a container cannot be killed.
        await asyncio.to_thread(
            self.run, "docker", "run", "--rm", "--pid=host", "--user=0", "--entrypoint=bash",
            IMAGE, "-c", f"kill -9 {process}",
        )  # fmt: skip
        return chosen

    async def replace_crashed(self, service: str, seconds: float = 120.0) -> None:
        """Calls `crash`, and waits until that container has been restarted and is healthy."""
        before = await asyncio.to_thread(self.running_since)
        crashed = await self.crash(service)
        async with asyncio.timeout(seconds):
            while True:
                state = (await asyncio.to_thread(self._inspect, crashed))["State"]
                if state["StartedAt"] != before[crashed] and state["Health"]["Status"] == "healthy":
                    return
                await asyncio.sleep(0.5)

    def _inspect(self, container: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", container))
        return found[0]
