"""How a settings struct says which variables of the environment decide its fields.

The documentation is generated from this. It must not know how a value is read.
"""

from typing import NamedTuple


class Variable(NamedTuple):
    """Metadata of a field, in its `Annotated`.

    `default` is what absence means, written as one would set it; None where the variable must be
    set. `otherwise` says in words what absence means where no one value does.
    """

    name: str
    kind: str
    meaning: str
    default: str | None = ""
    otherwise: str = ""


LISTENER = "HOST:PORT"
SECRET_FILE = "path of a file"  # noqa: S105 - a kind of value, not a value
NUMBER = "whole number above 0"
URLS = "URLs, by comma"
ADDRESSES = "HOST:PORT, by comma"

PUBLIC_URL = Variable(
    "HUBBUB_PUBLIC_URL",
    "URL",
    "Where browsers reach the system; with https cookies are `Secure`.",
    otherwise="none",
)
ORIGINS = Variable(
    "HUBBUB_ORIGINS",
    URLS,
    "Origins beside the public one that may open sockets and use the session cookie.",
)
BALANCER_KEY_FILE = Variable(
    "HUBBUB_BALANCER_KEY_FILE",
    SECRET_FILE,
    "The secret by which the balancer is known: only beside it are client addresses and request "
    "keys of headers believed.",
    otherwise="no balancer is believed",
)
BALANCER_LISTEN_FD = Variable(
    "HUBBUB_BALANCER_LISTEN_FD",
    "file descriptor",
    "A bound Unix socket beside the first address, for a balancer of the same machine.",
    otherwise="none",
)
DATABASE_PASSWORD_FILE = Variable(
    "HUBBUB_DATABASE_PASSWORD_FILE",
    SECRET_FILE,
    "The database's password, where the URL holds none.",
    otherwise="the URL's",
)
