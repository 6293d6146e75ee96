"""Three hosts, set up as docs/hosts.md prints it: killed, cut off, cut one way, slow, and restarted
one after the other, while people talk."""

import asyncio
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from tests.faults.checker import longest_silence
from tests.faults.conftest import seed as seed  # a fixture
from tests.faults.storm import Inject, Scene, ride_out
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.hosts.hosts import CannotMakeHosts, Host
from tests.hosts.page import printed_steps
from tests.hosts.world import NAME, World

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

INVARIANTS = "I1 to I9, I23"
UNNOTICED_SECONDS = 3.0  # until the address of a lost balancer moves
CUT_SECONDS = 8.0
SLOW_SECONDS = 8.0
DELAY_SECONDS = 0.2
BACK_SECONDS = 20.0  # whichever host is lost, until sends are answered again
PATIENCE_SECONDS = 40.0  # of a user whose socket is on the cut-off host, and must notice it
DAY = "20270101"  # of the printed backup
CLEAR, TLS = "clear", "TLS"


@pytest.fixture(scope="module", params=[CLEAR, TLS])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Three hosts; all tests of one kind use the same ones, and leave them as they were."""
    with tempfile.TemporaryDirectory(prefix="hosts-", ignore_cleanup_errors=True) as folder:
        try:
            made = World(Path(folder), tls=request.param == TLS)
        except CannotMakeHosts as reason:
            pytest.fail(f"Three hosts cannot be made here: {reason}", pytrace=False)
        yield made
        made.close()


only_clear = pytest.mark.parametrize("world", [CLEAR], indirect=True)
only_tls = pytest.mark.parametrize("world", [TLS], indirect=True)


async def _kill(world: World, scene: Scene, host: Host) -> None:
    was_primary = await asyncio.to_thread(lambda: world.databases.primary) is host
    with scene.fault(f"host {host.number} killed"):
        await asyncio.to_thread(host.kill)
        if was_primary:
            await asyncio.to_thread(world.databases.until_primary, but=host)
    await asyncio.sleep(3)
    await asyncio.to_thread(world.bring_back, host)
    await asyncio.sleep(1)


async def _cut(world: World, scene: Scene, host: Host, *, one_way: bool) -> None:
    """The host keeps running, and confirms no write."""
    was_primary = await asyncio.to_thread(lambda: world.databases.primary) is host
    with scene.fault(f"host {host.number} cut {'one way' if one_way else 'both ways'}"):
        (host.cut_sending if one_way else host.cut)()
        if was_primary:
            await asyncio.to_thread(world.databases.until_primary, but=host)
        await asyncio.sleep(CUT_SECONDS)
        (host.join_sending if one_way else host.join)()
    await asyncio.to_thread(world.until_well)
    await asyncio.sleep(1)


async def _ride_out(world: World, inject: Inject, what: str, seed: int, origin: str = "") -> None:
    """Nothing is lost, and service returns within the promised time."""
    history = await ride_out(
        cast(Hubbub, world), inject, fault=f"hosts: {what}", invariants=INVARIANTS, seed=seed,
        origin=origin, patience_seconds=PATIENCE_SECONDS,
    )  # fmt: skip
    silence = longest_silence(history)
    assert silence <= BACK_SECONDS, f"nobody's sends were answered for {silence:.1f} s"


def test_three_hosts_as_they_are_printed(world: World) -> None:
    """Each service reports that it is ready, the databases that an answer survives the loss of a
    machine, and each of two balancers serves over TLS, with a certificate that was renewed
    meanwhile. The users that run the services cannot write their configuration."""
    assert world.said_at_last.count('"status":"ready"') == 15
    assert world.said_at_last.count('"answersSurvive":"machine"') == 6
    for host in world.hosts:
        assert not host.run("find /etc/hubbub ! -user root -o -perm /027")
    world.renew_certificates()
    for host in world.hosts[:2]:
        said = host.run(
            f"curl -sS --fail-with-body --cacert {world.public_ca}"
            f" --connect-to {NAME}:443:{host.address}:443 https://{NAME}/api/instance"
        )
        assert '"name"' in said


@only_clear
async def test_the_operators_commands_are_those_printed(world: World) -> None:
    """A backup with the files of the store, an owner, other keys, and a restore over what is
    there."""

    def follow(owner: str) -> str:
        steps = {step.where: step.commands for step in printed_steps()}
        operator = world.hosts[1]

        def run(where: str, *hosts: Host) -> str:
            commands = steps[where].replace("/srv/backups", "/run/backups")
            for printed, meant in (("owner ann", f"owner {owner}"), ("$(date +%Y%m%d)", DAY)):
                commands = commands.replace(printed, meant)
            return "".join(host.run(commands) for host in hosts)

        said = run("the operator's commands, on any host", operator)
        run("to restore: on each host", *world.hosts)
        said += run("to restore: on any host", operator)
        run("to restore: on each host, afterwards", *world.hosts)
        world.until_well()
        return said

    async with aiohttp.ClientSession() as http:
        ann = await Person.sign_up(http, world.origin)
        await ann.create_chat("garden")
        said = await asyncio.to_thread(follow, ann.username)
        assert f"{ann.username} is an owner of this instance now." in said
        assert re.search(r"^Restored: [1-9]\d* people, [1-9]", said, re.MULTILINE), said
        await Person.sign_up(http, world.origin)


@only_clear
async def test_each_host_is_killed(world: World, seed: int) -> None:
    """With its database, its part of the bus and its services."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            await _kill(world, scene, host)

    await _ride_out(world, inject, "each of three killed whole", seed)


@only_clear
@pytest.mark.parametrize("how", ["both ways", "one way"])
async def test_each_host_is_cut_off(how: str, world: World, seed: int) -> None:
    """Both ways, and so that it receives from the others but they do not receive from it."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            await _cut(world, scene, host, one_way=how == "one way")

    await _ride_out(world, inject, f"each of three cut off {how}", seed)


@only_clear
async def test_the_primary_hangs_and_its_patroni_does_not(world: World, seed: int) -> None:
    """As on a disk that stalls: its connections stay open. It goes on when another has taken
    over."""

    async def inject(scene: Scene) -> None:
        host = await asyncio.to_thread(lambda: world.databases.primary)
        with scene.fault(f"PostgreSQL of host {host.number} hangs"):
            await asyncio.to_thread(host.run, "pkill -STOP postgres")
            await asyncio.to_thread(world.databases.until_primary, but=host)
            await asyncio.sleep(CUT_SECONDS)
            await asyncio.to_thread(host.run, "pkill -CONT postgres")
        await asyncio.to_thread(world.until_well)
        await asyncio.sleep(1)

    await _ride_out(world, inject, "the primary hangs, its Patroni does not", seed)


@only_clear
async def test_each_host_is_slow(world: World, seed: int) -> None:
    """Everything it sends takes 200 ms: its answers, and what it forwards of the WAL and the
    bus."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            with scene.fault(f"host {host.number} slow"):
                await asyncio.to_thread(host.slow_down, DELAY_SECONDS)
                await asyncio.sleep(SLOW_SECONDS)
                await asyncio.to_thread(host.speed_up)
            await asyncio.to_thread(world.until_well)
            await asyncio.sleep(1)

    await _ride_out(world, inject, "each of three 200 ms slow", seed)


@only_clear
async def test_all_hosts_are_restarted(world: World, seed: int) -> None:
    """One after the other, as printed."""

    async def inject(scene: Scene) -> None:
        for host in world.hosts:
            with scene.fault(f"host {host.number} restarted"):
                await asyncio.to_thread(world.restart, host)
                await asyncio.to_thread(world.until_ready)
            await asyncio.to_thread(world.until_well)
            await asyncio.sleep(1)

    await _ride_out(world, inject, "all restarted one after the other", seed)


@only_clear
async def test_a_lost_host_is_replaced_by_an_empty_one(world: World, seed: int) -> None:
    """At the same address, as printed."""

    async def inject(scene: Scene) -> None:
        host = world.hosts[-1]
        was_primary = await asyncio.to_thread(lambda: world.databases.primary) is host
        with scene.fault("host 3 lost for good"):
            await asyncio.to_thread(host.kill)
            if was_primary:
                await asyncio.to_thread(world.databases.until_primary, but=host)
        await asyncio.sleep(5)
        with scene.fault("host 3 replaced"):
            await asyncio.to_thread(world.replace, host)
        await asyncio.sleep(1)

    await _ride_out(world, inject, "one lost for good and replaced by an empty one", seed)


@only_clear
async def test_a_balancer_is_lost_with_its_host(world: World, seed: int) -> None:
    """Its address moves to the other one after 3 s, as with VRRP; clients reconnect there."""

    async def inject(scene: Scene) -> None:
        first, second = world.balancers
        with scene.fault("balancer lost with its host"):
            await asyncio.to_thread(first.kill)
            await asyncio.to_thread(first.drop, world.shared_address)
            await asyncio.sleep(UNNOTICED_SECONDS)
            await asyncio.to_thread(world.move_address, second)
        await asyncio.sleep(5)

    await asyncio.to_thread(world.start_pair)
    await _ride_out(
        world, inject, "one of two balancers lost with its host", seed, world.shared_origin
    )


@only_tls
async def test_hosts_with_tls_between_them_are_lost(world: World, seed: int) -> None:
    """The primary of the databases is killed, then cut off both ways, then one way."""

    async def inject(scene: Scene) -> None:
        await _kill(world, scene, world.databases.primary)
        for one_way in (False, True):
            await _cut(world, scene, world.databases.primary, one_way=one_way)

    await _ride_out(world, inject, "with TLS: primary's killed, cut off, cut one way", seed)
