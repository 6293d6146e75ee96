"""What each role may do on the bus, on a real Valkey started as by the fleet and by compose."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hiredis
import pytest

from common.valkey.topics import Topics
from common.valkey.valkey import LIST, RENEW
from fleet.data.keys import make_key_folder, read_or_make_secret
from fleet.engines.valkey import answers_ping
from fleet.engines.valkey_users import password_file, write_rules
from tests.fixtures.servers import ValkeyServer

ROOT = Path(__file__).parents[3]
ROLES = ("edge", "realtime", "files", "users", "chats")
LEASED = ("realtime", "users", "chats")
TOPICS = Topics()
ID = "0192d3a4-0000-7000-8000-000000000001"
LEASES = [(command, LEASED) for command in ("zadd", "zrem", "zremrangebyscore", "pexpire")]
ARGUMENTS = {
    "zadd": ("1", "a"), "zrem": ("a",), "zremrangebyscore": ("0", "1"), "pexpire": ("9",),
}  # fmt: skip


def renew(role: str) -> tuple[str, ...]:
    return "eval", RENEW.text, "1", TOPICS.replicas(role), "a:1", "5000", "60000"


def list_(role: str) -> tuple[str, ...]:
    return "eval_ro", LIST.text, "1", TOPICS.replicas(role), "0"


# A command, and the roles that may run it.
TABLE: list[tuple[tuple[str, ...], set[str]]] = [
    (("publish", TOPICS.chat(ID), "x"), {"chats"}),
    (("publish", TOPICS.user(ID), "x"), {"chats"}),
    (("publish", TOPICS.markers, "x"), {"chats"}),
    (("publish", TOPICS.digest, "x"), {"chats"}),
    (("publish", TOPICS.revoked, "x"), {"users"}),
    (("publish", "invalidate:chat", "x"), set()),
    (("publish", TOPICS.typing(ID), "x"), {"realtime"}),
    (("publish", TOPICS.canary("realtime-1"), "x"), {"realtime"}),
    (("subscribe", TOPICS.chat(ID)), {"realtime"}),
    (("subscribe", TOPICS.user(ID)), {"realtime"}),
    (("subscribe", TOPICS.markers), {"realtime"}),
    (("subscribe", TOPICS.digest), {"realtime"}),
    (("subscribe", TOPICS.typing(ID)), {"realtime"}),
    (("subscribe", TOPICS.canary("realtime-1")), {"realtime"}),
    (("subscribe", TOPICS.revoked), {"edge", "realtime", "files"}),
    *(
        ((command, topic, *(("x",) if command == "publish" else ())), {"realtime"})
        for command in ("publish", "subscribe")
        for topic in (TOPICS.presence(ID), TOPICS.presence_asks, TOPICS.presence_node("a"))
    ),
    (("hset", TOPICS.presence_of("a"), ID, "1"), {"realtime"}),
    (("hdel", TOPICS.presence_of("a"), ID), {"realtime"}),
    (("hmget", TOPICS.presence_of("a"), ID), {"realtime"}),
    (("expire", TOPICS.presence_of("a"), "9"), {"realtime"}),
    (("hset", "other", "a", "b"), set()),
    (("zadd", TOPICS.replicas("presence"), "1", "a"), {"realtime"}),
    (("zremrangebyscore", TOPICS.replicas("presence"), "0", "1"), {"realtime"}),
    (("zrangebyscore", TOPICS.replicas("presence"), "0", "1"), {"edge", "realtime"}),
    *(
        ((command, TOPICS.replicas(owner), *ARGUMENTS[command]), {owner})
        for command, owners in LEASES
        for owner in owners
    ),
    (("zrangebyscore", TOPICS.replicas("users"), "0", "1"), {"edge", "realtime", "files", "chats"}),
    (("zrangebyscore", TOPICS.replicas("chats"), "0", "1"), {"edge", "realtime", "files", "users"}),
    (("zrangebyscore", TOPICS.replicas("realtime"), "0", "1"), {"edge", "files"}),
    (renew("users"), {"users"}),
    (renew("chats"), {"chats"}),
    (renew("realtime"), {"realtime"}),
    (renew("presence"), {"realtime"}),
    (list_("users"), {"edge", "realtime", "files", "chats"}),
    (list_("chats"), {"edge", "realtime", "files", "users"}),
    (list_("realtime"), {"edge", "files"}),
    (list_("presence"), {"edge", "realtime"}),
    (
        ("eval", "return redis.call('GET', KEYS[1])", "1", TOPICS.bucket("send", ID)),
        {"edge", "realtime", "files"},
    ),
    (("set", TOPICS.familiar("a", "b"), "1"), {"edge"}),
    (("eval", "return redis.call('SET', 'other', 1)", "1", TOPICS.bucket("send", ID)), set()),
    (("set", TOPICS.replicas("chats"), "x"), set()),
    (("get", "other"), set()),
    (("psubscribe", "*"), set()),
    (("keys", "*"), set()),
    (("flushall",), set()),
    (("config", "get", "*"), set()),
    (("client", "list"), set()),
    (("acl", "list"), set()),
    (("slowlog", "get"), set()),
    (("ping",), set(ROLES)),
]


pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command


class Bus:
    """A Valkey with users, and their passwords."""

    def __init__(self, address: str, password: Callable[[str], str]) -> None:
        self.address, self.password = address, password

    def ask(self, *commands: tuple[str, ...]) -> list[object]:
        """The answers on one connection; refusals are hiredis.ReplyError."""
        host, _, port = self.address.rpartition(":")
        reader = hiredis.Reader()
        answers: list[object] = []
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"".join(map(pack, commands)))
            while len(answers) < len(commands):
                reader.feed(connection.recv(65_536))
                while (answer := reader.gets()) is not False:
                    answers.append(answer)
        return answers

    def allows(self, role: str, command: tuple[str, ...]) -> bool:
        logged_in, answer = self.ask(("auth", role, self.password(role)), command)
        assert logged_in == b"OK"
        if isinstance(answer, hiredis.ReplyError):
            assert str(answer).startswith(("NOPERM", "ERR ACL failure")), answer
        return not isinstance(answer, hiredis.ReplyError)


def start_as_fleet(folder: Path) -> Iterator[Bus]:
    keys = folder / "keys"
    make_key_folder(keys)
    server = ValkeyServer(folder, write_rules(keys, "valkey", "bus.acl"))
    yield Bus(
        urlsplit(server.url).netloc,
        lambda role: password_file(keys, "valkey", role).read_text()[:64],
    )
    server.close()


def start_as_compose(folder: Path) -> Iterator[Bus]:
    """Runs the container's script with the programs of this machine."""
    make_key_folder(secrets := folder / "secrets")
    for role in ROLES:
        read_or_make_secret(secrets / f"valkey-{role}.password")
    run_script(folder)
    server = ValkeyServer(folder, folder / "users.acl")
    yield Bus(
        urlsplit(server.url).netloc,
        lambda role: (secrets / f"valkey-{role}.password").read_text().strip(),
    )
    server.close()


def run_script(folder: Path) -> subprocess.CompletedProcess[str]:
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    # Replaces the server, which would not end by itself.
    (programs / "valkey-server").write_text("#!/bin/sh\necho started\n")
    (programs / "valkey-server").chmod(0o755)
    return subprocess.run(
        ["sh", ROOT / "deploy/valkey/bus.sh"],
        env={
            "PATH": f"{programs}:/usr/bin:/bin",
            "HUBBUB_SECRETS": str(folder / "secrets"),
            "HUBBUB_RULES": str(folder / "users.acl"),
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[start_as_fleet, start_as_compose])
def bus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    yield from request.param(tmp_path_factory.mktemp("bus"))


@pytest.mark.parametrize(("command", "roles"), TABLE, ids=[" ".join(c)[:60] for c, _ in TABLE])
def test_who_may_do_what(bus: Bus, command: tuple[str, ...], roles: set[str]) -> None:
    """Each role may run the commands that it needs; everything else is refused."""
    assert {role for role in ROLES if bus.allows(role, command)} == roles


def test_nobody_else_is_let_in(bus: Bus) -> None:
    """Without a password, with a wrong one, or as the default user."""
    for login in ((), ("auth", "edge", "wrong"), ("auth", "x"), ("auth", "default", "")):
        answers = bus.ask(*([login] if login else []), ("publish", TOPICS.chat(ID), "x"))
        assert all(isinstance(answer, hiredis.ReplyError) for answer in answers)


@pytest.mark.parametrize("content", [None, "", "short"])
def test_a_container_without_a_password_does_not_start(tmp_path: Path, content: str | None) -> None:
    """The message names the file and says what to do."""
    make_key_folder(secrets := tmp_path / "secrets")
    for role in ROLES[:-1]:
        read_or_make_secret(secrets / f"valkey-{role}.password")
    if content is not None:
        (secrets / "valkey-chats.password").write_text(content)
    done = run_script(tmp_path)
    assert done.returncode != 0
    assert "started" not in done.stdout
    assert str(secrets / "valkey-chats.password") in done.stderr


async def test_a_server_with_users_counts_as_up(bus: Bus) -> None:
    """A health check needs no password."""
    assert await answers_ping(int(bus.address.rpartition(":")[2]))
