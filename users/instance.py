"""The instance: its name, who may sign up, who owns it, and the audit log.

Knows no SQL.
"""

import msgspec

from common.database.pool import Connection, Pool, begin
from common.protocol.errors import invalid, not_found
from common.protocol.fields import check_fields, wrong_with_instance_name
from common.protocol.instance import (
    OWNER_CODE_SECONDS,
    ChangeInstance,
    Code,
    DemandRole,
    Instance,
    ListLog,
    LogEntry,
    LogPage,
    MakeOwner,
    Role,
    SignUpMode,
)
from common.protocol.users import Account, Empty
from common.protocol.wire import wire_time
from users.codes import hash_code, new_code
from users.roles import IN_CHARGE, judge_role
from users.store import administration as accounts
from users.store import instance as store


class InstanceCalls:
    """`signup` is the environment's setting, which overrides the stored one, or None."""

    def __init__(self, pool: Pool, signup: SignUpMode | None) -> None:
        self._pool = pool
        self._signup = signup

    async def get_instance(self, _: Empty) -> Instance:
        async with self._pool.connection() as connection:
            return self._show(await store.read_instance(connection))

    async def change_instance(self, request: ChangeInstance) -> Instance:
        """Owners only. Raises Refusal."""
        if request.name is not None:
            check_fields({"name": wrong_with_instance_name(request.name)})
        if request.signup is not None and self._signup is not None:
            raise invalid("signup", "is set by HUBBUB_SIGNUP")
        async with begin(self._pool) as connection:
            before = await store.lock_instance(connection)
            await demand_role(connection, request.caller, ("owner",))
            after = store.InstanceRow(
                before.name if request.name is None else request.name,
                request.signup or before.signup,
            )
            if changes := {
                field: value for field, value in after._asdict().items()
                if value != getattr(before, field)
            }:  # fmt: skip
                await store.update_instance(connection, after)
                await store.write_log(connection, request.caller, "instance.updated", None, changes)
        return self._show(after)

    def _show(self, row: store.InstanceRow) -> Instance:
        if self._signup is None:
            return Instance(name=row.name, signup=row.signup)
        return Instance(name=row.name, signup=self._signup, signup_fixed=True)

    async def demand_role(self, request: DemandRole) -> Empty:
        """Raises Refusal `forbidden`, or `unauthenticated` for a user that no longer exists."""
        async with self._pool.connection() as connection:
            await demand_role(connection, request.caller, tuple(request.roles))
        return Empty()

    async def list_log(self, request: ListLog) -> LogPage:
        """Owners and admins. Raises Refusal."""
        async with self._pool.connection() as connection:
            await demand_role(connection, request.caller, IN_CHARGE)
            rows = await store.list_log(connection, request.before, request.limit + 1)
        entries = [
            LogEntry(
                id=row.id,
                at=wire_time(row.at),
                by=row.by,
                action=row.action,
                of=row.of,
                detail=msgspec.json.decode(row.detail),
            )
            for row in rows[: request.limit]
        ]
        return LogPage(entries=entries, next=entries[-1].id if len(rows) > request.limit else None)

    async def make_owner_code(self, _: Empty) -> Code:
        """A code for the link by which the first owner signs up; None once there is an owner. It
        voids the previous code."""
        code = new_code()
        async with begin(self._pool) as connection:
            await store.lock_instance(connection)
            if await accounts.count_active_owners(connection):
                return Code(code=None)
            await store.replace_owner_code(connection, hash_code(code), OWNER_CODE_SECONDS)
        return Code(code=code)

    async def make_owner(self, request: MakeOwner) -> Account:
        """For the operator of the machine: makes an existing account an active owner.

        Raises Refusal `not_found`.
        """
        async with begin(self._pool) as connection:
            await store.lock_instance(connection)
            found = None
            if request.username.isascii():
                found = await accounts.find_user_by_name(connection, request.username)
            if found is None:
                raise not_found()
            if (found.role, found.active) != ("owner", True):
                await accounts.update_user(connection, found.id, "owner", True)
                await store.write_log(connection, None, "owner.made", found.id, {})
            await store.drop_owner_code(connection)
        return Account(id=found.id, username=found.username, email=found.email)


async def demand_role(connection: Connection, caller: str, roles: tuple[Role, ...]) -> Role:
    """The caller's role. Raises Refusal."""
    role = await accounts.find_role(connection, caller)
    if refusal := judge_role(role, roles):
        raise refusal
    assert role is not None
    return role
