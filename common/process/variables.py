"""Declares which environment variables the fields of a settings struct are read from.

A variable is declared once, beside its field: name, kind of value, meaning, default. The reader
below and the tables of docs/configuration.md follow from that.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qs, urlsplit

MIN_SECRET_CHARACTERS: Final = 16
MIN_DIFFERENT_CHARACTERS: Final = 6
MAX_PORT: Final = 65535
WEB_PORTS: Final = {"http": 80, "https": 443}
VALKEY_SCHEMES: Final = ("redis", "rediss", "unix")
# A placeholder that users leave in a file that they should fill in.
PLACEHOLDERS: Final = ("change", "default", "example", "password", "placeholder", "secret")

Struct = TypeVar("Struct")


class SettingsError(Exception):
    """A variable that is missing or wrong; the text says which, and what would be right."""


class Kind(NamedTuple):
    """What a variable may contain. `parse` raises ValueError with what is wrong, OSError if it is a
    file that cannot be read; `absent` is the value if there is neither a variable nor a default."""

    says: str
    parse: Callable[[str], Any]
    absent: Any = None


class Variable(NamedTuple):
    """Metadata of a field, in its `Annotated`.

    `default` is the value of an absent variable, written as in the environment; None if the
    variable must be set. `otherwise` describes in words what absence means where no single value
    does.
    """

    name: str
    kind: Kind
    meaning: str
    default: str | None = ""
    otherwise: str = ""

    def read(self, env: Mapping[str, str]) -> Any:
        """An empty variable counts as absent, because a compose file passes unset ones on as empty.
        Raises SettingsError."""
        text = env.get(self.name) or self.default
        if text is None:
            raise SettingsError(f"{self.name} is not set")
        if not text:
            return self.kind.absent
        try:
            return self.kind.parse(text)
        except OSError as error:
            raise SettingsError(f"{self.name}: cannot read {text}: {error.strerror}") from error
        except ValueError as error:
            raise SettingsError(f"{self.name}: {error}") from error


class Join(NamedTuple):
    """Metadata of a field that several variables decide: a function that combines them."""

    of: Callable[..., Any]


def variables_of(hint: Any) -> list[Variable]:
    """The variables that a field's type names, in order."""
    if get_origin(hint) is not Annotated:
        return []
    return [part for part in get_args(hint)[1:] if isinstance(part, Variable)]


def declared_variables(struct: type) -> Iterator[Variable]:
    """The variables of all fields, in order."""
    for hint in get_type_hints(struct, include_extras=True).values():
        yield from variables_of(hint)


def read_variables(struct: type[Struct], env: Mapping[str, str], **given: Any) -> Struct:
    """The struct as the environment configures it. `given` are the fields without variables, and
    the values of fields whose variables are not set. Raises SettingsError."""
    values = dict(given)
    for field, hint in get_type_hints(struct, include_extras=True).items():
        if not (variables := variables_of(hint)):
            continue
        found = [variable.read(env) for variable in variables]
        if field in given and not any(env.get(variable.name) for variable in variables):
            continue
        join = next((part.of for part in get_args(hint)[1:] if isinstance(part, Join)), None)
        try:
            values[field] = join(*found) if join else found[0]
        except ValueError as error:
            raise SettingsError(f"{variables[0].name} {error}") from error
    return struct(**values)


def whole_number(least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """Parses a number within the bounds."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise ValueError(f"{text!r} is not a whole number {bounds}")
        return int(text)

    return parse


def choice(**values: Any) -> Kind:
    """One of a few words, each of which stands for a value."""
    says = " or ".join(values)

    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError(f"{text!r} is not {says}")
        return values[text]

    return Kind(says, parse)


def _parse_address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def _check_address(text: str) -> str:
    _parse_address(text)
    return text


def many(parse: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Parses several values, separated by commas."""
    return lambda text: tuple(parse(part.strip()) for part in text.split(",") if part.strip())


def parse_origin(text: str) -> str:
    """As browsers write it: in lower case, without the default port."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"{text!r} is no URL") from None
    more = parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in WEB_PORTS or not parts.hostname or more or re.search(r"\s", text):
        raise ValueError(f"{text!r} is not http://HOST or https://HOST")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, WEB_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def server_url(*schemes: str) -> Callable[[str], str]:
    """Parses a URL of one of the schemes that may name several servers. The error does not quote
    the URL: it may contain a password."""

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            for place in parts.netloc.rpartition("@")[2].split(","):
                _ = urlsplit(f"//{place}").port
        except ValueError:
            raise ValueError("it is no URL") from None
        if parts.scheme not in schemes or not text.startswith(f"{parts.scheme}://"):
            raise ValueError(f"it does not begin with {' or '.join(f'{s}://' for s in schemes)}")
        return text

    return parse


def _parse_files_url(text: str) -> str:
    parts = urlsplit(text)
    is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    is_bucket = parts.scheme == "s3" and parts.netloc
    if not is_folder and not is_bucket:
        raise ValueError(f"{text!r} is not file:///FOLDER or s3://BUCKET/PREFIX")
    if is_bucket and not parse_qs(parts.query).keys() <= {"endpoint", "region"}:
        raise ValueError(f"{text!r} is not s3://BUCKET/PREFIX?endpoint=URL&region=NAME")
    return text


def _read_secret(path: str) -> str:
    """Rejects a secret that is short or looks like a default."""
    secret = Path(path).read_text().strip()
    if len(secret) < MIN_SECRET_CHARACTERS:
        raise ValueError(f"{path} holds no secret of {MIN_SECRET_CHARACTERS} characters or more")
    folded = secret.lower()
    if len(set(folded)) < MIN_DIFFERENT_CHARACTERS or any(w in folded for w in PLACEHOLDERS):
        raise ValueError(f"{path} holds a placeholder, not a secret")
    return secret


def _read_old_secret(path: str) -> str | None:
    """None if the file is empty, as it is when the old secret is no longer needed."""
    return _read_secret(path) if Path(path).read_text().strip() else None


TEXT: Final = Kind("text", str, "")
DATABASE_URL: Final = Kind("URL", server_url("postgresql", "postgres"))
BUS_URL: Final = Kind("URL", server_url(*VALKEY_SCHEMES, "valkey+cluster", "valkeys+cluster"))
ORIGIN: Final = Kind("URL", parse_origin)
FILES_URL: Final = Kind("URL", _parse_files_url)
LISTENER: Final = Kind("HOST:PORT", _parse_address)
REACHED_AT: Final = Kind("HOST:PORT", _check_address, "")
DESCRIPTOR: Final = Kind("file descriptor", whole_number(0))
SECRET_FILE: Final = Kind("path of a file", _read_secret)
OLD_SECRET_FILE: Final = Kind("path of a file", _read_old_secret)
FILE: Final = Kind("path of a file", Path)
FOLDER: Final = Kind("path of a folder", Path)
NUMBER: Final = Kind("whole number above 0", whole_number())
PORT: Final = Kind("port", whole_number(1, MAX_PORT))
CACHE_URLS: Final = Kind("URLs, by comma", many(server_url(*VALKEY_SCHEMES)), ())
ADDRESSES: Final = Kind("HOST:PORT, by comma", many(_check_address), ())

PUBLIC_URL: Final = Variable(
    "HUBBUB_PUBLIC_URL",
    ORIGIN,
    "Where browsers reach the system; with https cookies are `Secure`.",
    otherwise="none",
)
ORIGINS: Final = Variable(
    "HUBBUB_ORIGINS",
    Kind("URLs, by comma", many(parse_origin), ()),
    "Origins beside the public one that may open sockets and use the session cookie.",
)
BALANCER_KEY_FILE: Final = Variable(
    "HUBBUB_BALANCER_KEY_FILE",
    SECRET_FILE,
    "The balancer's secret: client addresses and request keys in headers are trusted only beside "
    "it.",
    otherwise="no balancer is trusted",
)
BALANCER_LISTEN_FD: Final = Variable(
    "HUBBUB_BALANCER_LISTEN_FD",
    DESCRIPTOR,
    "A bound Unix socket beside the first address, for a balancer of the same machine.",
    otherwise="none",
)
LINK_KEY_FILE: Final = Variable(
    "HUBBUB_LINK_KEY_FILE",
    SECRET_FILE,
    "The secret that signs links to files, the same for edge and files.",
    None,
)
DATABASE_PASSWORD_FILE: Final = Variable(
    "HUBBUB_DATABASE_PASSWORD_FILE",
    SECRET_FILE,
    "The database's password, where the URL holds none.",
    otherwise="the URL's",
)
PUSH: Final = Variable(
    "HUBBUB_PUSH",
    choice(on="on", off="off", local="local"),
    "Notifications through the push services of browsers, which `files` contacts. `off`: none. "
    "`local`: also through push services on this machine, for tests.",
    "on",
)
LINK_PREVIEWS: Final = Variable(
    "HUBBUB_LINK_PREVIEWS",
    choice(on="on", off="off", local="local"),
    "`on`: `files` fetches the pages that messages link to, and the chat shows previews of them. "
    "`local`: pages on this machine alone, for tests.",
    "off",
)
