"""Passwords in files: of databases, as the containers of ops get them, and of the operator's own
servers."""

from pathlib import Path
from typing import Final

from common.process.settings import join_password
from fleet.settings import FleetSettings

SECRETS: Final = Path("/run/secrets")


def database_url(role: str) -> str:
    """As in docker-compose.yml, with the password."""
    url = f"postgresql://hubbub_{role}@{role}-database:5432/hubbub_{role}"
    return with_password(url, role, SECRETS)


def with_password(url: str, role: str, secrets: Path) -> str:
    """A URL that names only a user, completed with the role's password."""
    password = (secrets / f"{role}-database.password").read_text().strip()
    return join_password(url, password)


def external_url(settings: FleetSettings, variable: str, file_variable: str) -> str:
    """One of the operator's own servers, with the password in a file, as services read both."""
    url, file = settings.external[variable], settings.environment.get(file_variable)
    try:
        return join_password(url, read_secret(Path(file)) if file else None)
    except (OSError, ValueError):
        # This user may not read the file, or the URL has a password of its own, which a service
        # refuses beside a file's.
        return url


def read_secret(path: Path) -> str:
    """Empty if the file is gone."""
    return path.read_text().strip() if path.exists() else ""
