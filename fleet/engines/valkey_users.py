"""Permissions in this machine's Valkey servers: a user for each role, with its own password.

The rules are in deploy/valkey/*.acl, where `HASH` is replaced by the hash of the password.
"""

import hashlib
from pathlib import Path

from fleet.data.folder import replace_file
from fleet.data.keys import read_or_make_secret
from fleet.settings import PROJECT_FOLDER

DOCTOR = "doctor"  # on one machine: may read settings, and nothing else
RULES_FOLDER = PROJECT_FOLDER / "deploy" / "valkey"


def valkey_password_path(keys: Path, server: str, role: str) -> Path:
    return keys / f"{server}-{role}.password"


def password_file(keys: Path, server: str, role: str) -> Path:
    """The role's password for the server; created on first use."""
    path = valkey_password_path(keys, server, role)
    read_or_make_secret(path)
    return path


def write_rules(keys: Path, server: str, *templates: str) -> Path:
    """The file that the server reads at its start; contains hashes, not passwords."""
    lines = []
    text = "".join((RULES_FOLDER / template).read_text() for template in templates)
    for line in text.splitlines():
        if " HASH " in line:
            password = password_file(keys, server, line.split()[1]).read_text().strip()
            hashed = hashlib.sha256(password.encode()).hexdigest()
            line = line.replace(" HASH ", f" #{hashed} ")
        lines.append(f"{line}\n")
    path = keys / f"{server}.acl"
    replace_file(path, "".join(lines).encode())
    return path
