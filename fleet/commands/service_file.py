"""Passes the addresses of databases and their passwords to PostgreSQL's programs: in a connection
service file, since other users of the machine can see command lines.

https://www.postgresql.org/docs/current/libpq-pgservice.html
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from fleet.processes.ports import LOOPBACK


class ServiceFile(NamedTuple):
    """`path` is PGSERVICEFILE for a child that inherits the descriptor, and for its children."""

    descriptor: int
    path: str


@contextmanager
def service_file(urls: Mapping[str, str]) -> Iterator[ServiceFile]:
    """Has a section for each URL. Exists only in memory: nothing remains of it, however this
    process ends."""
    descriptor = os.memfd_create("services")
    try:
        sections = "".join(service_section(name, url) for name, url in urls.items())
        os.write(descriptor, sections.encode())
        yield ServiceFile(descriptor, f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def service_section(name: str, url: str) -> str:
    """A URL as a section of the file."""
    parts = urlsplit(url)
    servers = [urlsplit(f"//{place}") for place in parts.netloc.rpartition("@")[2].split(",")]
    settings = {
        "host": ",".join(server.hostname or LOOPBACK for server in servers),
        "port": ",".join(str(server.port or 5432) for server in servers),
        "target_session_attrs": "read-write",
        "dbname": unquote(parts.path.removeprefix("/")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **dict(parse_qsl(parts.query)),
    }
    lines = [f"{key}={value}\n" for key, value in settings.items() if value]
    return f"[{name}]\n{''.join(lines)}"
