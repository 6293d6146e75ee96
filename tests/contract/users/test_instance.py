"""The instance: its settings, roles, deactivation, resets, and the audit log."""

import asyncio
from typing import Any

import psycopg
import pytest

from common.database.pool import Connection, Pool
from common.protocol import instance as i
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import Account, Empty, Grant, LogIn, RefreshSession, SignUp
from tests.contract.users.test_repeats import wait_for_waiting
from users.store.administration import ALL_USERS
from users.store.instance import LIST_LOG

PASSWORD = "correct horse"


async def make_owner(users: Any, username: str) -> Any:
    person = await users.sign_up(username, PASSWORD)
    await users.call("make_owner", i.MakeOwner(username=username), Account)
    return person


async def change(
    users: Any, caller: Any, user: Any, *, active: bool | None = None, role: i.Role | None = None
) -> i.ManagedUser:
    request = i.ChangeUser(caller=caller.id, user=user.id, active=active, role=role)
    changed: i.ManagedUser = await users.call("change_user", request, i.ManagedUser)
    return changed


async def code_of(awaitable: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await awaitable
    return refused.value.code


async def log_of(users: Any, caller: Any) -> list[i.LogEntry]:
    """Oldest first."""
    request = i.ListLog(caller=caller.id, before=None, limit=200)
    page: i.LogPage = await users.call("list_log", request, i.LogPage)
    return page.entries[::-1]


def sign_up(username: str, invite: str | None = None) -> SignUp:
    return SignUp(
        username=username,
        email=f"{username}@example.org",
        password=PASSWORD,
        key=new_id(),
        invite=invite,
    )


async def test_the_first_owner_comes_by_a_link(users: Any) -> None:
    """A code works once; a new one voids the previous one; once there is an owner there are
    none."""
    void = (await users.call("make_owner_code", Empty(), i.Code)).code
    code = (await users.call("make_owner_code", Empty(), i.Code)).code
    assert await code_of(users.call("sign_up", sign_up("eve", void), Grant)) == "not_found"
    grant = await users.call("sign_up", sign_up("ann", code), Grant)
    assert await code_of(users.call("sign_up", sign_up("ben", code), Grant)) == "not_found"
    assert (await users.call("make_owner_code", Empty(), i.Code)).code is None
    request = i.DemandRole(caller=grant.user.id, roles=["owner"])
    await users.call("demand_role", request)
    page = await users.call("list_log", i.ListLog(caller=grant.user.id, before=None, limit=9),
                            i.LogPage)  # fmt: skip
    assert [(entry.action, entry.by, entry.of) for entry in page.entries] == [
        ("owner.made", grant.user.id, grant.user.id)
    ]


async def test_a_link_makes_one_owner_however_many_come_at_once(users: Any) -> None:
    """Of parallel sign-ups with one code exactly one succeeds."""
    code = (await users.call("make_owner_code", Empty(), i.Code)).code
    made = await asyncio.gather(
        *(users.call("sign_up", sign_up(f"ann-{n}", code), Grant) for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Grant) for one in made) == 1


@pytest.mark.usefixtures("patient_sessions")
async def test_no_link_is_made_beside_a_sign_up_by_the_one_before(users: Any, pool: Pool) -> None:
    """A start of the system waits for it, and finds that there is an owner."""
    code = (await users.call("make_owner_code", Empty(), i.Code)).code
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute(
            "INSERT INTO users (id, username, email) VALUES (%s, 'ann', 'a@example.org')",
            (new_id(),),
        )
        signing_up = asyncio.create_task(users.call("sign_up", sign_up("ann", code), Grant))
        await wait_for_waiting(pool, 1)
        making = asyncio.create_task(users.call("make_owner_code", Empty(), i.Code))
        await wait_for_waiting(pool, 2)
        await connection.execute("ROLLBACK")
    await signing_up
    assert await making == i.Code(code=None)


async def test_a_repeated_sign_up_by_a_link_is_the_first_one(users: Any) -> None:
    """The code is used up by then, but the answer is the account all the same."""
    code = (await users.call("make_owner_code", Empty(), i.Code)).code
    request = sign_up("ann", code)
    first = await users.call("sign_up", request, Grant)
    assert (await users.call("sign_up", request, Grant)).user == first.user


@pytest.mark.parametrize("mode", ["invite", "closed"])
async def test_sign_up_that_is_not_open(start_replica: Any, users: Any, mode: Any) -> None:
    """Nobody signs up without a code, which is checked before taken names; an owner's link
    works."""
    ann = await make_owner(users, "ann")
    request = i.ChangeInstance(caller=ann.id, name="Team", signup=mode)
    changed = await users.call("change_instance", request, i.Instance)
    assert changed == i.Instance(name="Team", signup=mode)
    assert await code_of(users.call("sign_up", sign_up("ben"), Grant)) == "signup_closed"
    assert await code_of(users.call("sign_up", sign_up("ann"), Grant)) == "signup_closed"
    assert await code_of(users.call("sign_up", sign_up("ben", "x"), Grant)) == "not_found"


async def test_what_the_environment_says_of_sign_up_wins(start_replica: Any) -> None:
    """It is shown and enforced, and owners cannot change it."""
    users = await start_replica(signup="closed")
    told = await users.call("get_instance", Empty(), i.Instance)
    assert (told.signup, told.signup_fixed) == ("closed", True)
    assert await code_of(users.call("sign_up", sign_up("ben"), Grant)) == "signup_closed"
    code = (await users.call("make_owner_code", Empty(), i.Code)).code
    ann = (await users.call("sign_up", sign_up("ann", code), Grant)).user
    request = i.ChangeInstance(caller=ann.id, name=None, signup="open")
    assert await code_of(users.call("change_instance", request, i.Instance)) == "invalid_request"


async def test_admins_act_on_members_and_never_on_roles(users: Any) -> None:
    """Owners may do everything, members nothing."""
    ann = await make_owner(users, "ann")
    ben, cat, dan = [await users.sign_up(name) for name in ("ben", "cat", "dan")]
    assert (await change(users, ann, ben, role="admin")).role == "admin"
    assert (await change(users, ann, cat, role="admin")).role == "admin"
    assert not (await change(users, ben, dan, active=False)).active
    for caller, user, changes, code in (
        (ben, dan, {"role": "admin"}, "forbidden"),
        (ben, cat, {"active": False}, "forbidden"),
        (ben, ann, {"active": False}, "forbidden"),
        (dan, ben, {"active": False}, "unauthenticated"),
    ):
        assert await code_of(change(users, caller, user, **changes)) == code
    await change(users, ann, cat, role="member")
    assert await code_of(change(users, cat, dan, active=True)) == "forbidden"
    nobody = ann._replace(id=new_id())
    assert await code_of(change(users, ann, nobody, active=True)) == "not_found"


async def test_the_last_active_owner_stays(users: Any) -> None:
    """Neither demoted nor deactivated, even by two owners at once."""
    ann, ben = await make_owner(users, "ann"), await make_owner(users, "ben")
    both = await asyncio.gather(
        change(users, ann, ben, role="member"),
        change(users, ben, ann, active=False),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Refusal) for one in both) == 1
    left = ann if isinstance(both[1], Refusal) else ben
    assert await code_of(change(users, left, left, role="admin")) == "last_owner"
    assert await code_of(change(users, left, left, active=False)) == "last_owner"


async def test_deactivation_ends_everything_until_it_is_taken_back(users: Any) -> None:
    """Refresh is 401 and log-in invalid_credentials, even with the right password."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben", PASSWORD)
    await change(users, ann, ben, active=False)
    refresh = RefreshSession(refresh_token=ben.grant.refresh_token)
    log_in = LogIn(username="ben", password=PASSWORD)
    assert await code_of(users.call("refresh", refresh, Grant)) == "unauthenticated"
    assert await code_of(users.call("log_in", log_in, Grant)) == "invalid_credentials"
    await change(users, ann, ben, active=True)
    assert (await users.call("log_in", log_in, Grant)).user.id == ben.id
    assert await code_of(users.call("refresh", refresh, Grant)) == "unauthenticated"


async def test_a_reset_sets_a_password_once(users: Any) -> None:
    """It ends all sessions and logs nobody in; a new code voids the previous one."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")

    async def reset(key: str) -> str:
        request = i.CreateReset(caller=ann.id, user=ben.id, key=key)
        code = (await users.call("create_reset", request, i.Code)).code
        assert code is not None
        return str(code)

    async def use(code: str, password: str = PASSWORD) -> None:
        await users.call("use_reset", i.UseReset(code=code, password=password))

    key = new_id()
    void, again = await reset(key), await reset(key)
    assert void == again
    code = await reset(new_id())
    assert await code_of(use(void)) == "not_found"
    assert await code_of(use(code, "short")) == "invalid_request"
    await use(code)
    assert await code_of(use(code)) == "not_found"
    refresh = RefreshSession(refresh_token=ben.grant.refresh_token)
    assert await code_of(users.call("refresh", refresh, Grant)) == "unauthenticated"
    assert await users.call("log_in", LogIn(username="ben", password=PASSWORD), Grant)


async def test_a_reset_reactivates_nobody(users: Any) -> None:
    """The password is set, but log-in stays refused."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    await change(users, ann, ben, active=False)
    request = i.CreateReset(caller=ann.id, user=ben.id, key=new_id())
    code = (await users.call("create_reset", request, i.Code)).code
    await users.call("use_reset", i.UseReset(code=code, password=PASSWORD))
    log_in = LogIn(username="ben", password=PASSWORD)
    assert await code_of(users.call("log_in", log_in, Grant)) == "invalid_credentials"


async def test_the_log_has_every_change_once(users: Any) -> None:
    """In order, with who did it and to whom; refused and repeated calls and those that changed
    nothing are not in it."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    for _ in range(2):
        request = i.ChangeInstance(caller=ann.id, name="Team", signup=None)
        await users.call("change_instance", request, i.Instance)
        await change(users, ann, ben, active=False, role="admin")
        reset = i.CreateReset(caller=ann.id, user=ben.id, key=ann.id)
        await users.call("create_reset", reset, i.Code)
    assert await code_of(change(users, ann, ann, active=False)) == "last_owner"
    assert [
        (entry.by, entry.action, entry.of, entry.detail) for entry in await log_of(users, ann)
    ] == [
        (None, "owner.made", ann.id, {}),
        (ann.id, "instance.updated", None, {"name": "Team"}),
        (ann.id, "user.updated", ben.id, {"role": "admin", "active": False}),
        (ann.id, "user.reset", ben.id, {}),
    ]


async def test_the_log_is_only_added_to(users: Any, pool: Pool) -> None:
    """The database itself refuses to change an entry, or to delete one of the last 400 days."""
    await make_owner(users, "ann")
    async with pool.connection() as connection:
        for statement in ("UPDATE audit_log SET of = NULL", "DELETE FROM audit_log"):
            with pytest.raises(psycopg.errors.RaiseException):
                await connection.execute(statement)
        await connection.execute(
            "INSERT INTO audit_log (id, at, action, detail)"
            " VALUES (gen_random_uuid(), now() - interval '401 days', 'owner.made', '{}')"
        )
        cursor = await connection.execute(
            "DELETE FROM audit_log WHERE at < now() - interval '400 days'"
        )
        assert cursor.rowcount == 1


async def plan_of(connection: Connection, page: str, before: str) -> str:
    """The plan of a prepared statement, which does not know the limit."""
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute("PREPARE page AS " + page % {"before": "$1", "limit": "$2::bigint"})
    plan = await connection.execute(f"EXPLAIN EXECUTE page ('{before}', 51)")
    return str(await plan.fetchall())


async def test_a_page_of_the_log_is_read_by_index(users: Any, pool: Pool) -> None:
    """However long the log is, and wherever the page is in it."""
    ann = await make_owner(users, "ann")
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO audit_log (id, at, action, detail)"
            " SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, now(),"
            " 'owner.made', '{}' FROM generate_series(1, 20000) n"
        )
        await connection.execute("ANALYZE audit_log")
        plan = await plan_of(connection, LIST_LOG, ann.id)
    assert "audit_log_pkey" in plan
    assert "Sort" not in plan
    request = i.ListLog(caller=ann.id, before="01900000-0000-7000-8000-000000000003", limit=1)
    page = await users.call("list_log", request, i.LogPage)
    assert [entry.id for entry in page.entries] == ["01900000-0000-7000-8000-000000000002"]


async def test_users_are_listed_page_by_page(users: Any) -> None:
    """Newest first, by a prefix of the name in any case, with the time they were last seen."""
    ann = await make_owner(users, "Ann")
    for name in ("pat", "Paul", "ben"):
        await users.sign_up(name)

    async def page(prefix: str, before: str | None, limit: int) -> i.UserPage:
        request = i.ListUsers(caller=ann.id, prefix=prefix, before=before, limit=limit)
        found: i.UserPage = await users.call("list_users", request, i.UserPage)
        return found

    first = await page("", None, 3)
    assert [user.username for user in first.users] == ["ben", "Paul", "pat"]
    rest = await page("", first.next, 3)
    assert ([user.username for user in rest.users], rest.next) == (["Ann"], None)
    assert rest.users[0].role == "owner"
    assert rest.users[0].last_seen_at is not None
    assert [user.username for user in (await page("PA", None, 9)).users] == ["Paul", "pat"]
    assert (await page("%", None, 9)).users == []


async def test_a_page_of_users_is_read_by_index(users: Any, pool: Pool) -> None:
    """However many there are, no more rows are read than shown."""
    ann = await make_owner(users, "ann")
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO users (id, username, email) SELECT gen_random_uuid(),"
            " 'many-' || n, n || '@example.org' FROM generate_series(1, 5000) n"
        )
        await connection.execute("ANALYZE users")
        plan = await plan_of(connection, ALL_USERS, ann.id)
    assert "Index Scan Backward using users_pkey" in plan
    assert "Sort" not in plan
