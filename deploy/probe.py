"""A container's health check: is the service in it ready to serve? Exit status 0 is yes.

Uses only the standard library's sockets, because it is started every few seconds.
"""

import os
import socket
import sys
from collections.abc import Mapping

TIMEOUT_SECONDS = 9.0


def health_port(env: Mapping[str, str]) -> int:
    """Where `/health/ready` is answered: on the internal port if there is one."""
    listen = env.get("HUBBUB_METRICS_LISTEN") or env["HUBBUB_LISTEN"]
    return int(listen.rpartition(":")[2])


def is_ready(port: int) -> bool:
    """Whether `/health/ready` answers 200 in time."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(
                b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            return connection.recv(64).split()[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_ready(health_port(os.environ)) else 1)
