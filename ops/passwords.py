"""The databases' passwords, as the containers of ops get them: in files."""

from pathlib import Path
from typing import Final

from common.process.settings import join_password

SECRETS: Final = Path("/run/secrets")


def database_url(role: str) -> str:
    """As in docker-compose.yml, with the password."""
    url = f"postgresql://hubbub_{role}@{role}-database:5432/hubbub_{role}"
    return with_password(url, role, SECRETS)


def with_password(url: str, role: str, secrets: Path) -> str:
    """A URL that names only a user, completed with the role's password."""
    password = (secrets / f"{role}-database.password").read_text().strip()
    return join_password(url, password)
