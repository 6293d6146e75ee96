"""Adds a key to the folder of keys that sign tokens; removes those that no token needs any more.

    python deploy/rotate_signing_key.py FOLDER

users publishes a new key at once and signs with it a minute later (users/keys.py), so nobody is
logged out. Run it as often as keys should change.
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
    keys = sorted(folder.glob("*.pem"), key=lambda path: path.stat().st_mtime)
    removed = []
    for key, following in pairwise(keys):
        if following.stat().st_mtime + NEEDED_AFTER_THE_NEXT_SECONDS < now:
            key.unlink()
            removed.append(key.stem)
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
    return new.stem, removed


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("Say which folder holds the keys: rotate_signing_key.py FOLDER")
    new, removed = rotate(Path(sys.argv[1]), time.time())
    print(f"made {new}, removed {', '.join(removed) or 'none'}")


if __name__ == "__main__":
    main()
