"""Accounts: sign-up, log-in, and a user's own profile.

Knows no SQL and no token's content.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from msgspec import UNSET

from common.calls.http_server import caller_has_left
from common.database.failures import retry_busy
from common.database.pool import Pool, begin
from common.protocol.avatars import avatar_path
from common.protocol.errors import Refusal, not_found
from common.protocol.fields import (
    check_fields,
    wrong_with_display_name,
    wrong_with_email,
    wrong_with_password,
    wrong_with_status,
    wrong_with_text,
    wrong_with_username,
)
from common.protocol.ids import new_id
from common.protocol.instance import SignUpMode
from common.protocol.users import (
    Account,
    ChangeProfile,
    GetProfile,
    Grant,
    LogIn,
    OwnAccount,
    Profile,
    SignUp,
)
from users.codes import hash_code
from users.invitations import Invitations, kind_of, lock_working
from users.passwords import Passwords
from users.roles import InviteKind, judge_sign_up, unauthenticated
from users.sessions import Sessions
from users.store import accounts as store
from users.store.instance import (
    has_owner_code,
    hold_instance,
    read_instance,
    take_owner_code,
    write_log,
)
from users.store.invitations import JoinRow, insert_join, use_invitation
from users.store.sessions import is_session_alive, revoke_sessions_of


class _SignUp(NamedTuple):
    """A sign-up in progress. `callers` wait for it: of each, whether it has left."""

    request: SignUp
    task: asyncio.Task[store.AccountRow]
    callers: list[Callable[[], bool]]


class Accounts:
    """The calls about accounts. `signup` is the environment's setting, which overrides the stored
    one."""

    def __init__(
        self,
        pool: Pool,
        passwords: Passwords,
        sessions: Sessions,
        invitations: Invitations,
        signup: SignUpMode | None,
    ) -> None:
        self._pool = pool
        self._invitations = invitations
        self._signup = signup
        self._passwords = passwords
        self._sessions = sessions
        self._signing_up: dict[str, _SignUp] = {}

    async def sign_up(self, request: SignUp) -> Grant:
        """Creates an account once per key, however often and on whichever replica it is called.

        Raises Refusal: `invalid_request` for fields that break a rule, for an invitation into a
        full chat, and for a key that was used with another body, `not_found` for an invalid
        invitation, `signup_closed`, `username_taken`, `email_taken`, `unavailable`;
        `invalid_credentials` for a repeat once the account has another password, is deactivated or
        deleted.
        """
        check_fields(
            {
                "username": wrong_with_username(request.username),
                "email": wrong_with_email(request.email),
                "password": _wrong_with_new_password(request.password),
                "invite": None if request.invite is None else wrong_with_text(request.invite),
            }
        )
        sign_up = self._signing_up.get(request.key)
        if sign_up and sign_up.request == request:
            # Parallel repeats wait for the first one instead of each hashing the password.
            sign_up.callers.append(caller_has_left.get())
            return await self._start_session(await asyncio.shield(sign_up.task))
        callers = [caller_has_left.get()]
        task = asyncio.create_task(self._account_of_sign_up(request, callers))
        self._signing_up[request.key] = sign_up = _SignUp(request, task, callers)
        try:
            account = await asyncio.shield(task)
        finally:
            if self._signing_up.get(request.key) is sign_up:
                del self._signing_up[request.key]
        return await self._start_session(account)

    async def _start_session(self, row: store.AccountRow) -> Grant:
        grant = await self._sessions.start_session(_account(row), row.password_number)
        if not grant:
            raise _invalid_credentials()
        return grant

    async def _account_of_sign_up(
        self, request: SignUp, callers: list[Callable[[], bool]]
    ) -> store.AccountRow:
        caller_has_left.set(lambda: all(has_left() for has_left in callers))
        if found := await store.find_by_sign_up_key(self._pool, request.key):
            return await self._repeat_sign_up(request, found)
        try:
            return await self._make_account(request)
        except Refusal:
            # Perhaps by a repeat of this very request that another replica served faster.
            if found := await store.find_by_sign_up_key(self._pool, request.key):
                return await self._repeat_sign_up(request, found)
            raise

    async def _make_account(self, request: SignUp) -> store.AccountRow:
        await self._demand_admission(request)
        await self._demand_availability(request)
        hashed = None if request.password is None else await self._passwords.hash(request.password)
        account = store.AccountRow(new_id(), request.username, request.email, hashed)
        try:
            account, join = await self._insert_account(request, account)
        except store.AccountExists:
            await self._demand_availability(request)
            raise Refusal("unavailable", "Somebody else is signing up. Try again.") from None
        if join is not None:
            with suppress(Refusal):  # the account exists; the rest is done later
                await self._invitations.join(join)
        return account

    async def _demand_admission(self, request: SignUp) -> None:
        """Checks that this sign-up is allowed, before anything is created."""
        code = None
        async with self._pool.connection() as connection:
            mode = self._signup or (await read_instance(connection)).signup
            if request.invite and await has_owner_code(connection, hash_code(request.invite)):
                code = InviteKind.OWNER
        if request.invite and code is None:
            code = await self._invitations.find_kind(request.invite)
        if refusal := judge_sign_up(mode, request.invite is not None, code):
            raise refusal

    async def _insert_account(
        self, request: SignUp, account: store.AccountRow
    ) -> tuple[store.AccountRow, JoinRow | None]:
        """Also records the join of a chat, if the invitation is for one. Raises Refusal:
        `not_found` if somebody else has just used it up, or its maker may no longer give so much;
        `signup_closed` if sign-up was closed meanwhile."""
        async with begin(self._pool) as connection:
            if request.invite is None:
                await store.insert_account(connection, account, request.key, _kept_invite(request))
                return account, None
            instance = await hold_instance(connection)  # first, as make_owner_code does
            if await take_owner_code(connection, hash_code(request.invite)):
                account = account._replace(role="owner")
                await store.insert_account(connection, account, request.key, _kept_invite(request))
                await write_log(connection, account.id, "owner.made", account.id, {})
                return account, None
            mode = self._signup or instance.signup
            invitation = await lock_working(connection, request.invite)
            if invitation.uses_left == 0:
                raise not_found()
            if refusal := judge_sign_up(mode, True, kind_of(invitation)):
                raise refusal
            account = account._replace(role=invitation.role)
            await store.insert_account(connection, account, request.key, _kept_invite(request))
            await use_invitation(connection, invitation.id, account.id)
            if invitation.chat is None:
                return account, None
            join = JoinRow(account.id, invitation.chat, invitation.maker, new_id())
            await insert_join(connection, join)
        return account, join

    async def _demand_availability(self, request: SignUp) -> None:
        taken = await store.check_availability(self._pool, request.username, request.email)
        if taken.username_taken:
            raise Refusal("username_taken", "Somebody else has this username.")
        if taken.email_taken:
            raise Refusal("email_taken", "Another account has this e-mail address.")

    async def _repeat_sign_up(self, request: SignUp, found: store.SignedUp) -> store.AccountRow:
        """Compares with the original sign-up. Like a log-in it gives no tokens once the account has
        another password, is deactivated or deleted."""
        account = found.account
        if account is None:
            raise _invalid_credentials()
        email = account.email if found.email is None else found.email
        same = (request.username, request.email) == (account.username, email)
        if found.invite is not None:
            same = same and found.invite == _kept_invite(request)
        has_first_password = account.password_number == 0
        if same and has_first_password:
            if request.password is None:
                same = account.password_hash is None
            else:
                same = await self._passwords.matches(request.password, account.password_hash)
        if not same:
            raise Refusal(
                "invalid_request", "The idempotency key was used with another request already."
            )
        if not has_first_password:
            raise _invalid_credentials()
        return account

    async def log_in(self, request: LogIn) -> Grant:
        """Raises Refusal `invalid_credentials`, the same one and after the same time for an unknown
        name, an account without a password and a wrong password."""
        found, password = None, ""
        if not (wrong_with_text(request.username) or wrong_with_text(request.password)):
            found = await store.find_by_username(self._pool, request.username)
            password = request.password
        hashed = found.password_hash if found else None
        if not await self._passwords.matches(password, hashed) or not found or not hashed:
            raise _invalid_credentials()
        if self._passwords.is_outdated(hashed):
            newer = await self._passwords.hash(password)
            await store.replace_hash(self._pool, found.id, hashed, newer)
        return await self._start_session(found)

    async def get_profile(self, request: GetProfile) -> Profile:
        """Raises Refusal `unauthenticated` for a user that does not exist."""
        found = await store.find_with_chats(self._pool, request.user)
        if not found:
            raise unauthenticated()
        account, chats = found
        return Profile(
            id=account.id,
            username=account.username,
            email=account.email,
            role=account.role,
            active=account.active,
            display_name=account.display_name,
            status=account.status,
            avatar=avatar_path(account.avatar),
            chats=chats,
        )

    async def change_profile(self, request: ChangeProfile) -> OwnAccount:
        """A new password ends the other sessions.

        Raises Refusal: `invalid_request`, `unauthenticated` for a session that has ended,
        `invalid_credentials`, `email_taken`, `unavailable`.
        """
        shown = {
            field: value
            for field, value in (
                ("display_name", request.display_name),
                ("status", request.status),
            )
            if value is not UNSET
        }
        check_fields(
            {
                "email": None if request.email is None else wrong_with_email(request.email),
                "password": _wrong_with_new_password(request.password),
                "displayName": wrong_with_display_name(shown.get("display_name")),
                "status": wrong_with_status(shown.get("status")),
            }
        )
        found = await store.find_by_id(self._pool, request.user)
        if not found:
            raise unauthenticated()
        if request.key and request.key == found.change_key:
            return await self._repeat_change(found)
        await self._demand_current_password(request, found)
        is_proved = request.password is not None or request.current_password is not None
        change = store.AccountChange(
            email=request.email,
            password_hash=(
                None if request.password is None else await self._passwords.hash(request.password)
            ),
            key=request.key,
            password_number=found.password_number if is_proved else None,
        )

        try:
            done = await retry_busy(lambda: self._store_change(request, found, change, shown))
        except store.EmailTaken:
            raise Refusal("email_taken", "Another account has this e-mail address.") from None
        if done is None:
            # Perhaps by this very change, which was in progress when its repeat began.
            now = await store.find_by_id(self._pool, request.user)
            if not now:
                raise unauthenticated()
            if not request.key or request.key != now.change_key:
                raise _invalid_credentials()
            return await self._repeat_change(now)
        after, revoked = done
        await self._sessions.announce_revocations(revoked, "password changed")
        return _own_account(after)

    async def _store_change(
        self,
        request: ChangeProfile,
        found: store.AccountRow,
        change: store.AccountChange,
        shown: dict[str, str | None],
    ) -> tuple[store.AccountRow, list[str]] | None:
        """The account after it, and the sessions that it ends; None if another password was set at
        the same time."""
        after, revoked = found, list[str]()
        async with begin(self._pool) as connection:
            if not await is_session_alive(connection, request.user, request.session):
                raise unauthenticated()
            if request.email is not None or request.password is not None:
                changed = await store.update_account(connection, request.user, change)
                if changed is None:
                    return None
                after = changed
            if shown:
                # Only these fields in the statement: concurrent changes of other fields are kept.
                after = await store.update_shown(connection, request.user, shown) or after
            if request.password is not None:
                revoked = await revoke_sessions_of(connection, request.user, keep=request.session)
        return after, revoked

    async def _repeat_change(self, found: store.AccountRow) -> OwnAccount:
        await store.settle_what_was_found(self._pool)
        return _own_account(found)

    async def _demand_current_password(
        self, request: ChangeProfile, found: store.AccountRow
    ) -> None:
        if found.password_hash is None:
            return
        if request.current_password is not None:
            if not await self._passwords.matches(request.current_password, found.password_hash):
                raise _invalid_credentials()
        elif request.password is not None:
            raise _invalid_credentials()


def _kept_invite(request: SignUp) -> bytes:
    """Stored with the key, to compare a repeat with; empty if there is no code."""
    return b"" if request.invite is None else hash_code(request.invite)


def _wrong_with_new_password(password: str | None) -> str | None:
    return None if password is None else wrong_with_password(password)


def _account(row: store.AccountRow) -> Account:
    return Account(id=row.id, username=row.username, email=row.email)


def _own_account(row: store.AccountRow) -> OwnAccount:
    return OwnAccount(
        id=row.id,
        username=row.username,
        email=row.email,
        display_name=row.display_name,
        status=row.status,
        avatar=avatar_path(row.avatar),
    )


def _invalid_credentials() -> Refusal:
    return Refusal("invalid_credentials", "The username or the password is wrong.")
