"""Migrates the database to the schema of this version."""

from pathlib import Path

from common.database.migrations import migrate

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


async def set_up_database(url: str) -> None:
    """Applies missing migrations; replicas that start together wait for each other."""
    await migrate(url, _MIGRATIONS)
