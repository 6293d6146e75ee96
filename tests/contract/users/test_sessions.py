"""Sessions: rotation of refresh tokens, the grace for lost answers, and reuse."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from common.database.pool import Pool, begin
from common.identity.tokens import TokenVerifier
from common.protocol.errors import Refusal
from common.protocol.users import (
    Empty,
    EndOtherSessions,
    EndSession,
    Grant,
    KeySet,
    ListSessions,
    LogIn,
    RefreshSession,
    Revocations,
    RevocationsRequest,
    SessionList,
    TokensUsed,
)


async def refresh(users: Any, grant: Grant) -> Grant:
    answer: Grant = await users.call(
        "refresh", RefreshSession(refresh_token=grant.refresh_token), Grant
    )
    return answer


async def refusal_of_refresh(users: Any, grant: Grant) -> str:
    with pytest.raises(Refusal) as refused:
        await refresh(users, grant)
    return refused.value.code


async def revoked(users: Any, after: int = 0) -> Revocations:
    answer: Revocations = await users.call(
        "revocations", RevocationsRequest(after=after), Revocations
    )
    return answer


async def verify(users: Any, grant: Grant) -> Any:
    verifier = TokenVerifier()
    verifier.replace_keys((await users.call("keys", Empty(), KeySet)).keys)
    return verifier.verify(grant.token)[0]


async def test_access_tokens_verify_with_the_published_keys(users: Any) -> None:
    """A token names its user, its session and the session's generation."""
    ann = await users.sign_up("Ann")
    first, second = ann.grant, await refresh(users, ann.grant)
    claims = [await verify(users, grant) for grant in (first, second)]
    assert [(c.user, c.session, c.generation) for c in claims] == [
        (ann.id, ann.session, 0),
        (ann.id, ann.session, 1),
    ]


async def test_tokens_of_one_replica_verify_with_the_keys_of_another(
    start_replica: Callable[..., Awaitable[Any]],
) -> None:
    """Replicas share the folder of keys."""
    one, other = await start_replica(), await start_replica()
    ann = await one.sign_up("Ann")
    assert (await verify(other, ann.grant)).user == ann.id


async def test_refresh_rotates_and_slides(users: Any, pool: Pool) -> None:
    """Each refresh returns another refresh token, valid 30 days from now."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        await connection.execute("UPDATE sessions SET expires_at = expires_at - interval '29 days'")
    assert (await refresh(users, ann.grant)).refresh_token != ann.grant.refresh_token
    async with pool.connection() as connection:
        row = await (
            await connection.execute(
                "SELECT min(expires_at) > now() + interval '29 days' FROM sessions"
            )
        ).fetchone()
    assert row == (True,)


async def test_a_user_has_at_most_two_hundred_sessions(users: Any, pool: Pool) -> None:
    """A log-in ends those that were refreshed longest ago; other users keep theirs."""
    password = "correct horse"
    ann = await users.sign_up("Ann", password=password)
    bob = await users.sign_up("Bob")
    unused = """
        INSERT INTO sessions (id, user_id, refreshed_at, expires_at)
        SELECT gen_random_uuid(), user_id, refreshed_at - interval '1 day', expires_at
        FROM sessions CROSS JOIN generate_series(1, 250) WHERE user_id = %s
    """
    async with pool.connection() as connection:
        for user in (ann, bob):
            await connection.execute(unused, (user.id,))
    wanted = LogIn(username="Ann", password=password)
    grant = await users.call("log_in", wanted, Grant)
    living = await users.call("list_sessions", ListSessions(user=ann.id), SessionList)
    assert len(living.sessions) == 200
    assert len((await revoked(users)).sessions) == 52
    for one in (ann.grant, bob.grant, grant):
        assert await refresh(users, one)


async def test_log_ins_do_not_wait_for_the_end_of_other_sessions(users: Any, pool: Pool) -> None:
    """The revocations of many sessions hold the counter of all revocations for a while."""
    password = "correct horse"
    await users.sign_up("Ann", password=password)
    async with begin(pool) as connection:
        await connection.execute("UPDATE revocation_counter SET last = last")
        assert await users.call("log_in", LogIn(username="Ann", password=password), Grant)


async def test_no_token_is_stored(users: Any, pool: Pool) -> None:
    """The database stores only hashes of refresh tokens."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        rows = await (await connection.execute("SELECT hash FROM refresh_tokens")).fetchall()
    assert [len(row[0]) for row in rows] == [32]
    assert ann.grant.refresh_token.encode() not in rows[0][0]


async def test_lost_answers_log_nobody_out(users: Any) -> None:
    """A refresh token works repeatedly, and returns the same next one, until that one or its access
    token was used."""
    ann = await users.sign_up("Ann")
    grants = [await refresh(users, ann.grant) for _ in range(3)]
    assert len({grant.refresh_token for grant in grants}) == 1
    assert {(await verify(users, grant)).generation for grant in grants} == {1}
    assert await refresh(users, grants[0])


async def test_two_windows_that_refresh_at_once_go_on(users: Any) -> None:
    """Each uses the access token that it got and refreshes with the refresh token that it got,
    round after round."""
    ann = await users.sign_up("Ann")
    one = other = ann.grant
    for generation in range(1, 4):
        one, other = await asyncio.gather(refresh(users, one), refresh(users, other))
        await users.call("tokens_used", TokensUsed(used=[(ann.session, generation)] * 2))
    assert (await revoked(users)).sessions == []


async def test_next_refresh_token_is_kept_while_it_may_be_asked_for_again(
    users: Any, pool: Pool
) -> None:
    """Encrypted with the previous one; once that is used up nothing is left of it."""
    ann = await users.sign_up("Ann")
    query = "SELECT s::text, successor IS NULL FROM sessions s"
    next_token = (await refresh(users, ann.grant)).refresh_token
    async with pool.connection() as connection:
        kept, is_gone = await (await connection.execute(query)).fetchone() or ("", True)
        assert not is_gone
        for part in (next_token, next_token.encode().hex()):
            assert part not in kept
        await users.call("tokens_used", TokensUsed(used=[(ann.session, 1)]))
        assert (await (await connection.execute(query)).fetchone() or ())[1:] == (True,)


@pytest.mark.parametrize("kept", ["successor", "NULL"])
async def test_refresh_after_one_by_the_release_before(users: Any, pool: Pool, kept: str) -> None:
    """That release stored no next token, and left what it found: both answers may have been lost,
    so the token returns another one."""
    ann = await users.sign_up("Ann")
    lost = await refresh(users, ann.grant)
    async with pool.connection() as connection:
        await connection.execute(
            f"UPDATE sessions SET generation = generation + 1, successor = {kept}"  # noqa: S608
        )
    last = await refresh(users, ann.grant)
    assert last.refresh_token != lost.refresh_token
    assert (await verify(users, last)).generation == 3
    assert (await refresh(users, ann.grant)).refresh_token == last.refresh_token
    assert await refresh(users, last)


async def test_used_refresh_token_ends_the_session_once_the_next_access_token_was_seen(
    users: Any,
) -> None:
    """Two parties hold tokens of one session: the session ends for both."""
    ann = await users.sign_up("Ann")
    second = await refresh(users, ann.grant)
    await users.call("tokens_used", TokensUsed(used=[(ann.session, 1), (ann.session, 0)]))
    assert await refusal_of_refresh(users, ann.grant) == "unauthenticated"
    assert (await revoked(users)).sessions == [ann.session]
    assert await refusal_of_refresh(users, second) == "unauthenticated"


async def test_used_refresh_token_ends_the_session_once_a_newer_one_was_used(users: Any) -> None:
    """Use of the next refresh token shows that it was received."""
    ann = await users.sign_up("Ann")
    await refresh(users, await refresh(users, ann.grant))
    assert await refusal_of_refresh(users, ann.grant) == "unauthenticated"
    assert (await revoked(users)).sessions == [ann.session]


async def test_generations_that_never_were_end_no_grace(users: Any) -> None:
    """Only a generation that was issued can have been used."""
    ann = await users.sign_up("Ann")
    await users.call("tokens_used", TokensUsed(used=[(ann.session, 7)]))
    assert await refresh(users, ann.grant)


async def test_refreshes_in_parallel_are_one(
    start_replica: Callable[..., Awaitable[Any]],
) -> None:
    """On two replicas each gets the same refresh token, of the next generation."""
    replicas = [await start_replica(), await start_replica()]
    ann = await replicas[0].sign_up("Ann")
    grants = await asyncio.gather(*(refresh(replicas[n % 2], ann.grant) for n in range(10)))
    assert {(await verify(replicas[0], grant)).generation for grant in grants} == {1}
    assert len({grant.refresh_token for grant in grants}) == 1


@pytest.mark.parametrize("token", ["", "x", "\ud7ff\u0000", "A" * 43])
async def test_unknown_refresh_token_is_refused(users: Any, token: str) -> None:
    """The refusal revokes nothing."""
    await users.sign_up("Ann")
    with pytest.raises(Refusal) as refused:
        await users.call("refresh", RefreshSession(refresh_token=token), Grant)
    assert refused.value.code == "unauthenticated"
    assert (await revoked(users)).last == 0


async def test_expired_session_is_refused(users: Any, pool: Pool) -> None:
    """A session ends after 30 days without a refresh, and this is not a revocation."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        await connection.execute("UPDATE sessions SET expires_at = now()")
    assert await refusal_of_refresh(users, ann.grant) == "unauthenticated"
    assert (await revoked(users)).last == 0


async def test_log_out_ends_one_session(users: Any) -> None:
    """It is in the revocation log once, however often it is requested."""
    ann = await users.sign_up("Ann")
    await users.log_out(ann)
    await users.log_out(ann)
    assert await revoked(users) == Revocations(sessions=[ann.session], last=1)
    assert await refusal_of_refresh(users, ann.grant) == "unauthenticated"


async def test_nobody_ends_the_session_of_another(users: Any) -> None:
    """The session of another user is not found."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    with pytest.raises(Refusal) as refused:
        await users.call("log_out", EndSession(user=bob.id, session=ann.session))
    assert refused.value.code == "not_found"
    assert await refresh(users, ann.grant)


async def test_other_sessions_end_and_one_stays(users: Any, sessions_of: Any) -> None:
    """`keep` names the session that stays; without it all end."""
    ann = await users.sign_up("Ann", "correct horse")
    others = await sessions_of(ann, 2)
    await users.call("end_other_sessions", EndOtherSessions(user=ann.id, keep=ann.session))
    assert sorted((await revoked(users)).sessions) == sorted(others)
    await users.call("end_other_sessions", EndOtherSessions(user=ann.id, keep=None))
    assert (await revoked(users, after=2)).sessions == [ann.session]


async def test_list_has_the_living_sessions_newest_first(users: Any, sessions_of: Any) -> None:
    """A session that has ended is not in the list."""
    ann = await users.sign_up("Ann", "correct horse")
    first, second = await sessions_of(ann, 2)
    await users.call("log_out", EndSession(user=ann.id, session=first))
    listed = await users.call("list_sessions", ListSessions(user=ann.id), SessionList)
    assert [session.id for session in listed.sessions] == [second, ann.session]
    assert listed.sessions[0].created_at <= listed.sessions[0].refreshed_at
