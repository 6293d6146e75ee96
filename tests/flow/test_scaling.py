"""Processes come and go with the load; users do not notice."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from fleet.control import Restart, Scale, ask_fleet
from fleet.data.state import read_state
from fleet.scaling.figures import names_of
from fleet.settings import SERVICE_ROLES
from tests.fixtures.device import Device
from tests.fixtures.history import History
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.flow.conftest import MakeDevice, eventually

DRAINING = 4001
SMALL = "edge=1,realtime=1,users=1,chats=1"


async def scale(system: Hubbub, role: str, replicas: int, most: int | None = None) -> None:
    answer = await ask_fleet(system.data / "run", Scale(role, replicas, most))
    assert answer.done, answer


@pytest.mark.parametrize("role", SERVICE_ROLES)
async def test_every_figure_that_the_scaler_reads_is_exported(
    role: str, system: Hubbub, ann: Person, http: aiohttp.ClientSession
) -> None:
    """Under the names that it requests, and no others are returned."""
    chat = await ann.create_chat("talk")  # some exist from the first request on
    signed = {"Authorization": f"Bearer {ann.token}"}
    url = f"{system.origin}/api/chat/{chat}/file?name=note.txt"
    async with http.post(url, data=b"hello", headers=signed) as answer:
        assert answer.status == 201
    seen = set()
    for process in system.processes(role):
        url = f"http://127.0.0.1:{process.metrics}/metrics"
        async with http.get(url, params=[("name[]", name) for name in names_of(role)]) as answer:
            lines = (await answer.text()).splitlines()
        seen |= {line.partition("{")[0].split()[0] for line in lines if not line.startswith("#")}
    assert seen <= set(names_of(role))
    # a circuit has a metric once it has opened
    assert set(names_of(role)) - seen <= {"hubbub_open_circuit"}


@pytest.mark.long
async def test_a_role_follows_the_load_and_loses_nothing(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """With limits so low that any traffic is too much for one edge and one node."""
    variables = {
        "replicas": "edge=1-2,realtime=1-2,users=1,chats=1",
        "scaling": "in_flight=0.5,lag_ms=0.01,deliveries=2,calm_seconds=2",
    }
    async with Hubbub(tmp_path / "data", **variables) as system, AsyncExitStack() as stack:
        ann = await Person.sign_up(http, system.origin)
        chat = await ann.create_chat("talk")
        devices = [await stack.enter_async_context(Device(ann, History())) for _ in range(3)]
        over, posted = asyncio.Event(), 0

        async def talk() -> None:
            nonlocal posted
            while not over.is_set():
                answer = await ann.post(chat, "hello", retry_seconds=0)
                assert answer.status == 201, answer
                posted += 1

        async def are(replicas: int) -> bool:
            return all(len(system.processes(role)) == replicas for role in ("edge", "realtime"))

        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(talk())
            await eventually(lambda: are(2), 40)
            await system.until_whole()
            over.set()
        await eventually(lambda: are(1), 40)
        events = await ann.events(chat)
        assert len(events) == 1 + posted
        for device in devices:
            await device.until_seq(chat, len(events))
            assert device.applied(chat) == events[-len(device.applied(chat)) :]
            assert {code for code, _ in device.ends} <= {DRAINING}
        state = read_state(system.data)
        assert state is not None
        assert (state.wanted["edge"].minimum, state.wanted["edge"].maximum) == (1, 2)


@pytest.mark.long
async def test_a_rolling_restart_of_single_processes_costs_no_request(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """Each has a substitute while it is replaced."""
    async with Hubbub(tmp_path / "data", replicas=SMALL) as system:
        ann = await Person.sign_up(http, system.origin)
        chat = await ann.create_chat("talk")
        before = {process.pid for role in SERVICE_ROLES for process in system.processes(role)}
        restarting = asyncio.create_task(ask_fleet(system.data / "run", Restart()))
        posted = 0
        while not restarting.done():
            for answer in (
                await ann.post(chat, "hello", retry_seconds=0),
                await ann.ask("GET", f"/api/user/{ann.id}"),
            ):
                assert answer.status in (200, 201), answer
            posted += 1
        assert (await restarting).done
        after = {process.pid for role in SERVICE_ROLES for process in system.processes(role)}
        assert len(after) == len(before)
        assert not after & before
        assert len(await ann.events(chat)) == 1 + posted


@pytest.mark.long
async def test_a_restart_that_cannot_work_leaves_what_was_there(tmp_path: Path) -> None:
    """Without its secret no new process becomes ready: after a minute the operator is told which
    one, and every old process still serves."""
    async with Hubbub(tmp_path / "data", replicas=SMALL) as system:
        key = system.data / "keys" / "chats.key"
        held = key.read_text()
        before = {process.pid for role in SERVICE_ROLES for process in system.processes(role)}
        key.unlink()
        reply = await ask_fleet(system.data / "run", Restart())
        assert not reply.done
        assert "The new chats-2 is not ready after 60 s." in reply.said
        key.write_text(held)
        await system.until_whole()
        after = {process.pid for role in SERVICE_ROLES for process in system.processes(role)}
        assert after == before


async def test_a_node_that_goes_tells_its_sockets_to_come_back(
    system: Hubbub, ann: Person, ben: Person, make_device: MakeDevice
) -> None:
    """Its own sockets get 4001, the others nothing, and all of them every event."""
    await system.until_whole()
    nodes = len(system.processes("realtime"))
    chat = await ann.create_chat("talk", ben.id)
    await scale(system, "realtime", nodes + 1)
    async with AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(make_device(ben)) for _ in range(6)]
        for device in devices:
            await device.until_seq(chat, 1)
        scaling = asyncio.create_task(scale(system, "realtime", nodes))
        seq = 1
        while not scaling.done():
            assert (await ann.post(chat, "while it goes", retry_seconds=0)).status == 201
            seq += 1
            await asyncio.sleep(0.05)
        await scaling
        for device in devices:
            await device.until_seq(chat, seq)
        events = await ben.events(chat)
        ends = [code for device in devices for code, _ in device.ends]
        assert ends, "the node that went had no socket"
        assert set(ends) == {DRAINING}
        for device in devices:
            assert device.applied(chat) == events


@pytest.mark.long
async def test_rounds_of_growing_and_shrinking_leave_nothing_behind(tmp_path: Path) -> None:
    """No process and no open file is left, in the fleet or in the remaining processes; a slot's
    ports are reserved once and kept."""
    async with Hubbub(tmp_path / "data", replicas=SMALL) as system:
        parent = read_state(system.data)
        assert parent is not None

        async def round_trip() -> None:
            for replicas in (2, 1):
                await asyncio.gather(
                    *(scale(system, role, replicas) for role in ("edge", "realtime"))
                )

        def stay() -> list[int]:
            return [parent.parent, *(process.pid for process in system.processes())]

        await round_trip()
        processes = stay()
        before = {pid: open_files(pid) for pid in processes}
        others = children_of(parent.parent) - set(processes)  # services are forked from it
        assert len(others) == 1
        for _ in range(5):
            await round_trip()
        assert stay() == processes
        assert children_of(parent.parent) == {*processes[1:], *others}

        async def nothing_is_left() -> bool:
            # Other files are open only briefly: checks, calls, idle connections.
            return all(open_files(pid) <= before[pid] + 4 for pid in processes)

        async def the_fleet_has_no_more() -> bool:
            return open_files(parent.parent) <= before[parent.parent]  # between two of its checks

        await eventually(nothing_is_left, 40)
        await eventually(the_fleet_has_no_more, 10)


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def children_of(parent: int) -> set[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return {int(pid) for pid in listed.split()}


@pytest.mark.long
async def test_a_restart_at_rest_leaves_the_system_ready(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """There is one process of each role, and those who call it learn late of its successor."""
    async with Hubbub(tmp_path / "data", replicas="") as system:

        async def is_at_rest() -> bool:
            return all(len(system.processes(role)) == 1 for role in SERVICE_ROLES)

        await eventually(is_at_rest, 300)
        restarting = asyncio.create_task(ask_fleet(system.data / "run", Restart()))
        statuses = set()
        while not restarting.done():
            async with http.get(f"{system.origin}/health/ready") as answer:
                statuses.add(answer.status)
            await asyncio.sleep(0.03)
        assert restarting.result().done
        assert statuses == {200}
