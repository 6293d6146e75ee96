"""Changes whose answer is lost: the repeat that the caller makes by itself (common/calls/calls.py)
gets the answer that the first one got."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from common.calls.calls import Calls
from common.calls.replicas import Replicas
from common.protocol import instance as i
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.users import Account, Empty, GetProfile, Profile

PASSWORD = "correct horse"
TIMEOUT_SECONDS = 20  # the machine that runs tests may be busy

Repeat = Callable[[str, msgspec.Struct, Any], Awaitable[Any]]


@asynccontextmanager
async def losing_first_answer(address: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address of the replica whose first connection breaks once the answer is there; what was
    lost."""
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
    """Makes a call whose first answer is lost; gives the second, which must be the first one's."""

    async def call(name: str, request: msgspec.Struct, answer: Any) -> Any:
        async with losing_first_answer(users.address) as (address, lost):
            calls = Calls(users.http, Replicas("users", (address,)))
            second = await calls.call(name, request, answer, timeout=TIMEOUT_SECONDS)
        head, _, body = lost[0].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), lost[0]
        assert second == msgspec.json.decode(body, type=answer)
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
    """What the audit log has, oldest first."""
    request = i.ListLog(caller=caller.id, before=None, limit=200)
    page = await users.call("list_log", request, i.LogPage)
    return [entry.action for entry in page.entries[::-1]]


def deletion_of(person: Any, **changes: Any) -> i.DeleteOwnAccount:
    fields = {"caller": person.id, "session": person.session, "current_password": PASSWORD}
    return i.DeleteOwnAccount(**{**fields, "key": new_id(), **changes})


async def test_a_deletion_of_ones_own_account(users: Any, repeat: Repeat) -> None:
    """Is a success though the session has ended, and is in the log once. With another key, from
    another session or by somebody else it is what it would be without the first one."""
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


async def test_a_deletion_that_is_repeated_while_it_is_under_way(users: Any) -> None:
    """Whichever comes first, both succeed, and there is one."""
    ann, ben = await make_owner(users, "ann"), await users.sign_up("ben", PASSWORD)
    request = deletion_of(ben)
    await asyncio.gather(*(users.call("delete_own_account", request) for _ in range(4)))
    assert await actions_of(users, ann) == ["owner.made", "user.deleted"]


async def test_an_owner_who_deletes_themself_among_all_users(users: Any, repeat: Repeat) -> None:
    """Is nobody any more when the repeat comes."""
    ann, ben = await make_owner(users, "ann"), await make_owner(users, "ben")
    await repeat("delete_user", i.DeleteUser(caller=ben.id, user=ben.id, key=new_id()), Empty)
    again = i.DeleteUser(caller=ben.id, user=ben.id, key=new_id())
    assert await code_of(users.call("delete_user", again)) == "unauthenticated"
    assert await actions_of(users, ann) == ["owner.made", "owner.made", "user.deleted"]
