"""Adds a key to the folder of keys that sign tokens; removes those that no token needs any more.

    python deploy/rotate_signing_key.py FOLDER
    python deploy/rotate_signing_key.py FOLDER --revoke

users publishes a new key at once and signs with it a minute later (users/keys.py), so nobody is
logged out. Run it as often as keys should change. `--revoke` is for a key that somebody else may
have: all others go at once, tokens that they signed are refused within 15 seconds, and clients get
new ones with their refresh tokens.
"""

import os
import sys
import time
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

# A key signs until a minute after the next one was made, and its last token lives for 15 minutes.
NEEDED_AFTER_THE_NEXT_SECONDS = 20 * 60


def rotate(folder: Path, now: float) -> tuple[str, list[str]]:
    """The new key's name and those of the removed ones; `now` in Unix seconds."""
    dead = [
        key
        for key, following in pairwise(_by_age(folder))
        if following.stat().st_mtime + NEEDED_AFTER_THE_NEXT_SECONDS < now
    ]
    return _replace(folder, dead, now)


def revoke(folder: Path, now: float) -> tuple[str, list[str]]:
    """The same; no other key is left."""
    return _replace(folder, _by_age(folder), now)


def _by_age(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pem"), key=lambda path: path.stat().st_mtime)


def _replace(folder: Path, dead: list[Path], now: float) -> tuple[str, list[str]]:
    """The new one comes first: users reads the folder at any moment."""
    new = folder / time.strftime("%Y%m%d-%H%M%S.pem", time.gmtime(now))
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    unfinished = new.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(new)
    gone = [key for key in dead if key != new]  # one of the same second was overwritten
    for key in gone:
        key.unlink()
    return new.stem, [key.stem for key in gone]


def main() -> None:
    match sys.argv[1:]:
        case [folder] if Path(folder).is_dir():
            new, removed = rotate(Path(folder), time.time())
        case [folder, "--revoke"] if Path(folder).is_dir():
            new, removed = revoke(Path(folder), time.time())
        case _:
            sys.exit("Say which folder holds the keys: rotate_signing_key.py FOLDER [--revoke]")
    print(f"made {new}, removed {', '.join(removed) or 'none'}")


if __name__ == "__main__":
    main()
