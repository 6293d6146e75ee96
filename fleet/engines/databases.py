"""The databases of one machine's PostgreSQL, with the roles' passwords in files."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from fleet.data.folder import replace_file
from fleet.data.keys import SECRET_BYTES, make_key_folder
from fleet.engines.postgres import Database, make_cluster, set_passwords
from fleet.engines.unprivileged import Disguise
from fleet.settings import DATABASE_VARIABLES


def password_path(keys: Path, role: str) -> Path:
    return keys / f"{role}-database.password"


def read_database(keys: Path, role: str) -> Database:
    """Raises FileNotFoundError if its password file was removed."""
    return Database(f"hubbub_{role}", password_path(keys, role).read_text().strip())


def open_cluster(
    folder: Path, keys: Path, program: Path | None = None
) -> tuple[Mapping[str, Database], Disguise]:
    """Creates the data folder unless it exists, and sets new passwords for roles whose file is
    gone; no server may run. `program` as in make_cluster. Raises DatabaseSetupFailed.

    A file is written only after its role has the password: whatever interrupts this, no file ever
    contains a wrong one.
    """
    make_key_folder(keys)
    lost = [role for role in DATABASE_VARIABLES if not password_path(keys, role).exists()]
    databases = {
        role: Database(f"hubbub_{role}", secrets.token_hex(SECRET_BYTES))
        if role in lost
        else read_database(keys, role)
        for role in DATABASE_VARIABLES
    }
    is_old = folder.exists()
    disguise = make_cluster(folder, list(databases.values()), program)
    (folder / "postmaster.pid").unlink(missing_ok=True)
    if is_old and lost:
        set_passwords(folder, list(databases.values()), disguise, program)
    for role in lost:
        secret = f"{databases[role].password}\n".encode()
        replace_file(password_path(keys, role), secret, durable=True)
    return databases, disguise
