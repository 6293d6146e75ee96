"""Synapse, Matrix's server, as a peer: one process on a PostgreSQL of its own, without limits."""

import asyncio
import json
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fleet.engines.postgres import Database, accepts_connections, make_cluster, server_command
from loadtest.peers.build import SYNAPSE_PYTHON
from loadtest.peers.calling import Caller
from loadtest.peers.exchanging import connect, encode_request
from loadtest.peers.machine import children_by_parent, cpu_seconds
from loadtest.peers.process import LOOPBACK, Process, free_port, wait_for_port

API: Final = "/_matrix/client/v3"
START_SECONDS: Final = 90.0
_SERVER: Final = "bench.example.org"
_NO_LIMIT: Final = {"per_second": 1e6, "burst_count": 1_000_000}
# Chats with the newest message and the counts of each, and nothing else.
_LIST_FILTER: Final = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "timeline": {"limit": 1},
        "state": {"lazy_load_members": True},
        "ephemeral": {"types": []},
        "account_data": {"types": []},
    },
}
_LONG_POLL_MS: Final = 20_000
_next_batch = re.compile(rb'"next_batch": ?"([^"]+)"').search


class Synapse:
    """A running one."""

    def __init__(self, port: int, processes: list[Process]) -> None:
        self.port = port
        self._processes = processes

    def cpu(self) -> float:
        """Seconds of its processes, PostgreSQL's too."""
        children, todo, used = children_by_parent(), [p.pid for p in self._processes], 0.0
        while todo:
            pid = todo.pop()
            todo += children[pid]
            try:
                used += cpu_seconds(pid)
            except OSError:  # it has just ended
                continue
        return used

    def sign_up(self, name: str) -> str:
        """The access token of a new account."""
        body = {
            "username": name,
            "password": secrets.token_hex(8),
            "auth": {"type": "m.login.dummy"},
        }
        with closing(Caller(self.port)) as caller:
            return str(caller.post(f"{API}/register", None, body)["access_token"])

    def make_room(self, tokens: list[str]) -> str:
        """Of these accounts; the first one makes it."""
        with closing(Caller(self.port)) as caller:
            made = caller.post(f"{API}/createRoom", tokens[0], {"preset": "public_chat"})
            room = quote(str(made["room_id"]))
            for token in tokens[1:]:
                caller.post(f"{API}/rooms/{room}/join", token, {})
        return room


def send(token: str, room: str, text: str) -> bytes:
    """A request, as those below."""
    path = f"{API}/rooms/{room}/send/m.room.message/{secrets.token_hex(8)}"
    return encode_request("PUT", path, token, {"msgtype": "m.text", "body": text})


def read_page(token: str, room: str, limit: int) -> bytes:
    return encode_request("GET", f"{API}/rooms/{room}/messages?dir=b&limit={limit}", token)


def list_rooms(token: str) -> bytes:
    wanted = quote(json.dumps(_LIST_FILTER))
    return encode_request("GET", f"{API}/sync?timeout=0&filter={wanted}", token)


def search(token: str, word: str, limit: int) -> bytes:
    wanted = {"search_term": word, "order_by": "recent", "filter": {"limit": limit}}
    body = {"search_categories": {"room_events": wanted}}
    return encode_request("POST", f"{API}/search", token, body)


async def listen(port: int, token: str, take: Callable[[bytes], None]) -> Callable[[], None]:
    """Long polls of `/sync`, one after the other, whose answers `take` gets; what is returned ends
    them."""
    connection = await connect(port)
    wanted = quote(json.dumps(_LIST_FILTER))

    async def sync(since: str, wait_ms: int) -> tuple[bytes, str]:
        path = f"{API}/sync?timeout={wait_ms}&filter={wanted}{since and f'&since={since}'}"
        answer = await connection.exchange(encode_request("GET", path, token))
        found = _next_batch(answer)
        assert found is not None, "each answer says where the next one begins"
        return answer, found[1].decode()

    async def poll(since: str) -> None:
        while True:
            answer, since = await sync(since, _LONG_POLL_MS)
            take(answer)

    _, since = await sync("", 0)
    polling = asyncio.create_task(poll(since))

    def stop() -> None:
        polling.cancel()
        connection.close()

    return stop


@contextmanager
def running_synapse() -> Iterator[Synapse]:
    """A fresh one, ended with the block. Raises RuntimeError if it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="hubbub-synapse-", dir="/tmp"))
    folder.chmod(0o755)  # PostgreSQL is another user there, where this is root
    database = Database("synapse", secrets.token_hex(16))
    processes: list[Process] = []
    try:
        postgres_port, port = free_port(), free_port()
        disguise = make_cluster(folder / "postgres", [database])
        command = server_command(folder / "postgres", postgres_port, disguise)
        processes.append(Process(command, None, cwd=folder))
        _wait_for_postgres(processes[0], postgres_port, database.name)
        config = folder / "homeserver.yaml"
        config.write_text(json.dumps(_config(folder, port, postgres_port, database)))  # is YAML
        started = [str(SYNAPSE_PYTHON), "-m", "synapse.app.homeserver", "-c", str(config)]
        subprocess.run(  # noqa: S603 - the peer's own program, no shell
            [*started, "--generate-keys"], cwd=folder, check=True, capture_output=True
        )
        processes.append(Process(started, None, cwd=folder))
        wait_for_port(processes[1], port, START_SECONDS)
        yield Synapse(port, processes)
    finally:
        for process in reversed(processes):
            process.stop(10.0)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_postgres(process: Process, port: int, database: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not asyncio.run(accepts_connections(port, database)):
        process.check()
        if time.monotonic() > end:
            raise RuntimeError(f"PostgreSQL does not start: {process.errors()}")
        time.sleep(0.1)


def _config(folder: Path, port: int, postgres_port: int, database: Database) -> dict[str, Any]:
    log = folder / "log.yaml"
    log.write_text(json.dumps({"version": 1, "root": {"level": "WARNING"}}))
    return {
        "server_name": _SERVER,
        "pid_file": str(folder / "pid"),
        "report_stats": False,
        "suppress_key_server_warning": True,
        "trusted_key_servers": [],
        "log_config": str(log),
        "signing_key_path": str(folder / "signing.key"),
        "media_store_path": str(folder / "media"),
        "macaroon_secret_key": secrets.token_hex(16),
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "presence": {"enabled": False},
        "listeners": [
            {
                "port": port, "type": "http", "bind_addresses": [LOOPBACK],
                "resources": [{"names": ["client"]}],
            }
        ],
        "database": {
            "name": "psycopg2",
            "allow_unsafe_locale": True,
            "args": {
                "host": LOOPBACK, "port": postgres_port, "dbname": database.name,
                "user": database.name, "password": database.password, "cp_min": 5, "cp_max": 20,
            },
        },
        "rc_message": _NO_LIMIT,
        "rc_registration": _NO_LIMIT,
        "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), _NO_LIMIT),
        "rc_joins": {"local": _NO_LIMIT, "remote": _NO_LIMIT},
        "rc_joins_per_room": _NO_LIMIT,
        "rc_room_creation": _NO_LIMIT,
    }  # fmt: skip
