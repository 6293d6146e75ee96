"""The parts of the product that are replaced in a worker, and their replacements; all else runs
unchanged.

Nothing here changes a decision of the product: servers are replaced by models, sets get an order
that does not depend on addresses in memory, and mere measurements are left out.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Final

import jwt
import prometheus_client
import redis.utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

import chats.app
import chats.background
import chats.log.appending
import common.calls.http_client
import common.calls.http_server
import common.calls.service
import common.database.pool
import common.database.primary
import common.process.service
import common.process.tasks
import realtime.__main__
import realtime.fan_out.hub
import realtime.fan_out.subscriptions
import realtime.node
import realtime.sockets.connection
import realtime.sockets.server
import users.app
from common.identity.tokens import ALGORITHM, AUDIENCE, ISSUER
from common.protocol.limits import ACCESS_TOKEN_SECONDS
from simulation.clock import CLOCK
from simulation.processes import OWNER
from simulation.store.seam import install_model
from simulation.store.server import Pool, read_end

KEY: Final = Ed25519PrivateKey.from_private_bytes(b"a key that is known to everybody")


class Keys:
    """Replaces users' SigningKeys, which are in its database."""

    def __init__(self, *_: Any) -> None:
        pass

    async def open(self) -> None:
        pass

    async def reload_again(self) -> None:
        pass

    def published(self) -> list[dict[str, Any]]:
        public = OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return [{**public, "kid": "one", "alg": ALGORITHM, "use": "sig"}]


def sign(user: str, session: str) -> str:
    """An access token that is valid until long after the run, for any process's clock."""
    at = int(CLOCK.time()) - 60
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": user, "sid": session, "gen": 0,
        "iat": at, "nbf": at, "exp": at + ACCESS_TOKEN_SECONDS,
    }  # fmt: skip
    return jwt.encode(claims, KEY, algorithm=ALGORITHM, headers={"kid": "one"})


class _Errors(logging.Handler):
    """An error that the product logs is a bug; no simulated fault may cause one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += f": {record.exc_info[1]!r}"
        fields = getattr(record, "fields", {})
        self.lines.append(f"{text} {fields}" if fields else text)


class Notes(logging.Handler):
    """The product's log of a run, for the history of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[float, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        owner = OWNER.get()
        fields = " ".join(f"{k}={v}" for k, v in getattr(record, "fields", {}).items())
        host = owner.host if owner else ""
        self.lines.append((CLOCK.now, host, f"{record.getMessage()} {fields}".strip()))


class Watch:
    """The product's log: errors always, everything while `listen`."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("hubbub")
        self._logger.propagate = False
        self._errors = _Errors()
        self._notes: Notes | None = None
        self._logger.addHandler(self._errors)
        self._logger.setLevel(logging.ERROR)

    @property
    def errors(self) -> list[str]:
        return self._errors.lines

    @property
    def notes(self) -> list[tuple[float, str, str]]:
        return self._notes.lines if self._notes else []

    def reset(self, *, listen: bool) -> None:
        self._errors.lines = []
        if self._notes is not None:
            self._logger.removeHandler(self._notes)
            self._notes = None
        if listen:
            self._notes = Notes()
            self._logger.addHandler(self._notes)
        self._logger.setLevel(logging.INFO if listen else logging.ERROR)


def install() -> None:
    """Called once in a worker, after installing the clock."""
    assert CLOCK.is_installed
    install_model()
    _order_sets()
    put = setattr  # mypy need not be told that each is replaced on purpose
    put(common.database.pool, "Pool", Pool)
    put(common.database.pool, "_read_end", read_end)
    put(common.database.primary.Primary, "look", _look)
    put(common.database.pool, "POOL_METRICS", SimpleNamespace(watch=lambda _: None))
    put(users.app, "SigningKeys", Keys)
    put(common.process.service, "tune_garbage_collection", lambda: None)
    put(common.process.service, "measuring_loop_lag", _not_measuring)
    put(common.calls.service, "describe_calls", lambda _: b"")
    put(redis.utils, "get_lib_version", lambda: "0")  # otherwise it reads a file for each client
    put(common.process.tasks, "os", SimpleNamespace(kill=_end_process, getpid=os.getpid))
    # Two nodes of one interpreter would register the same names.
    registry = SimpleNamespace(register=lambda _: None, unregister=lambda _: None)
    put(realtime.node, "prometheus_client", SimpleNamespace(REGISTRY=registry))
    put(realtime.__main__, "open_node", _open_node)
    put(chats.log.appending.Appender, "append", _append)
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


async def _look(*_: Any) -> None:
    """The model of PostgreSQL has no other server that could take over."""


async def _never(*_: Any) -> None:
    await asyncio.get_running_loop().create_future()


@contextlib.asynccontextmanager
async def _not_measuring(_: Any) -> AsyncIterator[None]:
    yield


_open_node_itself: Final = realtime.node.open_node
_append_itself: Final = chats.log.appending.Appender.append


@contextlib.asynccontextmanager
async def _open_node(settings: Any) -> AsyncIterator[Any]:
    """The same, and records whose it is."""
    async with _open_node_itself(settings) as node:
        owner = OWNER.get()
        assert owner is not None
        owner.node = node
        yield node


async def _append(appender: Any, *arguments: Any) -> Any:
    """The same, or the answer of a replica of a broken release."""
    results = await _append_itself(appender, *arguments)
    owner = OWNER.get()
    return results[:-1] if owner is not None and owner.answers_short else results


def _end_process(_: int, __: int) -> None:
    """A task that the process cannot do without has failed."""
    owner = OWNER.get()
    if owner is not None and owner.is_alive:
        owner.loop.fail(f"{owner.host}: a task died")
        owner.kill()


def _order_sets() -> None:
    """Sets of these objects are iterated over, so the seed must determine their order."""
    numbers = iter(range(1, 2**62))

    def number(self: Any) -> int:
        found: int | None = self.__dict__.get("_number")
        if found is None:
            found = self.__dict__["_number"] = next(numbers)
        return found

    class Numbered(realtime.sockets.connection.Connection):
        __hash__ = number

    put = setattr
    put(realtime.sockets.server, "Connection", Numbered)
    put(realtime.fan_out.hub.Room, "__hash__", lambda room: hash(room.chat))
    put(common.calls.http_client._Connection, "__hash__", number)
    put(common.calls.http_server._Connection, "__hash__", number)
