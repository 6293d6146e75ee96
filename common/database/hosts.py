"""The servers that a database's URL names, in the order in which they are tried.

libpq tries them in the URL's order, one after the other. If the machine of one is gone, each new
connection would wait for its time-out, so the server that last accepted writes comes first here.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Hosts:
    """The hosts of `postgresql://…@HOST:PORT,HOST:PORT/…`. A URL of one server stays as it is."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._servers: list[tuple[str, int]] = []
        if "," not in url:
            return
        self._rest: dict[str, Any] = dict(conninfo_to_dict(url))
        hosts = str(self._rest.pop("host", "")).split(",")
        ports = str(self._rest.pop("port", "5432")).split(",")
        if len(ports) == 1:
            ports *= len(hosts)
        if len(hosts) > 1:
            pairs = zip(hosts, ports, strict=True)
            self._servers = [(host, int(port or 5432)) for host, port in pairs]

    @property
    def are_several(self) -> bool:
        return bool(self._servers)

    def conninfo(self) -> str:
        """The connection string for libpq."""
        if not self._servers:
            return self._url
        return make_conninfo(
            **self._rest,
            host=",".join(host for host, _ in self._servers),
            port=",".join(str(port) for _, port in self._servers),
        )

    def each(self) -> list[str]:
        """A connection string for each server alone."""
        return [
            make_conninfo(**self._rest, host=host, port=str(port)) for host, port in self._servers
        ]

    def prefer(self, host: str, port: int) -> None:
        """Puts a server first: it accepts writes."""
        if (host, port) in self._servers[1:]:
            self._servers.remove((host, port))
            self._servers.insert(0, (host, port))

    def put_last(self, host: str, port: int) -> None:
        """Puts a server last: it claims to accept writes, but should not."""
        if (host, port) in self._servers[:-1]:
            self._servers.remove((host, port))
            self._servers.append((host, port))


def one_by_one(conninfo: str) -> list[str]:
    """Connection strings for each server alone."""
    hosts = Hosts(conninfo)
    return hosts.each() if hosts.are_several else [conninfo]


def session_target(url: str) -> str:
    """Requires a server that accepts writes, unless the URL says otherwise."""
    return dict(parse_qsl(urlsplit(url).query)).get("target_session_attrs", "read-write")
