"""Ports that stay with their slot: a restarted process listens on the same one.

Callers hold lists of addresses that they cannot refresh while Valkey is down, so an address must
not change.
"""

import errno
import select
import socket
from contextlib import closing
from pathlib import Path

from fleet.data.folder import short_path

LOOPBACK = "127.0.0.1"
PUBLIC_BACKLOG = 4096
CONNECT_SECONDS = 1.0


class PortTaken(Exception):
    """Another program listens on the requested port."""


class ReservedPort:
    """A free loopback port, held by a socket that never listens.

    Linux lets another socket bind it too if both allow address reuse, and does not use it for
    outgoing connections meanwhile.
    """

    def __init__(self) -> None:
        self._holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Reuse is allowed only after bind: otherwise the kernel could choose a port held by another
        # reservation.
        self._holder.bind((LOOPBACK, 0))
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.number: int = self._holder.getsockname()[1]

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.number}"

    def bind(self) -> socket.socket:
        """A new socket for a child to listen on.

        It does not listen yet, so that callers are refused at once and try another replica until
        the child serves.
        """
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, self.number))
        return bound

    def close(self) -> None:
        self._holder.close()


class LocalSocket:
    """A Unix socket in a private folder, for a caller whose working directory is that folder.

    A write to one costs the sender less than one to loopback TCP (docs/decisions/calls.md).
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.name = name
        self._listener: socket.socket | None = None

    def listen(self) -> socket.socket:
        """The same socket for every process of the slot, listening since the first: connections
        that arrive between two processes wait. A refusal would be worse: HAProxy retries at once
        and gives up after three attempts. A draining process may shut it down, so that connections
        go elsewhere; then there is a new one."""
        if self._listener is not None and _is_shut_down(self._listener):
            self._listener.close()
            self._listener = None
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with short_path(self._folder, self.name) as path:
                Path(path).unlink(missing_ok=True)
                self._listener.bind(path)
            self._listener.listen(PUBLIC_BACKLOG)
        return self._listener


def _is_shut_down(listener: socket.socket) -> bool:
    watched = select.poll()
    watched.register(listener, 0)
    return any(event & select.POLLHUP for _, event in watched.poll(0))


def listen_publicly(host: str, port: int) -> socket.socket:
    """The public port, listening before the balancer serves it and while it restarts.

    Raises PortTaken with a message for the operator.
    """
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(PUBLIC_BACKLOG)
    except OSError as error:
        listener.close()
        advice = "Stop what uses the port or choose another one with HUBBUB_PORT."
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            advice = "HUBBUB_BIND must be an address of this machine."
        elif error.errno == errno.EACCES:
            advice = "Choose a port from 1024 on with HUBBUB_PORT, or let systemd start it."
        raise PortTaken(f"Cannot listen on {host}:{port}: {error.strerror}. {advice}") from error
    return listener


def is_taken(host: str, port: int) -> bool:
    """Whether something listens there, on an address of this machine. If that hangs, and its queue
    is full, it does not answer; the kernel would try for two minutes."""
    with closing(socket.socket(_family(host), socket.SOCK_STREAM)) as probe:
        probe.settimeout(CONNECT_SECONDS)
        return probe.connect_ex((host, port)) in (0, errno.EAGAIN)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
