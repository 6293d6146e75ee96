"""What the ports behind the balancer answer to a client without a credential."""

import asyncio
from typing import Any

import aiohttp
import pytest

from common.calls.callers import CALLER_HEADER, Caller
from fleet.data.keys import service_key_path
from tests.fixtures.hubbub import Hubbub

OPEN = {"/health/live", "/health/ready", "/metrics"}  # requested by probes and Prometheus
BAD_CREDENTIALS = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer x"},
    {"Authorization": "Basic YTpi"},
    {CALLER_HEADER: "edge"},
    {CALLER_HEADER: "edge x"},
]


async def status(
    http: aiohttp.ClientSession, port: int | None, method: str, path: str, **options: Any
) -> int:
    url = f"http://127.0.0.1:{port}{path}"
    async with http.request(method, url, **options) as answer:
        return answer.status


@pytest.mark.parametrize("role", ["users", "chats"])
async def test_every_call_demands_the_credential(
    system: Hubbub, http: aiohttp.ClientSession, role: str
) -> None:
    """Each route of each service answers 401, whatever the body; with the credential it checks the
    body. A user's token is not a credential."""
    (process, *_) = system.processes(role)
    secret = service_key_path(system.data / "keys", "edge").read_text().strip()
    own = Caller("edge", secret).headers(role)
    bare = own[CALLER_HEADER].partition(" ")[2]
    url = f"http://127.0.0.1:{process.port}/openapi.json"
    async with http.get(url, headers=own) as answer:
        routes = [(m, path) for path, item in (await answer.json())["paths"].items() for m in item]
    assert len(routes) > 10
    for method, path in [*routes, ("get", "/openapi.json")]:
        for headers in (*BAD_CREDENTIALS, {"Authorization": f"Bearer {bare}"}):
            got = await status(http, process.port, method, path, headers=headers, json={})
            assert got == 401, (method, path, headers)
    for path in OPEN:
        assert await status(http, process.port, "get", path) == 200
    assert await status(http, process.port, "post", "/calls/none", headers=own) == 404
    assert await status(http, process.port, "post", routes[0][1], headers=own, data=b"{") == 400


async def test_a_nodes_port_takes_sockets_and_nothing_else(
    system: Hubbub, http: aiohttp.ClientSession
) -> None:
    """No call, health or metrics: those are on another port, which serves nothing else."""
    (process, *_) = system.processes("realtime")
    for path in (*OPEN, "/", "/calls/send", "/openapi.json", "/api/user/me", "/ws/"):
        assert await status(http, process.port, "get", path) == 404
        assert await status(http, process.port, "post", path, json={}) == 405
    for path in ("/", "/ws", "/api/user/me"):
        assert await status(http, process.metrics, "get", path) == 404
    for path in ("/calls/list_active", "/calls/send", "/openapi.json"):
        assert await status(http, process.metrics, "get", path) == 401


async def test_an_edges_port_shows_nothing_internal(
    system: Hubbub, http: aiohttp.ClientSession
) -> None:
    """Neither this port nor the balancer exposes metrics or internal calls."""
    (process, *_) = system.processes("edge")
    public = int(system.origin.rpartition(":")[2])
    for port in (process.port, public):
        for path in ("/metrics", "/calls/keys", "/openapi", "/docs/", "/web/../app.py", "/.env"):
            assert await status(http, port, "get", path) == 404


async def test_engines_let_nobody_in_without_a_password(system: Hubbub) -> None:
    """Valkey and the caches answer NOAUTH. PostgreSQL asks each role for its password, and refuses
    other roles and a role at another role's database."""
    for process in (*system.processes("valkey"), *system.processes("cache")):
        assert await ask(process.port, b"KEYS *\r\n") == b"-NOAUTH Authentication required.\r\n"
    (postgres,) = system.processes("postgres")
    for user in (b"hubbub_users", b"hubbub_chats"):
        parameters = b"\0\3\0\0user\0" + user + b"\0database\0" + user + b"\0\0"
        answer = await ask(postgres.port, (len(parameters) + 4).to_bytes(4) + parameters)
        assert answer[:1] == b"R", answer
        assert answer[8] == 10, answer  # AuthenticationSASL
    for user, database in ((b"hubbub", b"postgres"), (b"hubbub_users", b"hubbub_chats")):
        parameters = b"\0\3\0\0user\0" + user + b"\0database\0" + database + b"\0\0"
        answer = await ask(postgres.port, (len(parameters) + 4).to_bytes(4) + parameters)
        assert answer[:1] == b"E", answer


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(1024), 5)
    finally:
        writer.close()
