"""Who may do what in the Valkeys of this machine: a user for each role, with a password of its own.

What each may do is in deploy/valkey/*.acl, where `HASH` stands for the hash of its password.
"""

import hashlib
from pathlib import Path

from fleet.data.folder import replace_file
from fleet.data.keys import read_or_make_secret
from fleet.settings import PROJECT_FOLDER

DOCTOR = "doctor"  # of one machine: may look at settings, and at nothing else
RULES_FOLDER = PROJECT_FOLDER / "deploy" / "valkey"


def password_path(keys: Path, server: str, role: str) -> Path:
    return keys / f"{server}-{role}.password"


def password_file(keys: Path, server: str, role: str) -> Path:
    """The secret of the role at the server; made on first use."""
    path = password_path(keys, server, role)
    read_or_make_secret(path)
    return path


def write_rules(keys: Path, server: str, *templates: str) -> Path:
    """The file that the server reads at its start; holds hashes, no passwords."""
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
