"""users' part of the two-phase commit: the vote, what is prepared, and how it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from common.database.pool import Pool
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import PrepareMemberships
from users.store.memberships import list_in_doubt

Change = Callable[..., PrepareMemberships]


async def prepared(pool: Pool) -> list[str]:
    return [row.transaction for row in await list_in_doubt(pool)]


async def test_change_shows_only_once_it_is_committed(
    users: Any, pool: Pool, change_of: Change
) -> None:
    """A yes is durable and invisible; the commit makes the change visible."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    change = change_of(ann, add=[ann.id, bob.id])
    await users.call("prepare", change)
    assert await prepared(pool) == [change.transaction]
    assert await users.chats_of(bob) == []
    await users.finish(change.transaction, commit=True)
    assert await users.chats_of(bob) == [change.chat]
    assert await prepared(pool) == []


async def test_rollback_leaves_nothing(users: Any, pool: Pool, change_of: Change) -> None:
    """Not even the chat's row."""
    ann = await users.sign_up("Ann")
    change = change_of(ann, add=[ann.id])
    await users.call("prepare", change)
    await users.finish(change.transaction, commit=False)
    async with pool.connection() as connection:
        for table in ("chats", "memberships", "committed_transactions"):
            row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()  # noqa: S608
            assert row == (0,)


@pytest.mark.parametrize("commit", [True, False])
async def test_finish_of_what_is_gone_is_no_error(users: Any, commit: bool) -> None:
    """The coordinator may ask twice, or for a transaction that was never prepared."""
    await users.finish(new_id(), commit=commit)


async def test_repeated_prepare_is_the_same_yes(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool, change_of: Change
) -> None:
    """On any replica, while it is prepared and after it is committed; nothing is applied twice."""
    one, other = await start_replica(), await start_replica()
    ann, bob = await one.sign_up("Ann"), await one.sign_up("Bob")
    change = change_of(ann, add=[bob.id])
    await one.call("prepare", change)
    await other.call("prepare", change)
    assert await prepared(pool) == [change.transaction]
    await one.finish(change.transaction, commit=True)
    removal = change_of(ann, chat=change.chat, remove=[bob.id])
    await one.call("prepare", removal)
    await one.finish(removal.transaction, commit=True)
    await other.call("prepare", change)
    assert await prepared(pool) == []
    assert await one.chats_of(bob) == []


async def test_prepares_of_one_transaction_in_parallel_are_one(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool, change_of: Change
) -> None:
    """A caller whose call to one replica timed out asks another while the first is still
    working."""
    replicas = [await start_replica(), await start_replica()]
    ann = await replicas[0].sign_up("Ann")
    change = change_of(ann, add=[ann.id])
    await asyncio.gather(*(replicas[n % 2].call("prepare", change) for n in range(6)))
    assert await prepared(pool) == [change.transaction]
    await replicas[0].finish(change.transaction, commit=True)
    assert await replicas[0].chats_of(ann) == [change.chat]


async def test_unknown_users_are_named(users: Any, pool: Pool, change_of: Change) -> None:
    """The refusal lists those who do not exist, in the order of the request, and nothing is
    stored."""
    ann = await users.sign_up("Ann")
    ghosts = [new_id(), new_id()]
    with pytest.raises(Refusal) as refused:
        await users.call("prepare", change_of(ann, add=[ghosts[1], ann.id, ghosts[0]]))
    assert refused.value.code == "unknown_user"
    assert [error["id"] for error in refused.value.errors or []] == [ghosts[1], ghosts[0]]
    assert await prepared(pool) == []


async def test_session_must_be_alive_and_the_users_own(users: Any, change_of: Change) -> None:
    """An ended session, or another user's, changes nothing."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    await users.log_out(ann)
    for change in (change_of(ann), change_of(ann, session=bob.session)):
        with pytest.raises(Refusal) as refused:
            await users.call("prepare", change)
        assert refused.value.code == "unauthenticated"


async def fill_up(pool: Pool, person: Any) -> None:
    """Leaves room for one chat."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO memberships (user_id, chat_id)"
            " SELECT %s, gen_random_uuid() FROM generate_series(1, 9999)",
            (person.id,),
        )


async def test_limit_of_chats_a_user(users: Any, pool: Pool, change_of: Change) -> None:
    """10,000 chats are allowed, one more is refused, and being added again does not count."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    await fill_up(pool, bob)
    last = change_of(ann, add=[bob.id])
    await users.call("prepare", last)
    await users.finish(last.transaction, commit=True)
    with pytest.raises(Refusal) as refused:
        await users.call("prepare", change_of(ann, add=[ann.id, bob.id]))
    assert refused.value.code == "invalid_request"
    assert [error["id"] for error in refused.value.errors or []] == [bob.id]
    await users.call("prepare", change_of(ann, chat=last.chat, add=[bob.id]))


@pytest.mark.usefixtures("patient_sessions")
async def test_limit_of_chats_a_user_holds_for_changes_at_once(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool, change_of: Change
) -> None:
    """The second of two waits for the first: if it is committed, no room is left; else there is
    room."""
    one, other = await start_replica(), await start_replica()
    ann, bob = await one.sign_up("Ann"), await one.sign_up("Bob")
    await fill_up(pool, bob)
    for is_committed in (False, True):
        first, second = change_of(ann, add=[ann.id, bob.id]), change_of(ann, add=[bob.id, ann.id])
        await one.call("prepare", first)
        waiting = asyncio.create_task(other.call("prepare", second))
        await asyncio.wait((waiting,), timeout=0.3)
        assert not waiting.done()
        await one.finish(first.transaction, commit=is_committed)
        if is_committed:
            with pytest.raises(Refusal, match="invalid_request"):
                await waiting
        else:
            await waiting
            await one.finish(second.transaction, commit=False)
    assert len(await one.chats_of(bob)) == 10_000


async def test_deleted_chat_is_nobodys(users: Any, change_of: Change) -> None:
    """`remove_all` removes all participants; other chats stay."""
    ann, bob = await users.sign_up("Ann"), await users.sign_up("Bob")
    kept, deleted = (change_of(ann, add=[ann.id, bob.id]) for _ in range(2))
    for change in (kept, deleted, change_of(ann, chat=deleted.chat, remove_all=True)):
        await users.call("prepare", change)
        await users.finish(change.transaction, commit=True)
    assert await users.chats_of(ann) == await users.chats_of(bob) == [kept.chat]


@pytest.mark.usefixtures("patient_sessions")
async def test_changes_of_one_chat_are_serial(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool, change_of: Change
) -> None:
    """The second waits until the first ends; nothing deadlocks, and other chats do not wait."""
    one, other = await start_replica(), await start_replica()
    ann, bob = await one.sign_up("Ann"), await one.sign_up("Bob")
    first = change_of(ann, add=[ann.id, bob.id])
    second = change_of(bob, chat=first.chat, remove=[ann.id, bob.id])
    await one.call("prepare", first)
    waiting = asyncio.create_task(other.call("prepare", second))
    elsewhere = change_of(ann, add=[bob.id, ann.id])
    await other.call("prepare", elsewhere)
    assert not waiting.done()
    await one.finish(first.transaction, commit=True)
    await waiting
    assert set(await prepared(pool)) == {second.transaction, elsewhere.transaction}
    await one.finish(second.transaction, commit=True)
    await one.finish(elsewhere.transaction, commit=True)
    assert await one.chats_of(ann) == [elsewhere.chat]


async def test_wait_for_another_change_is_bounded(
    users: Any, pool: Pool, change_of: Change
) -> None:
    """If a chat stays in doubt, its next change waits a second, then gets `unavailable`, not a
    yes."""
    ann = await users.sign_up("Ann")
    first = change_of(ann, add=[ann.id])
    await users.call("prepare", first)
    with pytest.raises(Refusal) as refused:
        await users.call("prepare", change_of(ann, chat=first.chat, remove=[ann.id]))
    assert refused.value.code == "unavailable"
    assert await prepared(pool) == [first.transaction]


async def test_nothing_is_prepared_for_a_caller_that_has_given_up(
    users: Any, pool: Pool, change_of: Change
) -> None:
    """It got the chat's lock too late and stores nothing, and the next change gets the lock at
    once."""
    ann = await users.sign_up("Ann")
    first = change_of(ann, add=[ann.id])
    late = change_of(ann, chat=first.chat, remove=[ann.id])
    await users.call("prepare", first)
    with pytest.raises(Refusal) as refused:
        await users.call("prepare", late, timeout=0.1)
    assert refused.value.code == "unavailable"
    await asyncio.sleep(0.2)  # users counts from when the call arrived, which may be later
    await users.finish(late.transaction, commit=False)
    await users.finish(first.transaction, commit=True)
    following = change_of(ann, chat=first.chat, remove=[ann.id])
    await users.call("prepare", following)  # gets its turn after the late one
    assert await prepared(pool) == [following.transaction]


async def test_waiting_changes_leave_connections_for_those_who_finish(
    users: Any, change_of: Change
) -> None:
    """Forty changes of one chat in parallel: each prepared one can be finished meanwhile."""
    ann = await users.sign_up("Ann")
    chat = new_id()

    async def change_once(n: int) -> None:
        fields = {"add": [ann.id]} if n % 2 else {"remove": [ann.id]}
        while True:
            change = change_of(ann, chat=chat, **fields)
            try:
                await users.call("prepare", change)
            except Refusal as refusal:
                if refusal.code != "unavailable":
                    raise
                await users.finish(change.transaction, commit=False)
            else:
                await users.finish(change.transaction, commit=True)
                return

    await asyncio.gather(*(change_once(n) for n in range(40)))


async def test_large_chat_is_made_in_one_statement(
    users: Any, pool: Pool, change_of: Change
) -> None:
    """A thousand participants are prepared in one insert, not one by one."""
    ann = await users.sign_up("Ann")
    async with pool.connection() as connection:
        rows = await (
            await connection.execute(
                "INSERT INTO users (id, username, email) SELECT gen_random_uuid(),"
                " 'many-' || n, n || '@example.org' FROM generate_series(1, 1000) n"
                " RETURNING id::text"
            )
        ).fetchall()
    change = change_of(ann, add=[id_ for (id_,) in rows])
    await users.call("prepare", change)
    await users.finish(change.transaction, commit=True)
    async with pool.connection() as connection:
        row = await (
            await connection.execute(
                "SELECT count(*), count(DISTINCT xmin::text), count(DISTINCT cmin::text)"
                " FROM memberships WHERE chat_id = %s",
                (change.chat,),
            )
        ).fetchone()
    assert row == (1000, 1, 1)
