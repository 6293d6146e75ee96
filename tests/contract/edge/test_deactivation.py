"""A deactivated user is logged out on every node within a second, with and without Valkey."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from common.protocol.ids import new_id
from tests.fixtures.busy import bound
from tests.fixtures.callers import AnyCaller
from tests.fixtures.servers import PostgresServer, ValkeyServer

WITHIN_SECONDS = 1.0
SLACK_SECONDS = bound(0.5, 20.0)


class System(NamedTuple):
    """Two edges and two realtime nodes for this module; an owner and a chat."""

    edges: list[httpx.Client]
    sockets: list[str]
    valkey: ValkeyServer
    owner: dict[str, str]


@pytest.fixture(scope="module")
def system(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    make_services: Callable[[ValkeyServer], Any],
) -> Iterator[System]:
    valkey = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    services = make_services(valkey)
    services.start("users")
    services.start("chats")
    nodes = [services.start("realtime", number)[1] for number in (1, 2)]
    edges = [
        httpx.Client(
            base_url=services.start("edge", number, HUBBUB_RATE_LIMITS="high")[1], timeout=30
        )
        for number in (1, 2)
    ]
    sign_up = edges[0].post("/api/user", json=account()).json()
    httpx.post(
        f"{services.urls['users']}/calls/make_owner",
        json={"username": sign_up["user"]["username"]},
        headers=AnyCaller(services.credentials.shared).headers("users"),
    ).raise_for_status()
    sockets = [f"ws{node.removeprefix('http')}/ws" for node in nodes]
    yield System(edges, sockets, valkey, bearer(sign_up))
    for edge in edges:
        edge.close()
    services.close()
    valkey.close()


def account() -> dict[str, str]:
    name = f"p-{new_id()[-12:]}"
    return {"username": name, "email": f"{name}@example.org"}


def bearer(grant: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {grant['token']}"}


def open_socket(stack: ExitStack, url: str, token: str) -> ClientConnection:
    """A socket that is ready. Raises ConnectionClosed."""
    socket = stack.enter_context(
        connect(url, subprotocols=[Subprotocol("chat.v1")], compression=None, open_timeout=30)
    )
    socket.send(msgspec.json.encode({"type": "connect", "token": token, "resume": {}}).decode())
    assert msgspec.json.decode(str(socket.recv(timeout=30)).splitlines()[0])["type"] == "ready"
    return socket


def wait_for_end(socket: ClientConnection, until: float) -> None:
    """Raises ConnectionClosed, or TimeoutError if the socket stays open."""
    while True:
        socket.recv(timeout=max(0.0, until - time.monotonic()))


def code_of(closed: ConnectionClosed) -> int | None:
    return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("with_valkey", [True, False])
def test_deactivation_holds_everywhere(system: System, with_valkey: bool) -> None:
    """Sockets are closed with 4502 and requests get 401 on every node, within a second after the
    answer."""
    if not with_valkey:
        system.valkey.kill()
    grant = system.edges[0].post("/api/user", json=account()).json()
    headers, user = bearer(grant), grant["user"]["id"]
    with ExitStack() as stack:
        sockets = [open_socket(stack, url, grant["token"]) for url in system.sockets]
        for edge in system.edges:
            assert edge.get("/api/user/me", headers=headers).status_code == 200
        answer = system.edges[0].patch(
            f"/api/admin/user/{user}", json={"active": False}, headers=system.owner
        )
        assert answer.status_code == 200, answer.text
        until = time.monotonic() + WITHIN_SECONDS + SLACK_SECONDS
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                wait_for_end(socket, until)
            assert code_of(closed.value) == 4502
        for edge in system.edges:
            while (status := edge.get("/api/chat", headers=headers).status_code) != 401:
                assert (status, time.monotonic() < until) == (200, True)
        for url in system.sockets:
            with pytest.raises(ConnectionClosed) as closed:
                open_socket(stack, url, grant["token"])
            assert code_of(closed.value) == 4502
