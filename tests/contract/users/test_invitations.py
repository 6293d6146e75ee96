"""What an invitation permits: what its creator may grant at the moment of its use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec
import pytest

from common.calls.calls import Calls
from common.database.failures import MAX_TRIES, DatabaseBusy
from common.database.pool import Connection, Pool, begin
from common.protocol import instance as i
from common.protocol.chats import Done, JoinChat
from common.protocol.errors import invalid, unavailable
from common.protocol.ids import new_id
from common.protocol.users import Empty, Grant, PrepareMemberships
from tests.contract.users.test_instance import change, code_of, make_owner, sign_up
from tests.contract.users.test_repeats import wait_for_waiting
from tests.contract.users.test_resets import until_something_waits
from users.invitations import MAX_INVITATIONS_A_USER, ROUND_LIMIT, Invitations
from users.store.invitations import JoinRow, give_use_back, insert_join, list_old_joins


async def invite(users: Any, caller: Any, role: Any = "member") -> str:
    request = i.CreateInvitation(
        caller=caller.id, uses=9, days=1, chat=None, role=role, key=new_id()
    )
    code: str = (await users.call("create_invitation", request, i.Invitation)).code
    return code


async def codes_of(users: Any, caller: Any) -> set[str]:
    found = await users.call(
        "list_invitations", i.ListInvitations(caller=caller.id), i.InvitationList
    )
    return {one.code for one in found.invitations}


async def revoke(users: Any, caller: Any, code: str) -> None:
    await users.call("revoke_invitation", i.RevokeInvitation(caller=caller.id, code=code))


async def take(users: Any, caller: Any, code: str) -> i.Taken:
    taken: i.Taken = await users.call(
        "take_invitation", i.TakeInvitation(caller=caller.id, code=code), i.Taken
    )
    return taken


async def test_admins_neither_see_nor_revoke_invitations_of_admins(users: Any) -> None:
    """Anybody who sees one can create an admin with it, which only owners may."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    await change(users, ann, ben, role="admin")
    of_admins, of_members = await invite(users, ann, "admin"), await invite(users, ann)
    assert await codes_of(users, ben) == {of_members}
    assert await codes_of(users, ann) == {of_admins, of_members}
    assert await code_of(revoke(users, ben, of_admins)) == "forbidden"
    await revoke(users, ben, of_members)
    await revoke(users, ann, of_admins)
    assert await code_of(revoke(users, ben, of_admins)) == "not_found"


async def test_a_user_may_have_a_thousand_invitations(users: Any, pool: Pool) -> None:
    """Those that cannot be used any more do not count; a repeat returns what it made. They keep
    nobody from seeing their own."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    await change(users, ann, ben, role="owner")
    of_ben = await invite(users, ben)
    code = await invite(users, ann)
    copies = """
        INSERT INTO invitations (id, code, maker, role, uses, uses_left, expires_at, revoked_at)
        SELECT gen_random_uuid(), n || code, maker, role, uses,
            CASE WHEN n = 1 THEN 0 ELSE uses END,
            CASE WHEN n = 2 THEN now() ELSE expires_at END, CASE WHEN n = 3 THEN now() END
        FROM invitations CROSS JOIN generate_series(1, %s) AS n WHERE maker = %s
    """
    async with pool.connection() as connection:
        await connection.execute(copies, (MAX_INVITATIONS_A_USER + 1, ann.id))
    request = i.CreateInvitation(
        caller=ann.id, uses=1, days=1, chat=None, role="member", key=new_id()
    )
    last = await users.call("create_invitation", request, i.Invitation)
    assert len(await codes_of(users, ann)) == MAX_INVITATIONS_A_USER
    assert await code_of(invite(users, ann)) == "invalid_request"
    assert of_ben in await codes_of(users, ben)
    assert await users.call("create_invitation", request, i.Invitation) == last
    await revoke(users, ann, code)
    assert await invite(users, ann) in await codes_of(users, ann)


@pytest.mark.parametrize(
    ("before", "after", "invited", "works"),
    [
        ("owner", "member", "admin", False),
        ("owner", "member", "member", False),
        ("owner", "admin", "admin", False),
        ("owner", "admin", "member", True),
        ("admin", "member", "member", False),
        ("admin", "owner", "member", True),
    ],
)
async def test_an_invitation_is_worth_what_its_maker_may_give(
    users: Any, before: i.Role, after: i.Role, invited: Any, works: bool
) -> None:
    """For sign-up, accepting, listing and revoking alike, by the creator's current role."""
    ann, ben, cat = [await users.sign_up(name) for name in ("ann", "ben", "cat")]
    await users.call("make_owner", i.MakeOwner(username="ann"))
    await change(users, ann, ben, role=before)
    code = await invite(users, ben, invited)
    await change(users, ann, ben, role=after)
    if works:
        await users.call("sign_up", sign_up("dan", code), Grant)
        assert await take(users, cat, code) == i.Taken(chat=None)
        assert code in await codes_of(users, ben)
        await revoke(users, ben, code)
        return
    assert await code_of(users.call("sign_up", sign_up("dan", code), Grant)) == "not_found"
    assert await code_of(take(users, cat, code)) == "not_found"
    assert await codes_of(users, ben) == await codes_of(users, ann) == set()
    for caller in (ann, ben):
        assert await code_of(revoke(users, caller, code)) == "not_found"
    await change(users, ann, ben, role=before)
    await users.call("sign_up", sign_up("dan", code), Grant)


async def test_an_invitation_into_a_chat_is_revoked_while_chats_is_away(
    users: Any, pool: Pool
) -> None:
    """It is unknown whether it still works, and it must not."""
    ann = await make_owner(users, "ann")
    code = await invite(users, ann)
    async with begin(pool) as connection:
        await connection.execute(
            "UPDATE invitations SET chat = %s WHERE code = %s", (new_id(), code)
        )
    await revoke(users, ann, code)
    assert await code_of(revoke(users, ann, code)) == "not_found"


@pytest.mark.usefixtures("patient_sessions")
async def test_a_demotion_that_is_under_way_counts(users: Any, pool: Pool) -> None:
    """A sign-up that began earlier waits for it, and creates no admin."""
    ann, ben = await make_owner(users, "ann"), await make_owner(users, "ben")
    code = await invite(users, ben, "admin")
    async with begin(pool) as connection:
        await connection.execute("SELECT FROM instance FOR UPDATE")
        await connection.execute("UPDATE users SET role = 'member' WHERE id = %s", (ben.id,))
        signing_up = asyncio.create_task(
            code_of(users.call("sign_up", sign_up("cat", code), Grant))
        )
        await until_something_waits(pool)
    assert await signing_up == "not_found"
    assert await codes_of(users, ann) == set()


class Chats:
    """Answers only for one chat, whoever joins it."""

    def __init__(self, chat: str) -> None:
        self.chat = chat

    async def call(self, name: str, request: JoinChat, answer: Any, **_: Any) -> Done:
        if request.chat != self.chat:
            raise unavailable()
        return Done(changed=True)


async def test_joins_that_come_to_nothing_keep_no_other_waiting(users: Any, pool: Pool) -> None:
    """However many of the oldest there are: they stay, and newer ones are still finished."""
    ann, chat = await users.sign_up("ann"), new_id()
    remember = (
        "INSERT INTO joins (user_id, chat, inviter, since)"
        " SELECT %s, gen_random_uuid(), gen_random_uuid(), now() - interval '2 days'"
        " FROM generate_series(1, %s)"
    )
    async with pool.connection() as connection:
        await connection.execute(remember, (ann.id, 2 * ROUND_LIMIT + 1))
        await connection.execute(
            "INSERT INTO joins (user_id, chat, inviter, since)"
            " VALUES (%s, %s, gen_random_uuid(), now() - interval '1 day')",
            (ann.id, chat),
        )
    invitations = Invitations(pool, cast(Calls, Chats(chat)), None)
    for _ in range(3):
        await invitations.join_left_over()
    left = await list_old_joins(pool, 0.0, 3 * ROUND_LIMIT, 0)
    assert len(left) == 2 * ROUND_LIMIT + 1
    assert chat not in {join.chat for join in left}


class FullAtFirst:
    """Refuses the first request, but only after the second one, which is prepared in users."""

    def __init__(self, users: Any, ask_again: Callable[[], Awaitable[Any]]) -> None:
        self.change: PrepareMemberships | None = None
        self._users, self._ask_again = users, ask_again
        self._was_asked = False

    async def call(self, _: str, join: JoinChat, *args: Any, **kwargs: Any) -> Done:
        if self._was_asked:
            self.change = PrepareMemberships(
                transaction=new_id(), user=join.inviter, session="", chat=join.chat,
                add=[join.user], remove=[], remove_all=False,
            )  # fmt: skip
            await self._users.call("prepare", self.change)
            return Done(changed=True)
        self._was_asked = True
        await self._ask_again()
        raise invalid("userIds", "is one too many")


@pytest.mark.usefixtures("patient_sessions")
async def test_a_use_by_which_somebody_is_let_in_is_not_given_back(
    users: Any, pool: Pool, change_of: Callable[..., PrepareMemberships]
) -> None:
    """Somebody asks twice at once to join a full chat, and a place becomes free in between: the use
    counts, although the first request is refused."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    code, making = await invite(users, ann), change_of(ann, add=[ann.id])
    await users.call("prepare", making)
    await users.finish(making.transaction, commit=True)
    async with pool.connection() as connection:
        await connection.execute("UPDATE invitations SET chat = %s", (making.chat,))

    def ask() -> Awaitable[i.Taken]:
        request = i.TakeInvitation(caller=ben.id, code=code, key=new_id())
        return invitations.take_invitation(request)

    chats = FullAtFirst(users, ask)
    invitations = Invitations(pool, cast(Calls, chats), None)
    first = asyncio.create_task(code_of(ask()))
    waiting = asyncio.create_task(until_something_waits(pool))
    await asyncio.wait((first, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert chats.change is not None
    await users.finish(chats.change.transaction, commit=True)
    assert await first == "invalid_request"
    assert await users.chats_of(ben) == [chats.change.chat]
    async with pool.connection() as connection:
        row = await connection.execute("SELECT uses - uses_left FROM invitations")
        assert await row.fetchone() == (1,)


class Full:
    """Lets nobody in."""

    async def call(self, *args: Any, **kwargs: Any) -> Done:
        raise invalid("userIds", "is one too many")


@pytest.mark.parametrize("is_repeated", [True, False])
async def test_a_use_is_given_back_later_if_the_database_is_busy(
    users: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch, is_repeated: bool
) -> None:
    """By a repeat of the user's, or else without one: the chat is full, so nobody was let in."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    code, busy = await invite(users, ann), list(range(MAX_TRIES))
    async with pool.connection() as connection:
        await connection.execute("UPDATE invitations SET chat = %s", (new_id(),))

    async def give_back(*args: Any) -> None:
        if busy:
            busy.pop()
            raise DatabaseBusy
        await give_use_back(*args)

    monkeypatch.setattr("users.invitations.store.give_use_back", give_back)
    monkeypatch.setattr("users.invitations.LEFT_OVER_SECONDS", 0.0)
    invitations = Invitations(pool, cast(Calls, Full()), None)
    request = i.TakeInvitation(caller=ben.id, code=code, key=new_id())
    with pytest.raises(DatabaseBusy):
        await invitations.take_invitation(request)
    if is_repeated:
        assert await code_of(invitations.take_invitation(request)) == "invalid_request"
    else:
        await invitations.join_left_over()
    async with pool.connection() as connection:
        row = await connection.execute("SELECT uses - uses_left FROM invitations")
        assert await row.fetchone() == (0,)


async def test_a_join_whose_chat_is_busy_holds_up_no_other(
    users: Any, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that are left over: it waits for a later round."""
    ann = await make_owner(users, "ann")
    await invite(users, ann)
    ben, cleo = [await users.sign_up(name) for name in ("ben", "cleo")]
    for user in (ben, cleo):
        async with begin(pool) as connection:
            [[invitation]] = await (
                await connection.execute("SELECT id FROM invitations")
            ).fetchall()
            join = JoinRow(user.id, new_id(), ann.id, new_id(), str(invitation))
            await insert_join(connection, join)

    async def give_back(connection: Connection, join: JoinRow) -> None:
        if join.user == ben.id:
            raise DatabaseBusy
        await give_use_back(connection, join)

    monkeypatch.setattr("users.invitations.store.give_use_back", give_back)
    monkeypatch.setattr("users.invitations.LEFT_OVER_SECONDS", 0.0)
    await Invitations(pool, cast(Calls, Full()), None).join_left_over()
    assert [join.user for join in await list_old_joins(pool, 0.0, 9, 0)] == [ben.id]


@pytest.mark.parametrize("others", [(None, "x" * 43), ("other", None), ("other", "x" * 43)])
async def test_a_sign_up_is_repeated_with_its_invitation(
    users: Any, others: tuple[str | None, ...]
) -> None:
    """With another invitation, one more or one less the body is a different one."""
    ann = await make_owner(users, "ann")
    codes = {"other": await invite(users, ann)}
    first, second = (codes.get(other or "", other) for other in others)
    request = sign_up("ben", first)
    grant = await users.call("sign_up", request, Grant)
    assert (await users.call("sign_up", request, Grant)).user == grant.user
    other = msgspec.structs.replace(request, invite=second)
    assert await code_of(users.call("sign_up", other, Grant)) == "invalid_request"


async def test_a_sign_up_of_the_release_before_is_repeated(users: Any, pool: Pool) -> None:
    """It stored no invitation, so there is nothing to compare."""
    request = sign_up("ben", await invite(users, await make_owner(users, "ann")))
    grant = await users.call("sign_up", request, Grant)
    async with pool.connection() as connection:
        await connection.execute("UPDATE sign_up_keys SET invite = NULL")
    assert (await users.call("sign_up", request, Grant)).user == grant.user


@pytest.mark.usefixtures("patient_sessions")
async def test_the_last_use_is_repeated_at_another_replica(
    start_replica: Callable[..., Awaitable[Any]], pool: Pool
) -> None:
    """Also while the first is in progress: it does not count as another user's."""
    replicas = [await start_replica(), await start_replica()]
    code = (await replicas[0].call("make_owner_code", Empty(), i.Code)).code
    request = sign_up("ann", code)
    async with begin(pool) as connection:
        await connection.execute("SELECT FROM owner_code FOR UPDATE")
        signing_up = [
            asyncio.create_task(replica.call("sign_up", request, Grant)) for replica in replicas
        ]
        await wait_for_waiting(pool, len(signing_up))
    first, second = await asyncio.gather(*signing_up)
    assert first.user == second.user


async def test_an_invitation_that_is_repeated_is_the_first_one(users: Any) -> None:
    """Whatever its body, and whoever may create one by now."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    await change(users, ann, ben, role="admin")
    request = i.CreateInvitation(
        caller=ben.id, uses=1, days=1, chat=None, role="member", key=new_id()
    )
    first = await users.call("create_invitation", request, i.Invitation)
    others = {"role": "admin"}, {"chat": new_id()}, {"uses": 2, "days": 2}
    for other in (*others, {}):
        if not other:
            await change(users, ann, ben, role="member")
        again = msgspec.structs.replace(request, **other)
        assert await users.call("create_invitation", again, i.Invitation) == first


async def test_uses_of_somebody_are_found_by_index(pool: Pool) -> None:
    """The deletion of an account does not read the uses of all invitations."""
    async with pool.connection() as connection:
        await connection.execute("SET enable_seqscan = off")  # the table is empty
        plan = await (
            await connection.execute(
                "EXPLAIN DELETE FROM invitation_uses WHERE user_id = %s", (new_id(),)
            )
        ).fetchall()
    assert "invitation_uses_user" in str(plan)
    assert "Seq Scan" not in str(plan)
