"""The deletion of an account: who may, what is deleted at once, and leaving its chats one by one.

Everything personal is deleted in one transaction. The chats follow by the two-phase change by which
any user leaves, in steps that may be repeated after a crash at any point.
"""

import asyncio
import secrets
import string

from prometheus_client import Gauge

from common.calls.calls import Calls
from common.database.failures import retry_busy
from common.database.pool import Connection, Pool, begin
from common.process.logs import log
from common.protocol.chats import (
    DeleteMessagesOf,
    Done,
    MessagesDeleted,
    RemoveParticipant,
)
from common.protocol.direct import DirectChats, EndAccount
from common.protocol.errors import Refusal, not_found
from common.protocol.ids import new_id
from common.protocol.instance import DeleteOwnAccount, DeleteUser
from common.protocol.users import Empty
from users.background import ROUND_SECONDS
from users.instance import demand_role
from users.passwords import Passwords
from users.roles import IN_CHARGE, judge_last_owner, judge_target, unauthenticated
from users.sessions import Sessions
from users.store import deletions as store
from users.store.accounts import find_by_id
from users.store.administration import UserRow, count_active_owners, find_user
from users.store.instance import find_result, keep_result, lock_instance, write_log
from users.store.memberships import list_chats_of
from users.store.sessions import is_session_alive, revoke_sessions_of

CLAIM_SECONDS = 5.0  # how soon another replica may take over the claim of one that died
CHATS_AT_ONCE = 4
LEAVE_SECONDS = 4.0
# A change of memberships that began before the deletion may still be committed: chats commits
# nothing that is older than 20 s.
SETTLED_SECONDS = 25.0
LAST_SEND_SECONDS = 3.0  # by then no token of theirs is valid anywhere
MESSAGES_A_ROUND = 50
UNFINISHED = Gauge("hubbub_users_unfinished_deletions", "Accounts that still leave chats")
OLDEST = Gauge("hubbub_users_oldest_deletion_seconds", "Age of the oldest unfinished deletion")

NAME_CHARACTERS = string.ascii_lowercase + string.digits


class Deletions:
    """The calls that delete accounts, and the work that follows."""

    def __init__(self, pool: Pool, passwords: Passwords, sessions: Sessions, chats: Calls) -> None:
        self._pool = pool
        self._passwords = passwords
        self._sessions = sessions
        self._chats = chats

    async def delete_user(self, request: DeleteUser) -> Empty:
        """By an owner or admin. Raises Refusal: `forbidden`, `not_found`, `last_owner`."""
        scope = f"delete_user {request.user}"

        async def attempt() -> list[str]:
            async with begin(self._pool) as connection:
                await lock_instance(connection)
                # Before the role check: callers that have deleted themselves have no role any more.
                if await find_result(connection, request.caller, scope, request.key) is not None:
                    return []
                role = await demand_role(connection, request.caller, IN_CHARGE)
                found = await find_user(connection, request.user)
                if found is None:
                    raise not_found()
                if refusal := judge_target(role, found.role):
                    raise refusal
                return await self._delete(connection, found, request, scope)

        await self._sessions.announce_revocations(await retry_busy(attempt), "deleted")
        return Empty()

    async def delete_own(self, request: DeleteOwnAccount) -> Empty:
        """A repeat from the session that asked first gets the same answer: by then there is neither
        an account nor a password to compare.

        Raises Refusal: `invalid_credentials` for a missing or wrong password if one is set,
        `unauthenticated` for a session that has ended, `last_owner`.
        """
        scope = f"delete_own_account {request.session}"
        account = await find_by_id(self._pool, request.caller)
        async with self._pool.connection() as connection:
            if await find_result(connection, request.caller, scope, request.key) is not None:
                return Empty()
            is_alive = await is_session_alive(connection, request.caller, request.session)
        # Before the password check: the holder of an old token must not learn here whether it is
        # right.
        if account is None or not is_alive:
            raise unauthenticated()
        if account.password_hash is not None and not await self._passwords.matches(
            request.current_password or "", account.password_hash
        ):
            raise Refusal("invalid_credentials", "The password is wrong.")

        async def attempt() -> list[str]:
            async with begin(self._pool) as connection:
                await lock_instance(connection)
                # The first call may have been in progress when the account was looked up.
                if await find_result(connection, request.caller, scope, request.key) is not None:
                    return []
                if not await is_session_alive(connection, request.caller, request.session):
                    raise unauthenticated()
                found = await find_user(connection, request.caller)
                if found is None:
                    raise unauthenticated()
                return await self._delete(connection, found, request, scope)

        await self._sessions.announce_revocations(await retry_busy(attempt), "deleted")
        return Empty()

    async def _delete(
        self,
        connection: Connection,
        found: UserRow,
        request: DeleteUser | DeleteOwnAccount,
        scope: str,
    ) -> list[str]:
        """Returns the sessions that it ended. The result is stored after the account's own results
        are erased."""
        was_active_owner = found.active and found.role == "owner"
        owners = await count_active_owners(connection)
        if refusal := judge_last_owner(was_active_owner, False, owners):
            raise refusal
        name = "deleted-" + "".join(secrets.choice(NAME_CHARACTERS) for _ in range(8))
        await store.erase_account(connection, found.id, name, messages=request.messages)
        detail = {"messages": request.messages}
        await write_log(connection, request.caller, "user.deleted", found.id, detail)
        await keep_result(connection, request.caller, scope, request.key, b"")
        return await revoke_sessions_of(connection, found.id, keep=None)

    async def run(self) -> int:
        """One round; returns how many deletions are unfinished."""
        while (deletion := await store.claim_deletion(self._pool, CLAIM_SECONDS)) is not None:
            await self._work_on(deletion)
        unfinished, oldest = await store.measure_deletions(self._pool)
        UNFINISHED.set(unfinished)
        OLDEST.set(oldest)
        return unfinished

    async def _work_on(self, deletion: store.Deletion) -> None:
        direct = await self._end_in_chats(deletion.user)
        if direct is None:
            return
        chats = [c for c in await list_chats_of(self._pool, deletion.user) if c not in direct]
        for start in range(0, len(chats), CHATS_AT_ONCE):
            some = chats[start : start + CHATS_AT_ONCE]
            await asyncio.gather(*(self._leave(deletion.user, chat) for chat in some))
            await store.hold_claim(self._pool, deletion.user, CLAIM_SECONDS)
        if chats:
            return
        if deletion.messages:
            await self._delete_messages(deletion)
        elif deletion.age_seconds > SETTLED_SECONDS:
            await store.finish_deletion(self._pool, deletion.user)
            log("account deleted", user=deletion.user)

    async def _end_in_chats(self, user: str) -> set[str] | None:
        """Closes their direct chats, which the other users keep; None if chats does not answer."""
        try:
            found = await self._chats.call("end_account", EndAccount(user=user), DirectChats)
        except Refusal as refusal:
            log("account not ended in chats", code=refusal.code, user=user)
            return None
        return set(found.chats)

    async def _delete_messages(self, deletion: store.Deletion) -> None:
        """Deletes a page of them. Not before nobody can send in the name of the account."""
        if deletion.age_seconds > LAST_SEND_SECONDS:
            request = DeleteMessagesOf(
                user=deletion.user, after=deletion.messages_after, limit=MESSAGES_A_ROUND
            )
            try:
                done = await self._chats.call("delete_messages_of", request, MessagesDeleted)
            except Refusal as refusal:
                log("messages not deleted", code=refusal.code)
            else:
                left, after = done.next != "", done.next
                await store.note_messages(self._pool, deletion.user, left=left, after=after)
        await store.hold_claim(self._pool, deletion.user, ROUND_SECONDS)

    async def _leave(self, user: str, chat: str) -> None:
        """The next round checks whether they have left."""
        request = RemoveParticipant(
            user=user, session="", chat=chat, key=new_id(), participant=user
        )
        try:
            await self._chats.call(
                "remove_participant", request, Done, key=chat, timeout=LEAVE_SECONDS
            )
        except Refusal as refusal:
            log("chat not left", code=refusal.code, chat=chat)
