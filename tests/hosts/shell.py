"""A substitute for ssh between hosts of a test: `python -m tests.hosts.shell serve`, and then `…
shell HOST COMMAND…` on another host, which passes on its input and prints the output."""

import contextlib
import shutil
import socket
import socketserver
import subprocess
import sys
from typing import Final

PORT: Final = 22


class _Shell(socketserver.StreamRequestHandler):
    """The first line is the command, the rest is its input."""

    rbufsize = 0  # none of the input is read here

    def handle(self) -> None:
        command = self.rfile.readline().decode()
        up, down = self.rfile.fileno(), self.wfile.fileno()
        subprocess.run(["sh", "-c", command], stdin=up, stdout=down, check=False)


def serve() -> None:
    with socketserver.ThreadingTCPServer(("0.0.0.0", PORT), _Shell) as server:  # noqa: S104
        server.serve_forever()


def call(host: str, command: list[str]) -> None:
    with socket.create_connection((host, PORT)) as connection:
        connection.sendall(" ".join(command).encode() + b"\n")
        with connection.makefile("wb") as up, connection.makefile("rb") as down:
            shutil.copyfileobj(sys.stdin.buffer, up)
            up.flush()
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            shutil.copyfileobj(down, sys.stdout.buffer)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        call(sys.argv[1], sys.argv[2:])
