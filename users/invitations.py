"""Invitations: links with which people sign up, or join a chat.

A chat is joined by the two-phase commit that chats coordinates. From the use of an invitation until
chats has answered, the join is a row here, so that it survives any crash. Its key makes chats do it
once: a repeat does not bring back a user who was removed since.
"""

from functools import partial
from uuid import UUID, uuid5

import msgspec

from common.calls.calls import DEADLINE_SECONDS, Calls
from common.database.failures import DatabaseBusy, retry_busy
from common.database.pool import Connection, Pool, begin
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.chats import ChatOwners, ChatsOwned, DemandChatOwner, Done, JoinChat
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.ids import new_id
from common.protocol.instance import (
    CreateInvitation,
    Invitation,
    InvitationList,
    ListInvitations,
    RevokeInvitation,
    SignUpMode,
    TakeInvitation,
    Taken,
)
from common.protocol.limits import MAX_PARTICIPANTS_A_CHAT
from common.protocol.users import Empty
from common.protocol.wire import wire_time
from users.codes import new_code
from users.roles import (
    EVERYBODY,
    IN_CHARGE,
    InviteKind,
    judge_invitation,
    judge_role,
    judge_target,
    kind_of_invitation,
)
from users.store import invitations as store
from users.store.administration import find_role
from users.store.instance import (
    find_result,
    hold_instance,
    keep_result,
    lock_instance,
    read_instance,
    write_log,
)

JOIN_SECONDS = 2.0  # for a call whose caller waits
OWNER_SECONDS = 1.0  # a revocation waits no longer for the answer of chats
LEFT_OVER_SECONDS = 3.0  # by then its caller has given up
ROUND_LIMIT = 50
MAX_INVITATIONS_A_USER = 1_000  # that can still be used
MAX_INVITATIONS_SHOWN = 1_000
CREATE = "create_invitation"  # the scope of its keys


class Invitations:
    """The calls about invitations. `signup` is the environment's setting, which overrides the
    stored one."""

    def __init__(self, pool: Pool, chats: Calls, signup: SignUpMode | None) -> None:
        self._pool = pool
        self._chats = chats
        self._signup = signup
        self._passed_over = 0  # the oldest pending joins, which chats did not answer

    async def create_invitation(self, request: CreateInvitation) -> Invitation:
        """A repeat returns the first invitation, whatever it asks for and whether or not its caller
        may still create one.

        Raises Refusal: `forbidden` for a role that may not, or a chat that the caller does not own;
        `not_found` for a chat that the caller is not in; `invalid_request` if the caller has
        `MAX_INVITATIONS_A_USER` that work.
        """
        async with self._pool.connection() as connection:
            if made := await _find_made(connection, request):
                return made
            await self._demand_leave(connection, request)
        if request.chat is not None:
            asked = DemandChatOwner(user=request.caller, chat=request.chat)
            await self._chats.call("demand_chat_owner", asked, Done, key=request.chat)
        return await retry_busy(lambda: self._create(request))

    async def _demand_leave(self, connection: Connection, request: CreateInvitation) -> None:
        role = await find_role(connection, request.caller)
        mode = self._signup or (await read_instance(connection)).signup
        if refusal := judge_invitation(role, mode, request.chat is not None, request.role):
            raise refusal

    async def _create(self, request: CreateInvitation) -> Invitation:
        async with begin(self._pool) as connection:
            await lock_instance(connection)
            if first := await _find_made(connection, request):
                return first
            await self._demand_leave(connection, request)
            most = MAX_INVITATIONS_A_USER
            if await store.count_invitations(connection, request.caller, most) >= most:
                raise Refusal("invalid_request", f"You have {most:,} invitations. Revoke one.")
            invitation, code = new_id(), new_code()
            expires_at = await store.insert_invitation(
                connection,
                invitation,
                code,
                maker=request.caller,
                chat=request.chat,
                role=request.role,
                uses=request.uses,
                days=request.days,
            )
            detail = {
                "uses": request.uses, "days": request.days, "role": request.role,
                "chat": request.chat,
            }  # fmt: skip
            await write_log(connection, request.caller, "invite.created", invitation, detail)
            made = Invitation(
                code=code,
                uses=request.uses,
                left=request.uses,
                chat=request.chat,
                role=request.role,
                expires_at=wire_time(expires_at),
            )
            result = msgspec.json.encode(made)
            await keep_result(connection, request.caller, CREATE, request.key, result)
        return made

    async def list_invitations(self, request: ListInvitations) -> InvitationList:
        """Members see their own; owners also everybody else's, admins those that their role could
        have created: `MAX_INVITATIONS_SHOWN` at most. Raises Refusal."""
        async with self._pool.connection() as connection:
            role = await find_role(connection, request.caller)
            if refusal := judge_role(role, EVERYBODY):
                raise refusal
            found = await store.list_invitations(
                connection, request.caller, MAX_INVITATIONS_SHOWN, others=role in IN_CHARGE
            )
            rows = [
                row
                for row in found
                if kind_of(row) and not (role in IN_CHARGE and judge_target(role, row.role))
            ]
        asked = await self._ask_owners({row.chat for row in rows if row.chat is not None})
        working = [
            row for row in rows if row.chat is None or asked.owners.get(row.chat) == row.maker
        ]
        return InvitationList(invitations=[show_invitation(row) for row in working])

    async def revoke_invitation(self, request: RevokeInvitation) -> Empty:
        """Raises Refusal: `not_found` for one that is no longer valid, and for a member also for
        another user's; `forbidden` for an admin and one that makes admins."""
        async with self._pool.connection() as connection:
            row = await store.find_invitation(connection, request.code)
        try:
            has_chat = row is None or await self._has_chat(row)
        except Refusal:
            has_chat = True  # chats does not answer; better to revoke one that may still be valid
        return await retry_busy(lambda: self._revoke(request, has_chat))

    async def _revoke(self, request: RevokeInvitation, has_chat: bool) -> Empty:
        scope = f"revoke_invitation {request.code}"
        async with begin(self._pool) as connection:
            await lock_instance(connection)
            role = await find_role(connection, request.caller)
            if refusal := judge_role(role, EVERYBODY):
                raise refusal
            if await find_result(connection, request.caller, scope, request.key) is not None:
                return Empty()
            row = await lock_working(connection, request.code)
            if row.uses_left == 0 or not has_chat:
                raise not_found()
            if role not in IN_CHARGE and row.maker != request.caller:
                raise not_found()
            if role in IN_CHARGE and (refusal := judge_target(role, row.role)):
                raise refusal
            await store.revoke_invitation(connection, row.id)
            await write_log(connection, request.caller, "invite.revoked", row.id, {})
            await keep_result(connection, request.caller, scope, request.key, b"")
        return Empty()

    async def take_invitation(self, request: TakeInvitation) -> Taken:
        """Puts the caller into the invitation's chat. It counts as a use once per user: they may
        leave and come back, but after a removal by somebody else they need another use. A repeat
        with the key changes nothing, whatever has happened since.

        Raises Refusal: `not_found`, `invalid_request` at a limit of the chat or the user,
        `unavailable`: then a repeat settles it.
        """
        scope = f"take_invitation {request.code}"
        async with self._pool.connection() as connection:
            known = await find_result(connection, request.caller, scope, request.key)
        if known is not None:
            return msgspec.json.decode(known, type=Taken)
        taken = await self._let_in(request)
        result = msgspec.json.encode(taken)
        async with begin(self._pool) as connection:
            await keep_result(connection, request.caller, scope, request.key, result)
        return taken

    async def _let_in(self, request: TakeInvitation) -> Taken:
        is_out = False
        while True:
            join = await retry_busy(partial(self._take, request, is_out))
            if join is None:
                return Taken(chat=None)
            try:
                await self.join(join)
            except Refusal as refusal:
                if refusal.code != "unauthenticated":
                    raise
                is_out = True  # nothing lets them in, and they are not in
            else:
                return Taken(chat=join.chat)

    async def _take(self, request: TakeInvitation, is_out: bool) -> store.JoinRow | None:
        """Uses it for the caller, unless they have used it already. `is_out`: they are not in the
        chat, and a spent use does not let them in, so another one is counted. None if it is not for
        a chat."""
        async with begin(self._pool) as connection:
            row = await lock_working(connection, request.code)
            spent = await store.lock_use(connection, row.id, request.caller)
            is_new = spent is None or (spent and is_out)
            if is_new:
                if row.uses_left == 0:
                    raise not_found()
                await store.use_invitation(connection, row.id, request.caller)
            if row.chat is None:
                return None
            waiting = None
            if not is_new:
                waiting = await store.find_join(connection, request.caller, row.chat, row.maker)
            # A repeat of the request is one for chats too, whose answer may have been lost.
            key = str(uuid5(UUID(request.key), f"{request.caller} {request.code}"))
            to_give_back = row.id if is_new else None
            join = waiting or store.JoinRow(request.caller, row.chat, row.maker, key, to_give_back)
            # Without a join, chats is still asked: it says yes for a user who is in the chat, and
            # `prepare` no for everybody else.
            if is_new or not (waiting or spent):
                await store.insert_join(connection, join)
        return join

    async def find_kind(self, code: str) -> InviteKind | None:
        """None if it is invalid, or no longer valid. Raises Refusal: `invalid_request` if its chat
        is full, `unavailable` if chats does not answer."""
        async with self._pool.connection() as connection:
            row = await store.find_invitation(connection, code)
        if row is None or row.uses_left == 0 or (kind := kind_of(row)) is None:
            return None
        if row.chat is not None:
            asked = await self._ask_owners({row.chat})
            if asked.owners.get(row.chat) != row.maker:
                return None
            if row.chat in asked.full:
                most = f"{MAX_PARTICIPANTS_A_CHAT:,}"
                raise invalid("invite", f"is for a chat that has {most} participants already")
        return kind

    async def _has_chat(self, row: store.InvitationRow) -> bool:
        """Whether its maker still owns its chat, if it is for one. Raises Refusal `unavailable` if
        chats does not answer within `OWNER_SECONDS`."""
        if row.chat is None:
            return True
        asked = await self._ask_owners({row.chat}, OWNER_SECONDS)
        return asked.owners.get(row.chat) == row.maker

    async def _ask_owners(self, chats: set[str], seconds: float = DEADLINE_SECONDS) -> ChatsOwned:
        if not chats:
            return ChatsOwned(owners={})
        asked = ChatOwners(chats=sorted(chats))
        return await self._chats.call("chat_owners", asked, ChatsOwned, timeout=seconds)

    async def join(self, join: store.JoinRow) -> None:
        """Has chats do the join, and forgets it once chats has answered.

        Raises Refusal: `not_found` if the inviter does not own the chat, `invalid_request` at a
        limit, `unauthenticated` if they are not in the chat and no such join waits, `unavailable`.
        """
        asked = JoinChat(user=join.user, chat=join.chat, inviter=join.inviter, key=join.key)
        try:
            await self._chats.call("join_chat", asked, Done, key=join.chat, timeout=JOIN_SECONDS)
        except Refusal as refusal:
            if refusal.code != "unavailable":
                has_used = join.invitation is not None and refusal.code != "unauthenticated"
                await retry_busy(partial(self._forget, join, gives_back=has_used))
            if refusal.code in ("forbidden", "unknown_user"):
                raise not_found() from refusal
            raise
        await self._forget(join, gives_back=False)

    async def _forget(self, join: store.JoinRow, *, gives_back: bool) -> None:
        async with begin(self._pool) as connection:
            if gives_back:
                await store.give_use_back(connection, join)
            await store.delete_join(connection, join)

    async def join_left_over(self, rest: Rest = NEVER) -> None:
        """One round. Joins that chats does not answer come after all others next time."""
        async with rest.in_turn():
            left = await store.list_old_joins(
                self._pool, LEFT_OVER_SECONDS, ROUND_LIMIT, self._passed_over
            )
        done = [await self._join_left_over(join) for join in left]
        self._passed_over += done.count(False)
        if len(left) < ROUND_LIMIT:
            self._passed_over = 0

    async def _join_left_over(self, join: store.JoinRow) -> bool:
        """Whether it is settled."""
        try:
            await self.join(join)
        except Refusal as refusal:
            log("join by invitation refused", code=refusal.code, chat=join.chat)
            return refusal.code != "unavailable"
        except DatabaseBusy:  # its chat is
            return False
        return True


async def _find_made(connection: Connection, request: CreateInvitation) -> Invitation | None:
    """The invitation that the first call with this key created."""
    known = await find_result(connection, request.caller, CREATE, request.key)
    return None if known is None else msgspec.json.decode(known, type=Invitation)


async def lock_working(connection: Connection, code: str) -> store.InvitationRow:
    """Locks a valid invitation: its uses are serial from here on, and its maker's role stays as it
    is. It may be used up.

    Raises Refusal `not_found`.
    """
    await hold_instance(connection)
    row = await store.lock_invitation(connection, code)
    if row is None or kind_of(row) is None:
        raise not_found()
    return row


def kind_of(row: store.InvitationRow) -> InviteKind | None:
    return kind_of_invitation(row.maker_role, row.chat is not None, row.role)


def show_invitation(row: store.InvitationRow) -> Invitation:
    return Invitation(
        code=row.code,
        uses=row.uses,
        left=row.uses_left,
        chat=row.chat,
        role=row.role,
        expires_at=wire_time(row.expires_at),
    )
