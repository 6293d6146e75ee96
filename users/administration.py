"""Actions of owners and admins on accounts: roles, deactivation, password resets.

Each change is authorised, made and recorded in one transaction. Knows no SQL.
"""

from typing import Final

import msgspec

from common.database.failures import retry_busy
from common.database.pool import Connection, Pool, begin
from common.identity.wrapping import Wrapping, WrongSecret
from common.protocol.errors import invalid, not_found
from common.protocol.fields import check_fields, wrong_with_password, wrong_with_text
from common.protocol.ids import LOWEST_ID
from common.protocol.instance import (
    RESET_SECONDS,
    ChangeUser,
    Code,
    CreateReset,
    ListUsers,
    ManagedUser,
    Role,
    UseReset,
    UserPage,
    UsersCounted,
)
from common.protocol.users import Empty
from common.protocol.wire import wire_time
from users.codes import hash_code, new_code
from users.instance import demand_role
from users.passwords import Passwords
from users.roles import IN_CHARGE, forbidden, judge_last_owner, judge_role, judge_target
from users.sessions import Sessions
from users.store import administration as store
from users.store.instance import (
    find_result,
    hold_instance,
    keep_result,
    lock_instance,
    write_log,
)
from users.store.sessions import revoke_sessions_of

NOBODY: Final = LOWEST_ID  # the caller where nobody is signed in

_decode_changed = msgspec.json.Decoder(tuple[Role, bool]).decode


class Administration:
    """The calls about other users' accounts. Each raises Refusal `forbidden` for a caller whose
    role does not allow it, and `not_found` for an account that does not exist."""

    def __init__(
        self, pool: Pool, passwords: Passwords, sessions: Sessions, wrapping: Wrapping
    ) -> None:
        """`wrapping` encrypts the codes that a repeat must return again."""
        self._pool = pool
        self._passwords = passwords
        self._sessions = sessions
        self._wrapping = wrapping

    async def list_users(self, request: ListUsers) -> UserPage:
        """Newest first, without deleted ones."""
        async with self._pool.connection() as connection:
            await demand_role(connection, request.caller, IN_CHARGE)
            if wrong_with_text(request.prefix):
                return UserPage(users=[], next=None)
            rows = await store.list_users(
                connection, request.prefix, request.before, request.limit + 1
            )
        users = [show_user(row) for row in rows[: request.limit]]
        return UserPage(users=users, next=users[-1].id if len(rows) > request.limit else None)

    async def count_users(self, _: Empty) -> UsersCounted:
        async with self._pool.connection() as connection:
            return await store.count_users(connection)

    async def change_user(self, request: ChangeUser) -> ManagedUser:
        """Deactivation ends all sessions. Raises Refusal `last_owner` too."""
        user, revoked = await retry_busy(lambda: self._change_user(request))
        await self._sessions.announce_revocations(revoked, "deactivated")
        return user

    async def _change_user(self, request: ChangeUser) -> tuple[ManagedUser, list[str]]:
        scope = f"change_user {request.user}"
        async with begin(self._pool) as connection:
            await lock_instance(connection)
            # Before the role check: the first call may have taken the role from the caller
            # themself.
            known = await find_result(connection, request.caller, scope, request.key)
            if known is not None:
                found = await store.find_user(connection, request.user)
                if found is None:
                    raise not_found()
                role, active = _decode_changed(known)
                return show_user(found._replace(role=role, active=active)), []
            caller_role = await demand_role(connection, request.caller, IN_CHARGE)
            found = await store.find_user(connection, request.user)
            if found is None:
                raise not_found()
            if refusal := judge_target(caller_role, found.role):
                raise refusal
            if request.role is not None and caller_role != "owner":
                raise forbidden()
            role = request.role or found.role
            active = found.active if request.active is None else request.active
            refusal = judge_last_owner(
                found.active and found.role == "owner",
                active and role == "owner",
                await store.count_active_owners(connection),
            )
            if refusal:
                raise refusal
            result = msgspec.json.encode((role, active))  # the rest is personal
            await keep_result(connection, request.caller, scope, request.key, result)
            if (role, active) == (found.role, found.active):
                return show_user(found), []
            await store.update_user(connection, found.id, role, active)
            revoked: list[str] = []
            if found.active and not active:
                revoked = await revoke_sessions_of(connection, found.id, keep=None)
            changes = {
                name: after
                for name, before, after in (
                    ("role", found.role, role),
                    ("active", found.active, active),
                )
                if before != after
            }
            await write_log(connection, request.caller, "user.updated", found.id, changes)
        return show_user(found._replace(role=role, active=active)), revoked

    async def create_reset(self, request: CreateReset) -> Code:
        """A code with which a user sets a new password, once and within a day. Raises Refusal
        `invalid_request` for a key from before the secret of the signing keys was replaced."""
        return await retry_busy(lambda: self._create_reset(request))

    async def _create_reset(self, request: CreateReset) -> Code:
        code, scope = new_code(), f"create_reset {request.user}"
        async with begin(self._pool) as connection:
            await lock_instance(connection)
            # Before the role check: the role may have changed since, and with it whether the code
            # is valid.
            if known := await find_result(connection, request.caller, scope, request.key):
                return self._open_code(request, known)
            caller_role = await demand_role(connection, request.caller, IN_CHARGE)
            found = await store.find_user(connection, request.user)
            if found is None:
                raise not_found()
            if refusal := judge_target(caller_role, found.role):
                raise refusal
            await store.replace_reset_code(
                connection,
                found.id,
                hash_code(code),
                maker=request.caller,
                seconds=RESET_SECONDS,
            )
            await write_log(connection, request.caller, "user.reset", found.id, {})
            sealed = self._wrapping.wrap(_name_code(request), code.encode())
            await keep_result(connection, request.caller, scope, request.key, sealed)
        return Code(code=code)

    def _open_code(self, request: CreateReset, kept: bytes) -> Code:
        if kept.startswith(b'{"code":'):  # the previous release did not encrypt it
            return msgspec.json.decode(kept, type=Code)
        try:
            return Code(code=self._wrapping.unwrap(_name_code(request), kept).decode())
        except WrongSecret:
            raise invalid("Idempotency-Key", "is of before this system's keys changed") from None

    async def use_reset(self, request: UseReset) -> Empty:
        """Sets the password and ends all sessions; reactivates nobody. A code is valid while the
        user has the role and the password that they had when it was made, and its maker may still
        make it.

        Raises Refusal: `invalid_request`, `not_found` for a code that is invalid and was not used
        with this key, `unavailable`.
        """
        check_fields({"password": wrong_with_password(request.password)})
        code_hash = hash_code(request.code)
        scope = f"use_reset {code_hash.hex()}"
        async with self._pool.connection() as connection:
            if not await _is_good(connection, await store.find_reset(connection, code_hash)):
                if await find_result(connection, NOBODY, scope, request.key) is None:
                    raise not_found()
                return Empty()
        hashed = await self._passwords.hash(request.password)

        async def attempt() -> list[str]:
            async with begin(self._pool) as connection:
                await hold_instance(connection)
                reset = await store.lock_reset(connection, code_hash)
                if reset is None or not await _is_good(connection, reset):
                    # The first call may have been in progress when the code was looked up.
                    if await find_result(connection, NOBODY, scope, request.key) is None:
                        raise not_found()
                    return []
                await store.delete_reset(connection, reset.user)
                await store.set_password(connection, reset.user, hashed)
                await keep_result(connection, NOBODY, scope, request.key, b"")
                return await revoke_sessions_of(connection, reset.user, keep=None)

        await self._sessions.announce_revocations(await retry_busy(attempt), "password reset")
        return Empty()


def _name_code(request: CreateReset) -> str:
    return f"reset code of {request.key} for {request.user}"


async def _is_good(connection: Connection, reset: store.ResetRow | None) -> bool:
    """Whether its maker may still act on the user whose password it resets."""
    if reset is None:
        return False
    role = await store.find_role(connection, reset.maker)
    return not (judge_role(role, IN_CHARGE) or judge_target(role, reset.role))


def show_user(row: store.UserRow) -> ManagedUser:
    return ManagedUser(
        id=row.id,
        username=row.username,
        email=row.email,
        display_name=row.display_name,
        role=row.role,
        active=row.active,
        created_at=wire_time(row.created_at),
        last_seen_at=wire_time(row.last_seen_at) if row.last_seen_at else None,
    )
