"""Links to files that work without a token, for a limited time, for anybody who has the link.

edge signs them for users who may have the file now, `files` checks them. Pure.
"""

import hmac
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from common.protocol.ids import is_id

LINK_SECONDS: Final = 600
_PURPOSE: Final = b"hubbub links to files"

LinkOf = Literal["file", "preview"]


class Link(NamedTuple):
    """What a link gives access to; `expires` in whole Unix seconds."""

    file: str
    of: LinkOf
    expires: int


class LinkSigner:
    """Signs with a key derived from the secret. With `shared`, the single credential of 0.1.0,
    links are signed as processes of that release can read them; those of both are valid."""

    def __init__(self, secret: str, shared: str | None = None) -> None:
        secrets = [secret] if shared is None else [shared, secret]
        self._keys = [hmac.digest(one.encode(), _PURPOSE, sha256) for one in secrets]

    def sign(self, link: Link) -> str:
        """The link's signed part: one component of a path."""
        said = f"{link.file}.{link.of}.{link.expires}"
        return f"{said}.{_seal(self._keys[0], said)}"

    def read(self, text: str, now: float) -> Link | None:
        """None if the link was not signed here or has expired."""
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
