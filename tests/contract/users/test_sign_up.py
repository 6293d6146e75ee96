"""Sign-up: unique names and addresses, and keys that make a repeat safe."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any, cast

import pytest

from common.calls.http_server import caller_has_left
from common.database.pool import Pool
from common.identity.wrapping import Wrapping
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.instance import DeleteOwnAccount
from common.protocol.users import ChangeProfile, Grant, OwnAccount, SignUp
from tests.contract.users.conftest import claims_of
from users.accounts import Accounts
from users.passwords import Passwords, create_hasher
from users.sessions import Sessions
from users.signing import SigningKeys


def request(**fields: Any) -> SignUp:
    defaults: dict[str, Any] = {
        "username": "Ann",
        "email": "Ann@example.org",
        "password": "correct horse",
        "key": "key-1",
    }
    return SignUp(**(defaults | fields))


async def count_users(pool: Pool) -> int:
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM users")).fetchone()
    assert row is not None
    return int(row[0])


async def test_account_keeps_name_and_address_as_they_were_given(users: Any) -> None:
    """The answer has the account and a pair of tokens, and nothing in it is case-folded."""
    grant = await users.call("sign_up", request(), Grant)
    assert (grant.user.username, grant.user.email) == ("Ann", "Ann@example.org")
    assert grant.expires_in == 900
    assert len(grant.refresh_token) == 43  # 256 bits


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"username": "aNN", "email": "other@example.org"}, "username_taken"),
        ({"username": "other", "email": "aNN@EXAMPLE.org"}, "email_taken"),
        ({"username": "aNN", "email": "aNN@EXAMPLE.org"}, "username_taken"),
    ],
)
async def test_name_and_address_are_unique_in_lower_case(
    users: Any, fields: dict[str, str], code: str
) -> None:
    """A taken name is reported before a taken address."""
    await users.call("sign_up", request(), Grant)
    with pytest.raises(Refusal) as refused:
        await users.call("sign_up", request(key="key-2", **fields), Grant)
    assert refused.value.code == code


@pytest.mark.parametrize("password", ["correct horse", None])
async def test_repeat_returns_the_same_user_with_new_tokens(
    users: Any, password: str | None
) -> None:
    """The same key and the same body create no second account and are not refused."""
    first = await users.call("sign_up", request(password=password), Grant)
    again = await users.call("sign_up", request(password=password), Grant)
    assert again.user == first.user
    assert again.refresh_token != first.refresh_token


@pytest.mark.parametrize(
    "other",
    [
        {"username": "Bob"},
        {"email": "ann@example.org"},
        {"password": "another horse"},
        {"password": None},
    ],
)
async def test_key_with_another_body_is_refused(users: Any, other: dict[str, Any]) -> None:
    """A key belongs to one body; the password counts as much as the rest."""
    await users.call("sign_up", request(), Grant)
    with pytest.raises(Refusal) as refused:
        await users.call("sign_up", request(**other), Grant)
    assert refused.value.code == "invalid_request"


async def change(users: Any, grant: Grant, **fields: str) -> None:
    """A change that the account's user makes right after the sign-up."""
    own = {"user": grant.user.id, "session": claims_of(grant)["sid"], "key": new_id()}
    others = {"email": None, "password": None, "current_password": None}
    await users.call("change_profile", ChangeProfile(**{**own, **others, **fields}), OwnAccount)


async def code_of_repeat(users: Any, **fields: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await users.call("sign_up", request(**fields), Grant)
    return refused.value.code


@pytest.mark.parametrize("email", ["other@example.org", "ann@example.org"])
async def test_repeat_is_compared_with_the_address_that_was_signed_up_with(
    users: Any, email: str
) -> None:
    """Not with the account's current address."""
    first = await users.call("sign_up", request(), Grant)
    await change(users, first, email=email)
    assert (await users.call("sign_up", request(), Grant)).user.id == first.user.id
    assert await code_of_repeat(users, email=email) == "invalid_request"
    assert await code_of_repeat(users, password="another horse") == "invalid_request"


@pytest.mark.parametrize("password", ["correct horse", None])
async def test_repeat_gives_no_tokens_for_a_password_that_is_not_that_of_the_account_any_more(
    users: Any, password: str | None
) -> None:
    """It is refused like a log-in; another body is still reported as another body."""
    first = await users.call("sign_up", request(password=password), Grant)
    current = {} if password is None else {"current_password": password}
    await change(users, first, password="better horse", **current)
    assert await code_of_repeat(users, password=password) == "invalid_credentials"
    assert await code_of_repeat(users, password="better horse") == "invalid_credentials"
    assert await code_of_repeat(users, email="b@example.org") == "invalid_request"


async def test_repeat_gives_no_tokens_of_a_deactivated_account(users: Any, pool: Pool) -> None:
    """It is refused like a log-in."""
    await users.call("sign_up", request(), Grant)
    async with pool.connection() as connection:
        await connection.execute("UPDATE users SET active = false")
    assert await code_of_repeat(users) == "invalid_credentials"
    assert await code_of_repeat(users, password="another horse") == "invalid_request"


async def test_repeat_makes_no_second_account_after_the_deletion_of_the_first(
    users: Any, pool: Pool
) -> None:
    """It is refused like a log-in. Nothing is left to compare the body with."""
    first = await users.call("sign_up", request(), Grant)
    deletion = DeleteOwnAccount(
        caller=first.user.id,
        session=claims_of(first)["sid"],
        current_password="correct horse",
        key=new_id(),
    )
    await users.call("delete_own_account", deletion)
    for other in ({}, {"username": "Bob", "email": "b@example.org"}):
        assert await code_of_repeat(users, **other) == "invalid_credentials"
    assert await count_users(pool) == 1
    async with pool.connection() as connection:
        keys = await (await connection.execute("SELECT email FROM sign_up_keys")).fetchall()
    assert keys == [(None,)]
    assert (await users.call("sign_up", request(key="key-2"), Grant)).user.id != first.user.id


async def test_key_of_the_release_before(users: Any, pool: Pool) -> None:
    """That release stored no address: the account's current one is compared."""
    first = await users.call("sign_up", request(), Grant)
    async with pool.connection() as connection:
        await connection.execute("UPDATE sign_up_keys SET email = NULL")
    assert (await users.call("sign_up", request(), Grant)).user == first.user
    assert await code_of_repeat(users, email="b@example.org") == "invalid_request"


async def test_key_is_forgotten_after_ten_minutes(users: Any, pool: Pool) -> None:
    """Then it creates another account."""
    first = await users.call("sign_up", request(), Grant)
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE sign_up_keys SET expires_at = expires_at - interval '10 minutes'"
        )
    second = await users.call("sign_up", request(username="Bob", email="b@example.org"), Grant)
    assert second.user.id != first.user.id


async def test_fifty_repeats_in_parallel_make_one_account(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool
) -> None:
    """On two replicas all fifty get the same user."""
    replicas = [await start_replica(), await start_replica()]
    grants = await asyncio.gather(
        *(replicas[n % 2].call("sign_up", request(), Grant) for n in range(50))
    )
    assert len({grant.user.id for grant in grants}) == 1
    assert len({grant.refresh_token for grant in grants}) == 50
    assert await count_users(pool) == 1


async def test_a_repeat_is_served_after_its_first_try_has_left(pool: Pool) -> None:
    """They share a hash of the password, and one of them still waits for it."""
    keys, nobody = SigningKeys(pool, Wrapping("secret"), None), cast(Any, None)
    await keys.open()

    async def sign_up(accounts: Accounts, has_left: bool) -> Grant:
        caller_has_left.set(lambda: has_left)
        return await accounts.sign_up(request())

    with closing(Passwords(create_hasher(memory_kib=64, passes=1), 1)) as passwords:
        accounts = Accounts(pool, passwords, Sessions(pool, keys, nobody), nobody, "open")
        grants = await asyncio.gather(sign_up(accounts, True), sign_up(accounts, False))
    assert len({grant.user.id for grant in grants}) == 1


async def test_many_who_want_one_name_get_one_account(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool
) -> None:
    """Different keys are different users: one wins, the others get a refusal that the name is
    taken."""
    replicas = [await start_replica(), await start_replica()]
    answers = await asyncio.gather(
        *(
            replicas[n % 2].call("sign_up", request(key=f"key-{n}", password=None), Grant)
            for n in range(20)
        ),
        return_exceptions=True,
    )
    refusals = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert refusals == ["username_taken"] * 19
    assert await count_users(pool) == 1
