"""The commands to the balancer when processes come and go, and the balancer's own answers."""

import asyncio
import json
import os
import re
from email.parser import Parser
from pathlib import Path

import pytest

from common.protocol.errors import CODES, PROBLEM_TYPE, unavailable
from fleet.engines.balancer import (
    CONFIGURATION,
    REFUSALS,
    SOCKET_NAME,
    Balancer,
    PoolServer,
    Refused,
    changes,
    check_answers,
    max_threads,
    pools_text,
)

EDGE = PoolServer("edge", "edge-1", "edge-1.sock")
NODE = PoolServer("realtime", "realtime-1", "realtime-1.sock", 6002)


def test_a_new_server_is_added_checked_and_made_ready() -> None:
    """In this order; checks use its health port."""
    assert changes({}, {NODE: "ready"}) == [
        "add server realtime/realtime-1 unix@realtime-1.sock check addr 127.0.0.1 port 6002 "
        "inter 2s fastinter 500ms downinter 500ms fall 2 rise 1 observe layer4",
        "enable health realtime/realtime-1",
        "set server realtime/realtime-1 state ready",
    ]


def test_a_dead_server_gets_nothing_and_keeps_its_place() -> None:
    """Its slot is restarted on the same socket."""
    assert changes({EDGE: "ready"}, {EDGE: "maint"}) == ["set server edge/edge-1 state maint"]


def test_the_only_server_of_a_pool_is_awaited_where_it_died() -> None:
    """Without checks it counts as up; checks resume at the next change."""
    assert changes({EDGE: "ready"}, {EDGE: "awaited"}) == [
        "disable health edge/edge-1",
        "set server edge/edge-1 state ready",
    ]
    for mode in ("ready", "maint"):
        assert changes({EDGE: "awaited"}, {EDGE: mode}) == [
            "enable health edge/edge-1",
            f"set server edge/edge-1 state {mode}",
        ]
    assert changes({}, {EDGE: "awaited"})[1:] == [
        "enable health edge/edge-1",
        "disable health edge/edge-1",
        "set server edge/edge-1 state ready",
    ]


def test_a_drained_server_gets_nothing_new_and_keeps_its_sessions() -> None:
    """Open sockets survive a drain."""
    assert changes({EDGE: "ready"}, {EDGE: "drain"}) == ["set server edge/edge-1 state drain"]


def test_a_slot_that_is_gone_is_deleted() -> None:
    """A server can be deleted only in maintenance and without sessions."""
    assert changes({EDGE: "drain"}, {}) == [
        "set server edge/edge-1 state maint",
        "shutdown sessions server edge/edge-1",
        "del server edge/edge-1",
    ]


def test_what_may_be_there_is_added_and_what_may_be_left_is_deleted() -> None:
    """If HAProxy did not answer, what it has done is unknown."""
    assert changes({EDGE: None}, {EDGE: "drain"}) == changes({}, {EDGE: "drain"})
    assert changes({EDGE: None}, {}) == changes({EDGE: "ready"}, {})


def test_a_refusal_is_told_from_what_was_done_already() -> None:
    """With the messages of HAProxy 2.8. Each answer ends with an empty line."""
    added, deleted = changes({}, {EDGE: "ready"}), changes({EDGE: "ready"}, {})
    check_answers(added, "New server registered.\n\n\n\n")
    check_answers(added, "Already exists a server with the same name in backend.\n\n\n\n")
    check_answers(deleted, "\n\nServer deleted.\n\n")
    check_answers(deleted, "No such server.\n\n" * 3)
    for commands, said in (
        (deleted, "\n\nServer still has connections attached to it, cannot remove it.\n\n"),
        (changes({EDGE: "drain"}, {EDGE: "ready"}), "No such server.\n\n"),
        (added, "New server registered.\n\n\n"),
        (added, ""),
    ):
        with pytest.raises(Refused):
            check_answers(commands, said)


async def test_only_what_was_refused_is_repeated(tmp_path: Path) -> None:
    """While sessions of one server end, HAProxy is not told again to add the others, which it
    would report as errors."""
    told: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = (await reader.readline()).decode().strip().split(";")
        told.extend(commands)
        for command in commands:
            said = {"add": "New server registered.\n", "del": "Server deleted.\n"}
            if told.count(command) == 1:
                said["del"] = "Server still has connections attached to it, cannot remove it.\n"
            writer.write(f"{said.get(command[:3], '')}\n".encode())
        writer.close()

    balancer = Balancer(tmp_path)
    haproxy = await asyncio.start_unix_server(answer, tmp_path / SOCKET_NAME)
    async with haproxy:
        await balancer.set_servers({EDGE: "ready", NODE: "ready"})
        await balancer.set_servers({EDGE: "ready"})
        told.append("")
        await balancer.set_servers({EDGE: "ready"})
        await balancer.set_servers({EDGE: "ready"})
    balancer.close()
    assert told[told.index("") + 1 :] == changes({NODE: None}, {})


def test_nothing_is_said_when_nothing_changed() -> None:
    """No command goes to the runtime API."""
    assert changes({EDGE: "ready"}, {EDGE: "ready"}) == []


def test_a_restarted_balancer_begins_with_the_servers_that_serve() -> None:
    """They are in the file that it reads on startup."""
    assert pools_text({EDGE: "ready", NODE: "ready"}) == (
        "backend edge from edge_pool\n"
        "    server edge-1 unix@edge-1.sock check "
        "inter 2s fastinter 500ms downinter 500ms fall 2 rise 1 observe layer4 slowstart 2s\n"
        "backend realtime from realtime_pool\n"
        "    server realtime-1 unix@realtime-1.sock check addr 127.0.0.1 port 6002 "
        "inter 2s fastinter 500ms downinter 500ms fall 2 rise 1 observe layer4\n"
        "backend files from files_pool\n"
    )


def test_the_balancers_own_refusals_are_those_of_the_system() -> None:
    """Each body has the keys of problem+json and a code of the table with its title."""
    bodies = _bodies(CONFIGURATION)
    assert bodies.keys() == {"400", "403", "408", "413", "431", "500", "502", "503", "504"}
    for body in bodies.values():
        assert body.keys() == {"type", "title", "status", "detail", "code"}
        assert body["title"] == CODES[body["code"]].title
    for status in ("502", "503", "504"):
        assert bodies[status] == unavailable().problem()


def test_the_balancers_own_refusals_have_the_headers_of_all() -> None:
    """The headers of every answer of edge, and Retry-After where edge sends it."""
    text = CONFIGURATION.read_text()
    lines = [line for line in text.splitlines() if "application/problem+json" in line]
    assert lines
    for line in lines:
        assert " hdr Cache-Control no-store hdr X-Content-Type-Options nosniff" in line, line
        assert (" hdr Retry-After 1" in line) == ('"code":"unavailable"' in line), line


def test_the_files_of_refusals_say_the_same() -> None:
    """HAProxy sends these files for input that is not HTTP; its configuration has the others."""
    configuration = CONFIGURATION.read_text()
    found = {path.stem: path.read_text() for path in REFUSALS.iterdir()}
    assert found.keys() == {"400", "408", "413", "422", "431", "500"}
    for status, text in found.items():
        head, _, body = text.partition("\n\n")
        start, _, lines = head.partition("\n")
        assert start.startswith(f"HTTP/1.1 {status} ")
        assert dict(Parser().parsestr(lines)) == {
            "Content-Type": PROBLEM_TYPE,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        problem = json.loads(body)
        assert problem["status"] == int(status)
        assert problem["title"] == CODES[problem["code"]].title
        assert problem.keys() == unavailable().problem().keys()
        assert status == "422" or body.strip() in configuration
        assert f'errorfile {status} "${{HUBBUB_BALANCER_REFUSALS}}/' in configuration


def _bodies(configuration: Path) -> dict[str, dict[str, str]]:
    pattern = r"status (\d+) content-type application/problem\+json string '([^']+)'"
    return {
        status: json.loads(body) for status, body in re.findall(pattern, configuration.read_text())
    }


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (256, 64)])
def test_it_leaves_half_of_the_cores_to_those_behind_it(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    """At least one thread, and no more than HAProxy has in a group."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert max_threads() == threads
