"""The compared servers: how each is started, and what a client sends to it.

Each is one process on one core, in the fastest set-up in its documentation. Knows nothing of cases
and figures.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.engines.binaries import valkey_program
from loadtest.peers.build import BUILD, CENTRIFUGE, CHANNELS_PYTHON, SOCKETIO, SOURCES
from loadtest.peers.machine import CLIENT_CORE, SERVER_CORE
from loadtest.peers.process import LOOPBACK, Process, free_port, wait_for_port


@dataclass(frozen=True)
class Peer:
    """`argv` gets the port to listen on and Valkey's. `join` is the line of wsload's plan that
    joins a room. `frugal` are words for less memory, which cost it time to connect. One that is not
    `whole` is a yardstick: its memory means nothing."""

    argv: Callable[[int, int], list[object]]
    join: Callable[[int], str]
    envelope: str = "raw"
    wsload: tuple[str, ...] = ()
    frugal: tuple[str, ...] = ()
    cwd: Path = BUILD
    whole: bool = True


def _centrifuge_join(room: int) -> str:
    subscribe = {"id": 2, "method": 1, "params": {"channel": f"room{room}"}}
    connect = '{"id":1,"params":{}}'
    return f"/connection/websocket\t-\t{connect}\t{json.dumps(subscribe, separators=(',', ':'))}"


PEERS: Final = {
    "centrifuge": Peer(
        lambda port, valkey: [CENTRIFUGE, "-port", port, "-redis", valkey],
        _centrifuge_join,
        "centrifuge",
        ("--ready", '{"id":2'),
        frugal=("-buffers",),
    ),
    "socketio": Peer(
        lambda port, valkey: ["node", "server.js", port, valkey],
        lambda room: f"/socket.io/?EIO=4&transport=websocket&room=room{room}\t-\t40",
        "socketio",
        ("--ready", '40{"sid"', "--engineio"),
        cwd=SOCKETIO,
    ),
    "channels": Peer(
        lambda port, valkey: [CHANNELS_PYTHON, "server.py", port, valkey],
        lambda room: f"/ws/{room}",
        "channels",
        cwd=SOURCES / "channels",
    ),
    "spike": Peer(
        lambda port, valkey: [sys.executable, "-m", "loadtest.peers.spike_relay", port, valkey],
        lambda room: f"/ws/{room}",
        cwd=SOURCES.parents[1],
    ),
    "floor": Peer(
        lambda port, valkey: [BUILD / "floor", port, valkey],
        lambda room: f"/ws/{room}",
        whole=False,
    ),
}


def start_peer(name: str, valkey: int, *, frugal: bool = False) -> tuple[Process, int]:
    """The process, which listens, and its port."""
    peer, port = PEERS[name], free_port()
    words = [*peer.argv(port, valkey), *(peer.frugal if frugal else ())]
    process = Process(words, SERVER_CORE, cwd=peer.cwd)
    try:
        wait_for_port(process, port)
    except BaseException:
        process.stop()
        raise
    return process, port


def start_valkey() -> tuple[Process, int]:
    """The bus that all of them share, on the clients' core, and its port."""
    port = free_port()
    options = ("--bind", LOOPBACK, "--save", "", "--appendonly", "no", "--maxclients", "2000")
    process = Process([valkey_program(), "--port", port, *options], CLIENT_CORE, cwd=Path("/"))
    wait_for_port(process, port)
    return process, port
