"""A password reset code is valid as long as its creator may still create it."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from common.database.migrations import migrate
from common.database.pool import Pool, begin
from common.protocol import instance as i
from common.protocol.ids import new_id
from common.protocol.users import ChangeProfile, Grant, LogIn, OwnAccount
from tests.contract.users.test_instance import PASSWORD, change, code_of, make_owner

MIGRATIONS = Path("users/migrations")


async def make_owner_of(users: Any, username: str) -> None:
    await users.call("make_owner", i.MakeOwner(username=username))


async def make_code(users: Any, caller: Any, user: Any) -> str:
    request = i.CreateReset(caller=caller.id, user=user.id, key=new_id())
    code: str = (await users.call("create_reset", request, i.Code)).code
    return code


async def use(users: Any, code: str) -> None:
    await users.call("use_reset", i.UseReset(code=code, password="another horse"))


@pytest.mark.parametrize("role", ["admin", "owner"])
async def test_a_code_ends_with_a_change_of_role(users: Any, role: i.Role) -> None:
    """Whoever created it: nobody logs in as an owner with a password that an admin chose."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    for maker in ("admin", "owner"):
        await change(users, ann, ben, role=maker)
        cat = await users.sign_up(f"cat-{maker}", PASSWORD)
        code = await make_code(users, ben, cat)
        await change(users, ann, cat, role=role)
        assert await code_of(use(users, code)) == "not_found"
        log_in = LogIn(username=f"cat-{maker}", password=PASSWORD)
        assert await users.call("log_in", log_in, Grant)


async def test_a_code_ends_when_the_operator_makes_an_owner(users: Any) -> None:
    """The code is void, as with any change of role."""
    ann, cat = await make_owner(users, "ann"), await users.sign_up("cat")
    code = await make_code(users, ann, cat)
    await make_owner_of(users, "cat")
    assert await code_of(use(users, code)) == "not_found"


async def test_a_code_that_is_asked_for_again_is_the_first_one(users: Any) -> None:
    """A repeat returns the first code, even if the caller may not create one any more."""
    ann, ben, cat = [await users.sign_up(name) for name in ("ann", "ben", "cat")]
    await make_owner_of(users, "ann")
    await change(users, ann, ben, role="admin")
    request = i.CreateReset(caller=ben.id, user=cat.id, key=new_id())
    first = await users.call("create_reset", request, i.Code)
    await change(users, ann, ben, role="member")
    assert await users.call("create_reset", request, i.Code) == first
    assert await code_of(use(users, first.code)) == "not_found"


@pytest.mark.parametrize("end", ["demoted", "deactivated", "deleted"])
async def test_a_code_is_worth_what_its_maker_may_do(users: Any, end: str) -> None:
    """A code of a user who is no longer an admin or owner does not work."""
    ann, ben, cat = [await users.sign_up(name) for name in ("ann", "ben", "cat")]
    await make_owner_of(users, "ann")
    await change(users, ann, ben, role="admin")
    code = await make_code(users, ben, cat)
    if end == "demoted":
        await change(users, ann, ben, role="member")
    elif end == "deactivated":
        await change(users, ann, ben, active=False)
    else:
        await users.call("delete_user", i.DeleteUser(caller=ann.id, user=ben.id, key=new_id()))
    assert await code_of(use(users, code)) == "not_found"


async def test_a_code_ends_with_the_persons_own_change_of_password(users: Any) -> None:
    """Any other change does not affect it."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben", PASSWORD)

    async def change_own(**fields: Any) -> None:
        request = ChangeProfile(
            user=ben.id, session=ben.session, key=new_id(), current_password=PASSWORD, **fields
        )
        await users.call("change_profile", request, OwnAccount)

    code = await make_code(users, ann, ben)
    await change_own(email="new@example.org", password=None)
    await use(users, code)
    ben = await users.sign_up("ben-2", PASSWORD)
    code = await make_code(users, ann, ben)
    await change_own(email=None, password="my own horse")
    assert await code_of(use(users, code)) == "not_found"
    assert await users.call("log_in", LogIn(username="ben-2", password="my own horse"), Grant)


async def test_no_code_can_be_read_in_the_database(users: Any, pool: Pool) -> None:
    """Nor in a copy of it, although a repeat returns it."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    request = i.CreateReset(caller=ann.id, user=ben.id, key=new_id())
    code = (await users.call("create_reset", request, i.Code)).code
    assert await users.call("create_reset", request, i.Code) == i.Code(code=code)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        kept = {}
        for (table,) in await cursor.fetchall():
            kept[table] = str(await (await connection.execute(f"TABLE {table}")).fetchall())
    assert "ben" in kept["users"]
    assert str(ben.id) in kept["results"]
    assert [table for table, rows in kept.items() if code in rows] == []


async def test_a_key_of_before_another_secret_is_refused(users: Any, pool: Pool) -> None:
    """Its answer can no longer be determined; another key creates another code."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    request = i.CreateReset(caller=ann.id, user=ben.id, key=new_id())
    await users.call("create_reset", request, i.Code)
    async with pool.connection() as connection:
        await connection.execute("UPDATE results SET result = '\\x00' || result")
    assert await code_of(users.call("create_reset", request, i.Code)) == "invalid_request"
    await use(users, await make_code(users, ann, ben))


async def test_a_key_of_the_release_before_is_known(users: Any, pool: Pool) -> None:
    """It stored the code in the clear."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    request = i.CreateReset(caller=ann.id, user=ben.id, key=new_id())
    made = await users.call("create_reset", request, i.Code)
    async with pool.connection() as connection:
        kept = msgspec.json.encode(made)
        await connection.execute("UPDATE results SET result = %s", (kept,))
    assert await users.call("create_reset", request, i.Code) == made


@pytest.mark.usefixtures("patient_sessions")
async def test_a_promotion_that_is_under_way_counts(users: Any, pool: Pool) -> None:
    """A use that began earlier waits for it, and finds the code void."""
    ann, ben, cat = [await users.sign_up(name) for name in ("ann", "ben", "cat")]
    await make_owner_of(users, "ann")
    await change(users, ann, ben, role="admin")
    code = await make_code(users, ben, cat)
    async with begin(pool) as connection:
        await connection.execute("SELECT FROM instance FOR UPDATE")
        await connection.execute("UPDATE users SET role = 'owner' WHERE id = %s", (cat.id,))
        using = asyncio.create_task(code_of(use(users, code)))
        await until_something_waits(pool)
    assert await using == "not_found"


async def until_something_waits(pool: Pool) -> None:
    """Waits until something waits for a lock of the test's database."""
    async with asyncio.timeout(30), pool.connection() as connection:
        while True:
            cursor = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            )
            if cursor.rowcount:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
def migrations_before(tmp_path: Path) -> Path:
    for file in MIGRATIONS.glob("*.sql"):
        if file.name < "0014":
            shutil.copy(file, tmp_path)
    return tmp_path


async def test_a_code_from_before_its_maker_was_kept_stays(
    database_url: str, migrations_before: Path
) -> None:
    """Its creator is the last one that the audit log names for it."""
    await migrate(database_url, migrations_before)
    ann, ben, cat = new_id(), new_id(), new_id()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        for user in (ann, ben, cat):
            await connection.execute(
                "INSERT INTO users (id, username, email) VALUES (%s, %s, %s)",
                (user, user[-12:], f"{user}@example.org"),
            )
        for maker in (ann, ben):
            await connection.execute(
                "INSERT INTO audit_log (id, by, action, of, detail)"
                " VALUES (%s, %s, 'user.reset', %s, '{}')",
                (new_id(), maker, cat),
            )
        await connection.execute(
            "INSERT INTO reset_codes (user_id, hash, expires_at) VALUES (%s, '', now())", (cat,)
        )
        await migrate(database_url, MIGRATIONS)
        cursor = await connection.execute(
            "SELECT maker::text, role, password_number FROM reset_codes"
        )
        assert await cursor.fetchall() == [(ben, "member", 0)]
