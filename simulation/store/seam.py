"""Replaces chats' and users' store functions with the model, in every module that has them.

A function of the store without a method in the model raises when it is called.
"""

import asyncio
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import psycopg

import chats.store
import users.store
from chats.store.messages import BatchFailed, BatchRefused, NewEvent
from common.database.failures import DatabaseUnavailable
from simulation.store.server import Connection, Pool
from simulation.store.users import MembershipChange

LOCK_TIMEOUT_SECONDS: Final = 1.0
LOCK_RETRY_SECONDS: Final = 0.01
KEPT: Final = {"voting", "set_up_database", "fetch", "execute"}  # no statement of their own


def install_model() -> None:
    """For the rest of this process."""
    replacements: dict[Any, Any] = {}
    for package in (chats.store, users.store):
        for module in _modules(package):
            for name, function in vars(module).items():
                if _is_store_function(function, module) and name not in KEPT:
                    replacements[function] = _stand_in(name, function)
    for module in list(sys.modules.values()):
        if module.__name__.partition(".")[0] in ("chats", "users"):
            for name, value in list(vars(module).items()):
                if inspect.iscoroutinefunction(value) and value in replacements:
                    setattr(module, name, replacements[value])


def _modules(package: ModuleType) -> list[ModuleType]:
    prefix = f"{package.__name__}."
    return [m for name, m in sorted(sys.modules.items()) if name.startswith(prefix)]


def _is_store_function(value: Any, module: ModuleType) -> bool:
    return (
        inspect.iscoroutinefunction(value)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    )


def _stand_in(name: str, function: Any) -> Callable[..., Any]:
    first = next(iter(inspect.signature(function).parameters), "")
    if name == "append_events":
        return _append_events
    if first == "pool":

        async def on_pool(pool: Pool, *arguments: Any, **options: Any) -> Any:
            return await pool.trip(name, arguments, options)

        return on_pool
    if name in _WITHIN_CHANGE:
        within: Callable[..., Any] = _WITHIN_CHANGE[name]
        return within
    if name in _CHANGES:

        async def on_change(connection: Connection, *arguments: Any) -> Any:
            work = getattr(connection.pool.database, name)
            return await connection.trip(lambda: work(connection.change, *arguments))

        return on_change

    async def on_connection(connection: Connection, *arguments: Any, **options: Any) -> Any:
        work = getattr(connection.pool.database, name)
        return await connection.trip(lambda: work(*arguments, **options))

    return on_connection


async def _append_events(pool: Pool, batch: list[NewEvent]) -> Any:
    try:
        return await pool.trip("append_events", (batch,), {})
    except psycopg.Error as error:
        failure = BatchFailed if isinstance(error, DatabaseUnavailable) else BatchRefused
        raise failure(type(error).__name__) from error


async def _begin(connection: Connection) -> None:
    connection.change = MembershipChange(connection.pool.database)
    connection.pool.process.on_death.append(connection.change.roll_back)


async def _lock_chat(connection: Connection, chat: str) -> None:
    database, change = connection.pool.database, connection.change
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LOCK_TIMEOUT_SECONDS
    while not await connection.trip(lambda: database.lock_chat(change, chat)):
        if loop.time() > deadline:
            raise psycopg.errors.LockNotAvailable
        await asyncio.sleep(LOCK_RETRY_SECONDS)


async def _prepare(connection: Connection, transaction: str) -> None:
    change, database = connection.change, connection.pool.database
    await connection.trip(lambda: database.prepare(change, transaction))


_CHANGES: Final = (
    "remember_transaction",
    "delete_chat",
    "delete_memberships",
    "insert_memberships",
)
_WITHIN_CHANGE: Final[dict[str, Any]] = {
    "begin": _begin,
    "lock_chat": _lock_chat,
    "prepare": _prepare,
}
