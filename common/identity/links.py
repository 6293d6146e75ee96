"""Links to files that work without a token: who has one may have the file for a while.

edge signs them for those who may have the file now, `files` checks them. Pure.
"""

import hmac
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from common.protocol.ids import is_id

LINK_SECONDS: Final = 600
_PURPOSE: Final = b"hubbub links to files"

LinkOf = Literal["file", "preview"]


class Link(NamedTuple):
    """What a link is good for; `expires` in whole Unix seconds."""

    file: str
    of: LinkOf
    expires: int


class LinkSigner:
    """Signs with a key of its own, made of the first secret; links of the others are good too."""

    def __init__(self, *secrets: str) -> None:
        self._keys = [hmac.digest(secret.encode(), _PURPOSE, sha256) for secret in secrets]

    def sign(self, link: Link) -> str:
        """One component of a path."""
        said = f"{link.file}.{link.of}.{link.expires}"
        return f"{said}.{_seal(self._keys[0], said)}"

    def read(self, text: str, now: float) -> Link | None:
        """None for one that was not signed here, and for one that has expired."""
        said, _, seal = text.rpartition(".")
        good = [hmac.compare_digest(seal.encode(), _seal(k, said).encode()) for k in self._keys]
        if not any(good):
            return None
        match said.split("."):
            case [file, "file" | "preview" as of, expires] if is_id(file):
                return Link(file, of, int(expires)) if now < int(expires) else None
        return None


def _seal(key: bytes, said: str) -> str:
    return hmac.new(key, said.encode(), sha256).hexdigest()
