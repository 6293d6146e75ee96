"""A user's own profile, and what others see of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from common.database.pool import Pool
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import (
    Account,
    ChangeProfile,
    GetPerson,
    GetProfile,
    Grant,
    ListPeople,
    LogIn,
    OwnAccount,
    PeopleFound,
    PrepareMemberships,
    Profile,
    Revocations,
    RevocationsRequest,
    SearchPeople,
)
from common.protocol.users import Person as PersonSeen
from users.accounts import Accounts
from users.store.people import NAMED_PEOPLE


def change(person: Any, **fields: Any) -> ChangeProfile:
    defaults: dict[str, Any] = {"email": None, "password": None, "current_password": None}
    return ChangeProfile(user=person.id, session=person.session, **(defaults | fields))


async def log_in(users: Any, password: str) -> Grant:
    answer: Grant = await users.call("log_in", LogIn(username="Ann", password=password), Grant)
    return answer


async def search(users: Any, prefix: str) -> list[str]:
    found = await users.call("search_people", SearchPeople(prefix=prefix), PeopleFound)
    return [person.username for person in found.users]


async def test_chats_are_listed_newest_first(
    users: Any, change_of: Callable[..., PrepareMemberships]
) -> None:
    """In the order of creation, whatever the order of joining."""
    ann = await users.sign_up("Ann")
    older, newer = (
        change_of(ann, chat=chat, add=[ann.id]) for chat in sorted([new_id(), new_id()])
    )
    for joining in (newer, older):
        await users.call("prepare", joining)
        await users.finish(joining.transaction, commit=True)
    profile = await users.call("get_profile", GetProfile(user=ann.id), Profile)
    assert profile == Profile(
        id=ann.id, username="Ann", email="Ann@example.org", chats=[newer.chat, older.chat]
    )


async def test_a_profile_borrows_one_connection(users: Any, pool: Pool) -> None:
    """It is one statement: borrowing costs more than what is read."""
    ann = await users.sign_up("Ann")
    nothing = cast(Any, None)
    accounts = Accounts(pool, nothing, nothing, nothing, None)
    before = pool.get_stats().get("requests_num", 0)
    await accounts.get_profile(GetProfile(user=ann.id))
    assert pool.get_stats()["requests_num"] == before + 1


async def test_first_password_makes_log_in_possible(users: Any) -> None:
    """An account without a password needs no current password."""
    ann = await users.sign_up("Ann")
    await users.call("change_profile", change(ann, password="correct horse"), Account)
    assert (await log_in(users, "correct horse")).user.id == ann.id


async def test_new_password_ends_the_other_sessions(
    users: Any, sessions_of: Callable[..., Awaitable[list[str]]]
) -> None:
    """The session that changed it stays, and the old password no longer works."""
    ann = await users.sign_up("Ann", "correct horse")
    others = await sessions_of(ann, 2)
    await users.call(
        "change_profile",
        change(ann, password="better horse", current_password="correct horse"),
        Account,
    )
    revoked = await users.call("revocations", RevocationsRequest(after=0), Revocations)
    assert sorted(revoked.sessions) == sorted(others)
    assert await log_in(users, "better horse")
    with pytest.raises(Refusal, match="invalid_credentials"):
        await log_in(users, "correct horse")


@pytest.mark.parametrize("current", [None, "wrong horse"])
async def test_current_password_is_demanded(users: Any, current: str | None) -> None:
    """If one is set and it is missing or wrong, the change is refused and nothing changes."""
    ann = await users.sign_up("Ann", "correct horse")
    request = change(ann, email="new@example.org", password="x" * 8, current_password=current)
    with pytest.raises(Refusal) as refused:
        await users.call("change_profile", request, Account)
    assert refused.value.code == "invalid_credentials"
    assert (await log_in(users, "correct horse")).user.email == "Ann@example.org"


async def test_address_changes_without_a_password(users: Any) -> None:
    """The answer has the new address as it was sent."""
    ann = await users.sign_up("Ann", "correct horse")
    account = await users.call("change_profile", change(ann, email="Ann@Example.com"), Account)
    assert account == Account(id=ann.id, username="Ann", email="Ann@Example.com")
    assert (await log_in(users, "correct horse")).user == account


async def test_name_and_status_are_shown_wherever_a_user_is(users: Any) -> None:
    """Fields left out stay, None removes one, and no password is needed."""
    ann = await users.sign_up("Ann", "correct horse")
    named = await users.call(
        "change_profile", change(ann, display_name=" Ann Smith", status="Away"), OwnAccount
    )
    assert (named.display_name, named.status) == (" Ann Smith", "Away")
    await users.call("change_profile", change(ann, status=None), OwnAccount)
    expected = PersonSeen(id=ann.id, username="Ann", display_name=" Ann Smith", status=None)
    found = await users.call("search_people", SearchPeople(prefix="ann"), PeopleFound)
    assert found.users == [expected]
    assert await users.call("get_person", GetPerson(person=ann.id), PersonSeen) == expected
    own = await users.call("get_profile", GetProfile(user=ann.id), Profile)
    assert (own.display_name, own.status) == (" Ann Smith", None)


async def test_changes_of_different_fields_at_once_all_stay(users: Any) -> None:
    """Neither reverts what the other has set."""
    ann = await users.sign_up("Ann")
    fields = {"display_name": "A", "status": "s", "email": "new@example.org"}
    await asyncio.gather(
        *(
            users.call("change_profile", change(ann, **{f: v}), OwnAccount)
            for f, v in fields.items()
        )
    )
    own = await users.call("get_profile", GetProfile(user=ann.id), Profile)
    assert (own.display_name, own.status, own.email) == ("A", "s", "new@example.org")


@pytest.mark.usefixtures("patient_sessions")
async def test_address_and_password_changed_at_once_both_stay(users: Any, pool: Pool) -> None:
    """Whichever comes first: the address needs no password, so a changed password does not refuse
    it."""
    ann = await users.sign_up("Ann", "correct horse")
    requests = (
        change(ann, password="better horse", current_password="correct horse"),
        change(ann, email="new@example.org"),
    )
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute("SELECT FROM users FOR UPDATE")
        changing = asyncio.gather(
            *(users.call("change_profile", request, OwnAccount) for request in requests)
        )
        await _until_so_many_wait_for_a_lock(pool, len(requests))
        await connection.execute("COMMIT")
    await changing
    assert (await log_in(users, "better horse")).user.email == "new@example.org"


async def test_repeated_password_is_known_after_another_change(users: Any) -> None:
    """The address was changed between the first answer, which was lost, and the repeat."""
    ann = await users.sign_up("Ann", "correct horse")
    request = change(ann, password="better horse", current_password="correct horse", key="change-1")
    await users.call("change_profile", request, Account)
    await users.call("change_profile", change(ann, email="new@example.org", key="2"), Account)
    account = await users.call("change_profile", request, Account)
    assert account.email == "new@example.org"


async def test_people_are_listed_in_the_order_of_their_ids(users: Any) -> None:
    """Each user is listed once; unknown ids are left out."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    wanted = ListPeople(people=[bob.id, new_id(), ann.id, bob.id])
    found = await users.call("list_people", wanted, PeopleFound)
    assert [person.username for person in found.users] == ["Bob", "Ann"]


async def test_taken_address_changes_nothing(users: Any) -> None:
    """The password in the same request is not changed either."""
    ann = await users.sign_up("Ann")
    await users.sign_up("Bob")
    request = change(ann, email="BOB@example.org", password="correct horse")
    with pytest.raises(Refusal) as refused:
        await users.call("change_profile", request, Account)
    assert refused.value.code == "email_taken"
    with pytest.raises(Refusal, match="invalid_credentials"):
        await log_in(users, "correct horse")


async def test_repeated_change_is_answered_alike(users: Any) -> None:
    """A caller whose first answer was lost repeats it with the password that was current then."""
    ann = await users.sign_up("Ann", "correct horse")
    request = change(ann, password="better horse", current_password="correct horse", key="change-1")
    first = await users.call("change_profile", request, Account)
    assert await users.call("change_profile", request, Account) == first


async def test_ended_session_changes_nothing(users: Any) -> None:
    """A replica that learns of the log-out late is told by the session's owner."""
    ann = await users.sign_up("Ann")
    await users.log_out(ann)
    with pytest.raises(Refusal) as refused:
        await users.call("change_profile", change(ann, password="correct horse"), Account)
    assert refused.value.code == "unauthenticated"


async def test_unknown_user_has_no_profile(users: Any) -> None:
    """A token outlives its user only if the database was restored."""
    with pytest.raises(Refusal) as refused:
        await users.call("get_profile", GetProfile(user=new_id()), Profile)
    assert refused.value.code == "unauthenticated"


async def test_person_shows_no_address(users: Any) -> None:
    """Other users see the id, the names, the status and the picture."""
    ann = await users.sign_up("Ann")
    seen = await users.call("get_person", GetPerson(person=ann.id), dict)
    nothing = dict.fromkeys(("displayName", "status", "avatar"))
    assert seen == {"id": ann.id, "username": "Ann", **nothing}


@pytest.mark.parametrize("person", ["", "x", "0192d3a4-0000-7000-8000-000000000001"])
async def test_unknown_person_is_not_found(users: Any, person: str) -> None:
    """Any unknown id is not found, whatever it looks like."""
    with pytest.raises(Refusal) as refused:
        await users.call("get_person", GetPerson(person=person), PersonSeen)
    assert refused.value.code == "not_found"


async def test_search_folds_case_and_takes_every_character_as_it_is(users: Any) -> None:
    """`%` and `_` match only themselves; the results are ordered by name."""
    for name in ("ann_b", "Annabel", "anna", "ann.x", "bob"):
        await users.sign_up(name)
    assert await search(users, "ANN") == ["ann.x", "ann_b", "anna", "Annabel"]
    assert await search(users, "ann_") == ["ann_b"]
    for nobody in ("%", "a%", "\\", "ann\0", "~", "anné"):
        assert await search(users, nobody) == []


async def test_search_finds_at_most_twenty_by_index(users: Any, pool: Pool) -> None:
    """The first twenty by name are found without reading every account."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO users (id, username, email) SELECT gen_random_uuid(),"
            " 'many-' || lpad(n::text, 5, '0'), n || '@example.org'"
            " FROM generate_series(1, 5000) n"
        )
        await connection.execute("ANALYZE users")
        plan = await (
            await connection.execute(
                "EXPLAIN SELECT username FROM users WHERE lower(username) >= lower('many-03')"
                " AND lower(username) < lower('many-03') || '~' ORDER BY lower(username) LIMIT 20"
            )
        ).fetchall()
    assert await search(users, "Many-03") == [f"many-0{n}" for n in range(3000, 3020)]
    assert "users_username" in str(plan)
    assert "Sort" not in str(plan)


async def test_search_reads_no_deleted_accounts(pool: Pool) -> None:
    """All their names begin alike, and a search for that would read every one of them."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO users (id, username, email, deleted_at) SELECT gen_random_uuid(),"
            " 'deleted-' || lpad(n::text, 8, '0'), NULL, now() FROM generate_series(1, 5000) n"
        )
        await connection.execute("ANALYZE users")
        plan = await (
            await connection.execute(
                "EXPLAIN (ANALYZE, TIMING OFF) " + NAMED_PEOPLE, {"prefix": "del", "limit": 20}
            )
        ).fetchall()
    assert "Removed by Filter" not in str(plan)


@pytest.mark.usefixtures("patient_sessions")
async def test_log_in_and_change_of_password_are_serial(users: Any, pool: Pool) -> None:
    """No session starts with a password that is being changed: the log-in waits and is refused."""
    await users.sign_up("Ann", "correct horse")
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute("UPDATE users SET password_number = password_number + 1")
        waiting = asyncio.create_task(log_in(users, "correct horse"))
        await _until_so_many_wait_for_a_lock(pool, 1)
        await connection.execute("COMMIT")
    with pytest.raises(Refusal, match="invalid_credentials"):
        await waiting


async def _until_so_many_wait_for_a_lock(pool: Pool, number: int) -> None:
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    async with pool.connection() as connection, asyncio.timeout(30):
        while await (await connection.execute(question)).fetchone() != (number,):
            pass
