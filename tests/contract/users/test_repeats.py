"""Changes whose answer is lost: the caller's automatic retry (common/calls/calls.py) gets the
answer that the first call got.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from common.calls.calls import Calls
from common.calls.replicas import Replicas
from common.database.pool import Pool, begin
from common.protocol import instance as i
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import (
    Account,
    ChangeProfile,
    Empty,
    GetProfile,
    Grant,
    LogIn,
    OwnAccount,
    PrepareMemberships,
    Profile,
    RefreshSession,
    SignUp,
)
from tests.fixtures.declared_calls import declared_calls

PASSWORD = "correct horse"
TIMEOUT_SECONDS = 20  # the machine that runs tests may be busy

Repeat = Callable[[str, msgspec.Struct, Any], Awaitable[Any]]


@asynccontextmanager
async def losing_first_answer(address: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address of the replica whose first connection breaks once the answer is there; and the
    lost answer."""
    host, _, port = address.rpartition(":")
    lost: list[bytes] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_connection(host, int(port))
        forth = asyncio.create_task(pipe(reader, its_writer))
        try:
            if lost:
                await pipe(its_reader, writer)
            else:
                lost.append(await its_reader.read(65_536))
        finally:
            forth.cancel()
            its_writer.close()
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname()), lost


@pytest.fixture
def repeat(users: Any) -> Repeat:
    """Makes a call whose first answer is lost; returns the second, which must equal the first."""

    async def call(name: str, request: msgspec.Struct, answer: Any) -> Any:
        async with losing_first_answer(users.address) as (address, lost):
            calls = Calls(users.http, Replicas("users", (address,)))
            second = await calls.call(name, request, answer, timeout=TIMEOUT_SECONDS)
        head, _, body = lost[0].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), lost[0]
        first = msgspec.json.decode(body, type=answer)
        if answer is Grant:
            assert second.user == first.user  # tokens are new
        else:
            assert second == first
        return second

    return call


async def make_owner(users: Any, username: str) -> Any:
    person = await users.sign_up(username, PASSWORD)
    await users.call("make_owner", i.MakeOwner(username=username), Account)
    return person


async def code_of(awaitable: Awaitable[Any]) -> str:
    with pytest.raises(Refusal) as refused:
        await awaitable
    return refused.value.code


async def actions_of(users: Any, caller: Any) -> list[str]:
    """The entries of the audit log, oldest first."""
    request = i.ListLog(caller=caller.id, before=None, limit=200)
    page = await users.call("list_log", request, i.LogPage)
    return [entry.action for entry in page.entries[::-1]]


def deletion_of(person: Any, **changes: Any) -> i.DeleteOwnAccount:
    fields = {"caller": person.id, "session": person.session, "current_password": PASSWORD}
    return i.DeleteOwnAccount(**{**fields, "key": new_id(), **changes})


async def test_a_deletion_of_ones_own_account(users: Any, repeat: Repeat) -> None:
    """The repeat succeeds though the session has ended, and is in the log once. With another key,
    from another session or by another user it gets what it would get without the first one."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben", PASSWORD)
    request = deletion_of(ben)
    await repeat("delete_own_account", request, Empty)
    for other in (
        deletion_of(ben),
        deletion_of(ben, key=request.key, session=new_id()),
        deletion_of(ben, key=request.key, session=ann.session),
        deletion_of(ben, key=request.key, caller=new_id()),
    ):
        assert await code_of(users.call("delete_own_account", other)) == "unauthenticated"
    wrong = deletion_of(ann, key=request.key, current_password="wrong horse")
    assert await code_of(users.call("delete_own_account", wrong)) == "invalid_credentials"
    assert await actions_of(users, ann) == ["owner.made", "user.deleted"]
    assert await code_of(users.call("get_profile", GetProfile(user=ben.id), Profile)) == (
        "unauthenticated"
    )


async def test_a_deletion_from_a_session_that_has_ended(users: Any) -> None:
    """The refusal is the same whatever the password: passwords cannot be tried out."""
    ben = await users.sign_up("ben", PASSWORD)
    await users.log_out(ben)
    for password in (PASSWORD, "wrong horse", None):
        request = deletion_of(ben, current_password=password)
        assert await code_of(users.call("delete_own_account", request)) == "unauthenticated"


async def test_a_deletion_that_is_repeated_while_it_is_under_way(users: Any) -> None:
    """Whichever runs first, both succeed, and the account is deleted once."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben", PASSWORD)
    request = deletion_of(ben)
    await asyncio.gather(*(users.call("delete_own_account", request) for _ in range(4)))
    assert await actions_of(users, ann) == ["owner.made", "user.deleted"]


async def test_an_owner_who_deletes_themself_among_all_users(users: Any, repeat: Repeat) -> None:
    """They no longer exist when the repeat comes."""
    ann, ben = await make_owner(users, "ann"), await make_owner(users, "ben")
    await repeat("delete_user", i.DeleteUser(caller=ben.id, user=ben.id, key=new_id()), Empty)
    again = i.DeleteUser(caller=ben.id, user=ben.id, key=new_id())
    assert await code_of(users.call("delete_user", again)) == "unauthenticated"
    assert await actions_of(users, ann) == ["owner.made", "owner.made", "user.deleted"]


async def invite(users: Any, person: Any) -> str:
    request = i.CreateInvitation(
        caller=person.id, uses=1, days=1, chat=None, role="member", key=new_id()
    )
    made: i.Invitation = await users.call("create_invitation", request, i.Invitation)
    return made.code


async def test_a_revocation_of_an_invitation(users: Any, repeat: Repeat) -> None:
    """A second one, with another key or none, is not found, as before."""
    ann = await make_owner(users, "ann")
    code, other = await invite(users, ann), await invite(users, ann)
    request = i.RevokeInvitation(caller=ann.id, code=code, key=new_id())
    await repeat("revoke_invitation", request, Empty)
    for second in (new_id(), i.NO_KEY):
        again = i.RevokeInvitation(caller=ann.id, code=code, key=second)
        assert await code_of(users.call("revoke_invitation", again)) == "not_found"
    same_key = i.RevokeInvitation(caller=ann.id, code=other, key=request.key)
    await users.call("revoke_invitation", same_key)
    assert (await actions_of(users, ann)).count("invite.revoked") == 2


async def reset_of(users: Any, caller: Any, user: Any) -> str:
    request = i.CreateReset(caller=caller.id, user=user.id, key=new_id())
    code = (await users.call("create_reset", request, i.Code)).code
    assert code is not None
    return str(code)


async def test_a_use_of_a_reset(users: Any, repeat: Repeat) -> None:
    """The password is set once; the code with another key or none, and the key with another code,
    are not found."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    request = i.UseReset(code=await reset_of(users, ann, ben), password=PASSWORD, key=new_id())
    await repeat("use_reset", request, Empty)
    grant = await users.call("log_in", LogIn(username="ben", password=PASSWORD), Grant)
    await users.call("use_reset", request)
    refresh = RefreshSession(refresh_token=grant.refresh_token)
    assert (await users.call("refresh", refresh, Grant)).user.id == ben.id
    for other in (
        i.UseReset(code=request.code, password=PASSWORD, key=new_id()),
        i.UseReset(code=request.code, password=PASSWORD),
        i.UseReset(code="x" * 43, password=PASSWORD, key=request.key),
    ):
        assert await code_of(users.call("use_reset", other)) == "not_found"


async def test_a_use_of_a_reset_that_is_repeated_while_it_is_under_way(users: Any) -> None:
    """With one key all succeed, and with several keys one."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben")
    request = i.UseReset(code=await reset_of(users, ann, ben), password=PASSWORD, key=new_id())
    await asyncio.gather(*(users.call("use_reset", request) for _ in range(3)))
    code = await reset_of(users, ann, ben)
    several = await asyncio.gather(
        *(
            users.call("use_reset", i.UseReset(code=code, password=PASSWORD, key=new_id()))
            for _ in range(3)
        ),
        return_exceptions=True,
    )
    assert sum(one == Empty() for one in several) == 1


@pytest.mark.parametrize("change", [{"role": "member"}, {"active": False}])
async def test_a_change_of_oneself_that_ends_ones_own_role(
    users: Any, repeat: Repeat, change: dict[str, Any]
) -> None:
    """The first call removed the role that the repeat would need; the repeat shows what the first
    did, even if another user has changed it since."""
    ann, ben = await make_owner(users, "ann"), await make_owner(users, "ben")
    fields: dict[str, Any] = {"active": None, "role": None, **change}
    request = i.ChangeUser(caller=ben.id, user=ben.id, key=new_id(), **fields)
    first = await repeat("change_user", request, i.ManagedUser)
    back = i.ChangeUser(caller=ann.id, user=ben.id, active=True, role="admin", key=new_id())
    await users.call("change_user", back, i.ManagedUser)
    assert await users.call("change_user", request, i.ManagedUser) == first
    assert (await actions_of(users, ann)).count("user.updated") == 2


@pytest.mark.usefixtures("patient_sessions")
async def test_a_new_password_that_is_set_again_while_it_is_under_way(
    users: Any, pool: Pool
) -> None:
    """The repeat, which has compared the old password, is not another change; a call with another
    key is."""
    ann = await users.sign_up("ann", PASSWORD)
    fields: dict[str, Any] = {"user": ann.id, "session": ann.session, "email": None}
    request = ChangeProfile(
        current_password=PASSWORD, password="better horse", key=new_id(), **fields
    )
    other = msgspec.structs.replace(request, key=new_id())
    async with begin(pool) as connection:
        await connection.execute("SELECT FROM users WHERE id = %s FOR UPDATE", (ann.id,))
        changes = [
            asyncio.create_task(users.call("change_profile", change, OwnAccount))
            for change in (request, request, other)
        ]
        await wait_for_waiting(pool, len(changes))
    answers = await asyncio.gather(*changes, return_exceptions=True)
    refused = [one.code for one in answers if isinstance(one, Refusal)]
    assert refused in (["invalid_credentials"], ["invalid_credentials"] * 2)
    assert isinstance(answers[0], Refusal) == isinstance(answers[1], Refusal)
    assert isinstance(answers[0], Refusal) != isinstance(answers[2], Refusal)


async def wait_for_waiting(pool: Pool, number: int) -> None:
    """Waits until this many transactions of the database wait for locks of others."""
    while True:
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if await cursor.fetchone() == (number,):
                return
        await asyncio.sleep(0.01)


async def request_of(name: str, users: Any, change_of: Any) -> tuple[msgspec.Struct, Any]:
    """A call with a key, and its answer."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben", PASSWORD)
    by, key = ann.id, new_id()
    match name:
        case "sign_up":
            request = SignUp(
                username="cat", email="cat@example.org", password=PASSWORD, key=key,
                invite=await invite(users, ann),
            )  # fmt: skip
            return request, Grant
        case "change_profile":
            profile = ChangeProfile(
                user=ben.id, session=ben.session, email="b@example.org",
                password="better horse", current_password=PASSWORD, key=key,
            )  # fmt: skip
            return profile, OwnAccount
        case "prepare":
            return change_of(ben, add=[ben.id], transaction=key), Empty
        case "change_user":
            change = i.ChangeUser(caller=by, user=ben.id, active=False, role=None, key=key)
            return change, i.ManagedUser
        case "create_reset":
            return i.CreateReset(caller=by, user=ben.id, key=key), i.Code
        case "create_invitation":
            invitation = i.CreateInvitation(
                caller=by, uses=1, days=1, chat=None, role="member", key=key
            )
            return invitation, i.Invitation
        case "take_invitation":
            code = await invite(users, ann)
            return i.TakeInvitation(caller=ben.id, code=code, key=key), i.Taken
        case "revoke_invitation":
            code = await invite(users, ann)
            return i.RevokeInvitation(caller=by, code=code, key=key), Empty
        case "use_reset":
            code = await reset_of(users, ann, ben)
            return i.UseReset(code=code, password=PASSWORD, key=key), Empty
        case "delete_user":
            return i.DeleteUser(caller=by, user=ben.id, key=key), Empty
        case "delete_own_account":
            return deletion_of(ben), Empty
    raise AssertionError(f"{name} is declared to have a key: say here how it is made")


@pytest.mark.parametrize(
    "name", [call.name for call in declared_calls("users") if call.repeat == "key"]
)
async def test_each_call_with_a_key(name: str, users: Any, repeat: Repeat, change_of: Any) -> None:
    """It gets the same answer as the first."""
    request, answer = await request_of(name, users, change_of)
    await repeat(name, request, answer)
    if isinstance(request, PrepareMemberships):
        await users.finish(request.transaction, commit=False)
