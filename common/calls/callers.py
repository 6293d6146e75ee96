"""Authentication between services: each service has its own secret, and derives from it a different
credential for each service that it calls.

A service knows only hashes of its callers' credentials (HUBBUB_CALLERS_FILE), so somebody who takes
it over, or reads its files, cannot call others in their name. Which callers may make a call is
declared with the call, in users/calls.py, chats/calls.py and realtime/presence/calls.py.
"""

import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from common.process.variables import Kind, Variable

CALLERS: Final = ("edge", "realtime", "files", "users", "chats", "fleet")
CALLED: Final = ("users", "chats", "realtime")
WITH_TLS: Final = ("users", "chats")
"""The roles whose port for calls uses TLS when it is on. realtime's is the one for its health,
which uses TLS with HUBBUB_METRICS_TLS."""
CALLER_HEADER: Final = "X-Hubbub-Caller"
RELEASE_BEFORE: Final = "0.1.0"
"""The name of a caller that shows the single credential of all services up to 0.1.0. It may make
every call, until the operator removes that credential."""

CredentialHashes: TypeAlias = Mapping[str, Sequence[bytes]]
"""By caller; several while a secret is being replaced."""

_CALLER: Final = CALLER_HEADER.lower().encode()


def make_credential(secret: str, callee: str) -> str:
    """The credential that the caller with this secret shows to one service. deploy/make-secrets
    derives the same."""
    return sha256(f"hubbub calls to {callee}: {secret}".encode()).hexdigest()


def callers_lines(secrets: Mapping[str, str], callee: str) -> str:
    """The contents of the callers file of one service, derived from its callers' secrets."""
    return "".join(
        f"{name} {_hash(make_credential(secret, callee)).hex()}\n"
        for name, secret in secrets.items()
        if name != callee
    )


def read_callers(text: str) -> CredentialHashes:
    """Raises ValueError."""
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case []:
                continue
            case [name, digits] if name in CALLERS and len(digits) == 64:
                found[name].append(bytes.fromhex(digits))
            case _:
                raise ValueError(f"line {number} is not a service and 64 hexadecimal digits")
    if not found:
        raise ValueError("names no caller")
    return dict(found)


class Caller:
    """This process as a caller."""

    def __init__(self, name: str, secret: str, shared: str | None = None) -> None:
        """`shared` is the single credential of 0.1.0, for replicas of that release."""
        self._name = name
        self._secret = secret
        self._shared = shared

    def headers(self, callee: str) -> dict[str, str]:
        """The headers of every call to a service."""
        own = {CALLER_HEADER: f"{self._name} {make_credential(self._secret, callee)}"}
        return own if self._shared is None else own | {"Authorization": f"Bearer {self._shared}"}


class KnownCallers:
    """The services that may call this process."""

    def __init__(self, hashes: CredentialHashes, shared: str | None = None) -> None:
        self._hashes = hashes
        # Credentials that were verified before. A dict compares keyed hashes first, so the lookup
        # time does not reveal how much of a guess is right.
        self._identified: dict[bytes, str] = {}
        self._shared = None if shared is None else f"Bearer {shared}".encode()

    def identify(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The calling service; None if no credential in the headers is valid."""
        shown = headers.get(_CALLER)
        if shown is None:
            given = headers.get(b"authorization", b"")
            known = self._shared is not None and hmac.compare_digest(given, self._shared)
            return RELEASE_BEFORE if known else None
        if (known_as := self._identified.get(shown)) is not None:
            return known_as
        name, _, credential = shown.decode("latin-1").partition(" ")
        if not _is_one_of(_hash(credential), self._hashes.get(name, ())):
            return None
        self._identified[shown] = name
        return name


def _is_one_of(shown: bytes, known: Iterable[bytes]) -> bool:
    return any([hmac.compare_digest(shown, one) for one in known])


def _hash(credential: str) -> bytes:
    # 256 random bits cannot be guessed, so a fast hash guards them.
    return sha256(credential.encode("latin-1")).digest()


def _read_file(path: str) -> CredentialHashes:
    try:
        return read_callers(Path(path).read_text())
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


CALLERS_FILE: Final = Variable(
    "HUBBUB_CALLERS_FILE",
    Kind("path of a file", _read_file),
    "Who may call it: a line for each service, with the hash of its credential.",
    None,
)
