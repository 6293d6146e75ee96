"""SQL of what others see of a user."""

from typing import Any, Final

from common.database.pool import Pool
from common.protocol.avatars import avatar_path
from common.protocol.users import Person

_COLUMNS = "u.id::text, u.username, u.display_name, u.status, u.avatar::text"

NAMED_PEOPLE: Final = (
    f"SELECT {_COLUMNS} FROM users u WHERE u.deleted_at IS NULL"  # noqa: S608 - a constant
    " AND lower(u.username) >= lower(%(prefix)s)"
    " AND lower(u.username) < lower(%(prefix)s) || '~' ORDER BY lower(u.username)"
    " LIMIT %(limit)s"
)


async def find_person(pool: Pool, person: str) -> Person | None:
    async with pool.connection() as connection:
        cursor = await connection.execute(
            f"SELECT {_COLUMNS} FROM users u WHERE u.id = %s",  # noqa: S608 - a constant
            (person,),
        )
        row = await cursor.fetchone()
    return _person(row) if row else None


async def list_people(pool: Pool, people: list[str]) -> list[Person]:
    """In the order of the ids, each once; unknown ones are left out."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            f"SELECT {_COLUMNS} FROM unnest(%s::uuid[]) WITH ORDINALITY AS w (id, nth)"  # noqa: S608
            " JOIN users u ON u.id = w.id ORDER BY w.nth",
            (list(dict.fromkeys(people)),),
        )
        rows = await cursor.fetchall()
    return [_person(row) for row in rows]


async def search_people(pool: Pool, prefix: str, limit: int) -> list[Person]:
    """Users whose username starts with the prefix, ignoring case, sorted by name.

    A range instead of LIKE: it uses the index in every plan, and no character of the prefix is
    special. No character of a name sorts above `~` or is one.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(NAMED_PEOPLE, {"prefix": prefix, "limit": limit})
        rows = await cursor.fetchall()
    return [_person(row) for row in rows]


def _person(row: tuple[Any, ...]) -> Person:
    return Person(
        id=row[0], username=row[1], display_name=row[2], status=row[3], avatar=avatar_path(row[4])
    )
