"""The commands to Docker, and the parsing of its answers."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from fleet.processes.probe import Address
from fleet.scaling.containers import Containers, DockerFailed, scale_command, scale_containers
from fleet.scaling.scaler import Limits, Replicas
from fleet.settings import SERVICE_ROLES

BOUNDS = {"edge": Replicas(1, 4)}
# Replaces Docker's own command, which needs its engine: records its arguments.
DOCKER = """#!/bin/sh
echo "$@" >> said
case "$1 $2" in
"compose ps") echo "a1
a2
b1
c1" ;;
"inspect --format") echo "edge healthy 172.20.0.5 172.21.0.5
edge starting 172.20.0.6

realtime healthy 172.20.0.7
chats healthy 172.22.0.2" ;;
"compose up") [ "$8" != chats=9 ] || { echo "no room" >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """A program that answers as Docker would."""
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    return program


async def test_healthy_containers_are_found_with_their_ports(docker: Path) -> None:
    """Containers that are starting or have no address yet count as wanted, but are not asked."""
    containers = Containers(BOUNDS, docker.parent, str(docker))
    found = await containers.find_metrics()
    assert found == {
        "edge": [Address("172.20.0.5", 8001)],
        "realtime": [Address("172.20.0.7", 8001)],
        "files": [],
        "users": [],
        "chats": [Address("172.22.0.2", 8000)],
    }
    assert containers.wanted == {"edge": 2, "realtime": 1, "files": 1, "users": 1, "chats": 1}


async def test_scaling_touches_one_service(docker: Path) -> None:
    """Nothing else is started, and no other container is recreated."""
    containers = Containers(BOUNDS, docker.parent, str(docker))
    await containers.scale("edge", 3)
    said = (docker.parent / "said").read_text().splitlines()
    assert said == [
        "compose up --detach --wait --no-deps --no-recreate --scale edge=3 edge",
    ]
    assert containers.wanted["edge"] == 3
    assert scale_command("edge", 3) == said[0].split()


async def test_what_docker_refuses_is_said(docker: Path) -> None:
    """In Docker's own words."""
    containers = Containers(BOUNDS, docker.parent, str(docker))
    with pytest.raises(DockerFailed, match="no room"):
        await containers.scale("chats", 9)


async def test_a_docker_that_refuses_for_a_while_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As during a restart of its engine: scaling continues afterwards."""
    monkeypatch.setattr("fleet.scaling.containers.ROUND_SECONDS", 0.01)
    bounds = dict.fromkeys(SERVICE_ROLES, Replicas(1, 4))
    docker, broken, said = (tmp_path / name for name in ("docker", "broken", "said"))
    docker.write_text(
        "#!/bin/sh\nif [ -e broken ]; then echo gone >&2; exit 1; fi; echo x >>said\n"
    )
    docker.chmod(0o755)
    scaling = asyncio.create_task(
        scale_containers(Containers(bounds, tmp_path, str(docker)), Limits())
    )
    async with asyncio.timeout(20):
        while not said.exists():
            assert not scaling.done()
            await asyncio.sleep(0.01)
        broken.touch()
        while "Docker refused: gone" not in capsys.readouterr().out:
            assert not scaling.done()
            await asyncio.sleep(0.01)
        said.unlink()
        broken.unlink()
        while not said.exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    scaling.cancel()
    with suppress(asyncio.CancelledError):
        await scaling


async def test_a_command_to_docker_ends_with_the_autoscaler(tmp_path: Path) -> None:
    """Nobody would wait for it any more."""
    docker, said = tmp_path / "docker", tmp_path / "said"
    docker.write_text("#!/bin/sh\necho $$ >begun; mv begun said; exec sleep 60\n")
    docker.chmod(0o755)
    containers = Containers(BOUNDS, tmp_path, str(docker))
    scaling = asyncio.create_task(containers.scale("edge", 2))
    async with asyncio.timeout(20):
        while not said.exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    scaling.cancel()
    with suppress(asyncio.CancelledError):
        await scaling
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)
