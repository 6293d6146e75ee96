"""Processes die, drain and hang while people talk: nothing that was answered is lost."""

import asyncio
import signal

import pytest

from tests.faults.storm import Inject, Scene, ride_out
from tests.fixtures.history import Closed
from tests.fixtures.hubbub import Hubbub

SERVICES = ("edge", "chats", "users", "realtime")
ENGINES = ("valkey", "cache", "postgres", "balancer")
ALL_INVARIANTS = "I1 to I9"


def _kill_every(seconds: float, times: int, *roles: str, everyone: bool = False) -> Inject:
    """kill -9 of one process of a random role, or of all of them."""

    async def inject(scene: Scene) -> None:
        for _ in range(times):
            role = scene.pace.choice(roles)
            with scene.fault(f"kill {role}"):
                if everyone:
                    scene.system.kill(role)
                else:
                    await scene.system.kill_one_that_lives(role, scene.pace.choice)
            await asyncio.sleep(seconds)

    return inject


def _kill_pairs(seconds: float, times: int) -> Inject:
    """Two processes of different roles at the same moment."""

    async def inject(scene: Scene) -> None:
        for _ in range(times):
            pair = scene.pace.sample((*SERVICES, *ENGINES), 2)
            with scene.fault("kill " + " and ".join(pair)):
                for role in pair:
                    await scene.system.kill_one_that_lives(role, scene.pace.choice)
            await asyncio.sleep(seconds)

    return inject


async def _rolling_restart(scene: Scene) -> None:
    """SIGTERM to every service process, one after the other."""
    for process in [p for role in SERVICES for p in scene.system.processes(role)]:
        with scene.fault(f"SIGTERM {process.role}"):
            assert scene.system.signal_one(process.pid, signal.SIGTERM), f"{process} was gone"
            await scene.system.until_replaced([process.pid], seconds=30)


def _stop_one(seconds: float, *roles: str) -> Inject:
    """SIGSTOP to one process of each role; the fleet may kill one that hangs for more than 10 s."""

    async def inject(scene: Scene) -> None:
        for role in roles:
            await stop(scene, role)

    async def stop(scene: Scene, role: str) -> None:
        pid = scene.pace.choice([process.pid for process in scene.system.processes(role)])
        with scene.fault(f"SIGSTOP {role}"):
            assert scene.system.signal_one(pid, signal.SIGSTOP), f"{role} {pid} was gone"
            await asyncio.sleep(seconds)
            scene.system.signal_one(pid, signal.SIGCONT)
        await asyncio.sleep(2)

    return inject


async def test_services_are_killed_in_turn(system: Hubbub, seed: int) -> None:
    """A short storm: one process of a random service every 2 s."""
    await ride_out(
        system,
        _kill_every(2, 5, *SERVICES),
        fault="1 kill -9 of any service, every 2 s",
        invariants=ALL_INVARIANTS,
        seed=seed,
    )


@pytest.mark.long
@pytest.mark.parametrize("role", [*SERVICES, "balancer", "valkey", "cache", "postgres"])
async def test_one_role_is_killed_again_and_again(role: str, system: Hubbub, seed: int) -> None:
    """All processes of the role at once, every 4 s."""
    await ride_out(
        system,
        _kill_every(4, 4, role, everyone=True),
        fault=f"1 kill -9 of every {role}, every 4 s",
        invariants=ALL_INVARIANTS,
        seed=seed,
    )


@pytest.mark.long
async def test_pairs_are_killed(system: Hubbub, seed: int) -> None:
    """Two processes of different roles at the same moment, engines included."""
    await ride_out(
        system,
        _kill_pairs(4, 6),
        fault="1 kill -9 of two roles at once, every 4 s",
        invariants=ALL_INVARIANTS,
        seed=seed,
    )


@pytest.mark.long
async def test_a_rolling_restart_is_not_felt(system: Hubbub, seed: int) -> None:
    """Every service process drains and is replaced; no send is refused, and no socket ends except
    with the announced close."""
    history = await ride_out(
        system,
        _rolling_restart,
        fault="2, 12 SIGTERM of every service process in turn",
        invariants="I1 to I9, I21",
        seed=seed,
    )
    unannounced = [
        record.code
        for record in history.records
        if isinstance(record, Closed) and record.code != 4001 and record.time < history.ended
    ]
    assert unannounced == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("seconds", "roles"),
    [(5, ("realtime",)), (30, ("realtime",)), (4, ("chats", "users", "edge"))],
    ids=["realtime, 5 s", "realtime, 30 s", "services, 4 s"],
)
async def test_a_process_hangs(
    seconds: float, roles: tuple[str, ...], system: Hubbub, seed: int
) -> None:
    """SIGSTOP: it keeps its connections and answers nothing."""
    await ride_out(
        system,
        _stop_one(seconds, *roles),
        fault=f"3 SIGSTOP of one {', one '.join(roles)} for {seconds} s",
        invariants=ALL_INVARIANTS,
        seed=seed,
    )
