"""Readiness of the whole system, with servers that answer as replicas do."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.http_server import Request, Response, serving_http
from common.calls.replicas import Replicas
from common.identity.gate import Gate
from edge.readiness import REMEMBER_SECONDS, Readiness


class OpenGate(Gate):
    """Lacks nothing."""

    def __init__(self) -> None: ...

    @property
    def missing(self) -> None:
        return None


class System:
    """chats and realtime, each with two replicas of which edge knows the first. `statuses` are
    their answers."""

    def __init__(self, addresses: dict[str, list[str]], http: HttpClient) -> None:
        self.statuses = {address: 200 for both in addresses.values() for address in both}
        self.addresses = addresses
        self.may_answer = asyncio.Event()  # what they were when they were asked
        self.may_answer.set()
        self.looked_up = 0
        self._known = {role: Replicas(role, (both[0],)) for role, both in addresses.items()}
        chats, realtime = (Calls(http, of) for of in self._known.values())
        self.readiness = Readiness(OpenGate(), chats, realtime, self._look_up)

    async def _look_up(self) -> None:
        self.looked_up += 1
        for role, replicas in self._known.items():
            replicas.replace_leased(tuple(self.addresses[role]))


@asynccontextmanager
async def running_system() -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        http = stack.enter_context(closing(HttpClient()))
        addresses: dict[str, list[str]] = {"chats": [], "realtime": []}
        for listening in addresses.values():
            for _ in range(2):
                listener = socket.create_server(("127.0.0.1", 0))
                address = "{}:{}".format(*listener.getsockname())
                listening.append(address)

                async def answer(_: Request, address: str = address) -> Response:
                    status = system.statuses[address]
                    await system.may_answer.wait()
                    return Response(status, b"", "text/plain")

                await stack.enter_async_context(serving_http(answer, listener))
        system = System(addresses, http)
        yield system


async def test_replicas_that_were_replaced_are_looked_up() -> None:
    """At rest, edge may know only the replica that drains."""
    for role, missing in (("chats", "chats"), ("realtime", "realtime")):
        async with running_system() as system:
            first, second = system.addresses[role]
            system.statuses[first] = 503
            assert await system.readiness.missing() is None
            assert system.looked_up == 1
        async with running_system() as system:
            first, second = system.addresses[role]
            system.statuses[first] = system.statuses[second] = 503
            assert await system.readiness.missing() == missing


async def test_nothing_is_looked_up_while_all_is_well() -> None:
    """Checks are frequent."""
    async with running_system() as system:
        assert await system.readiness.missing() is None
        assert system.looked_up == 0


async def test_an_answer_that_took_long_is_not_remembered() -> None:
    """What it says is as old as the question: edge may have been stopped meanwhile."""
    async with running_system() as system:
        system.may_answer.clear()
        first = asyncio.create_task(system.readiness.missing())
        await asyncio.sleep(REMEMBER_SECONDS + 0.1)
        system.statuses = dict.fromkeys(system.statuses, 503)
        system.may_answer.set()
        assert await first is None
        assert await system.readiness.missing() == "chats"
