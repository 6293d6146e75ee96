"""Names, addresses and passwords: users enforces the rules for every caller, and so do its
tables.
"""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common.database.migrations import migrate
from common.database.pool import Pool
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import Account, ChangeProfile, Grant, SignUp

MIGRATIONS = Path("users/migrations")
HASH = "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$aGFzaA"

WRONG = {
    "short name": ("username", "ab"),
    "long name": ("username", "x" * 33),
    "name with a space": ("username", "a b"),
    "name with a line end": ("username", "anna\n"),
    "address without @": ("email", "ann.example.org"),
    "address with two @": ("email", "a@b@example.org"),
    "address without a local part": ("email", "@example.org"),
    "address with a long local part": ("email", "x" * 65 + "@example.org"),
    "address without a dot": ("email", "ann@example"),
    "address with a space": ("email", "a n@example.org"),
    "address with a control": ("email", "a\x7fn@example.org"),
    "long address": ("email", f"ann@{'d' * 247}.org"),
    "address with NUL": ("email", "a\0n@example.org"),
    "short password": ("password", "x" * 7),
    "long password": ("password", "x" * 257),
    "password that is short when composed": ("password", "x" * 6 + "e\u0301"),
}
RIGHT = [
    ("A_z.-", "a@b.c"),
    ("x" * 32, "x" * 64 + "@" + "d" * 185 + ".org"),
    ("abc", "\u00e4\u200b@b\u00fccher.example"),
]


async def field_refused(users: Any, name: str, request: Any, answer: type[Any]) -> list[str]:
    with pytest.raises(Refusal) as refused:
        await users.call(name, request, answer)
    return [error["field"] for error in refused.value.errors or []]


async def test_a_sign_up_that_breaks_a_rule_is_refused(users: Any, pool: Pool) -> None:
    """The field is named, and no account is created."""
    good = {"username": "ann", "email": "ann@example.org", "password": "correct horse"}
    for case, (field, value) in WRONG.items():
        request = SignUp(key=new_id(), **{**good, field: value})
        assert await field_refused(users, "sign_up", request, Grant) == [field], case
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM users")).fetchone()
    assert row == (0,)


async def test_a_change_that_breaks_a_rule_is_refused(users: Any) -> None:
    """The field is named, and the account stays as it was."""
    person = await users.sign_up("ann")
    for case, (field, value) in WRONG.items():
        if field == "username":
            continue
        request = ChangeProfile(
            user=person.id,
            session=person.session,
            current_password=None,
            key=new_id(),
            **{"email": None, "password": None, field: value},
        )
        assert await field_refused(users, "change_profile", request, Account) == [field], case


async def insert(connection: Any, **changes: Any) -> None:
    row = {"username": "ann", "email": "ann@example.org", "password_hash": HASH, **changes}
    await connection.execute(
        "INSERT INTO users (id, username, email, password_hash) VALUES (%s, %s, %s, %s)",
        (new_id(), row["username"], row["email"], row["password_hash"]),
    )


async def test_no_row_breaks_a_rule(pool: Pool) -> None:
    """The database refuses too, including a password that is not an Argon2id hash."""
    wrong = [changed for changed in WRONG.values() if changed[0] != "password"]
    async with pool.connection() as connection:
        for field, value in [*wrong, ("password_hash", "correct horse")]:
            if "\0" not in value:  # PostgreSQL has no NUL at all
                with pytest.raises(psycopg.errors.CheckViolation):
                    await insert(connection, **{field: value})


async def test_what_the_rules_allow_the_table_takes(pool: Pool) -> None:
    """The constraints are never stricter than the service."""
    async with pool.connection() as connection:
        for username, email in RIGHT:
            await insert(connection, username=username, email=email, password_hash=None)


@pytest.fixture
def migrations_before(tmp_path: Path) -> Path:
    for file in MIGRATIONS.glob("000[1-3]_*.sql"):
        shutil.copy(file, tmp_path)
    return tmp_path


async def test_a_row_from_before_the_rules_stops_no_upgrade(
    database_url: str, migrations_before: Path
) -> None:
    """It stays, and the rules are enforced for new rows."""
    await migrate(database_url, migrations_before)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await insert(connection, username="a b")
        assert "0004_field_rules.sql" in await migrate(database_url, MIGRATIONS)
        with pytest.raises(psycopg.errors.CheckViolation):
            await insert(connection, username="c d", email="c@example.org")
