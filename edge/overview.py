"""How large the instance is and how it does, for those in charge: asked of everybody at once."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.protocol.chats import ChatsCounted
from common.protocol.errors import Refusal
from common.protocol.instance import UsersCounted
from common.protocol.users import Empty
from common.valkey.valkey import Valkey
from common.version import VERSION
from edge.bodies import AnswerBody
from edge.cache.nodes import CacheNodes

SOCKETS: Final = "hubbub_realtime_sockets"
ANSWER_SECONDS: Final = 2.0

T = TypeVar("T")


class Check(AnswerBody):
    """`detail` says what was found."""

    check: str
    ok: bool
    detail: str


class OverviewAnswer(AnswerBody):
    """`users` without deleted ones, `activeUsers` without deactivated ones; sizes in bytes. What
    nobody could be asked for is null; above 100,000 `messages` is an estimate."""

    users: int | None
    active_users: int | None
    sessions: int | None
    sockets: int | None
    chats: int | None
    messages: int | None
    file_bytes: int | None
    database_bytes: int | None
    version: str
    doctor: list[Check]


class Overview:
    """Asks users, chats, each realtime node, and Valkey."""

    def __init__(
        self,
        http: HttpClient,
        valkey: Valkey,
        cache: CacheNodes,
        users: Calls,
        chats: Calls,
        realtime: Replicas,
    ) -> None:
        self._http = http
        self._valkey = valkey
        self._cache = cache
        self._users = users
        self._chats = chats
        self._realtime = realtime

    async def ask(self) -> OverviewAnswer:
        users, chats, nodes, leases = await asyncio.gather(
            _or_none(self._users.call("count_users", Empty(), UsersCounted)),
            _or_none(self._chats.call("count_chats", Empty(), ChatsCounted)),
            asyncio.gather(*(self._count_sockets(node) for node in self._realtime.addresses)),
            self._valkey.list_leases("users", int(time.time() * 1000)),
        )
        sockets = [count for count in nodes if count is not None]
        out = self._cache.count_out()
        checks = [
            _check("users", users is not None, "its database answers"),
            _check("chats", chats is not None, "its database answers"),
            Check(
                check="realtime",
                ok=len(sockets) == len(nodes) > 0,
                detail=f"{len(sockets)} of {len(nodes)} nodes answer",
            ),
            _check("valkey", leases is not None, "it answers"),
            Check(check="cache", ok=out == 0, detail=f"{out} nodes do not answer"),
        ]
        return OverviewAnswer(
            users=users.users if users else None,
            active_users=users.active_users if users else None,
            sessions=users.sessions if users else None,
            sockets=sum(sockets) if sockets else None,
            chats=chats.chats if chats else None,
            messages=chats.messages if chats else None,
            file_bytes=0,
            database_bytes=users.database_bytes + chats.database_bytes if users and chats else None,
            version=VERSION,
            doctor=checks,
        )

    async def _count_sockets(self, node: str) -> int | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._http.get(node, f"/metrics?name[]={SOCKETS}")
        except (OSError, TimeoutError):
            return None
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                if sample.name == SOCKETS:
                    return int(sample.value)
        return None


async def _or_none(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except Refusal:
        return None


def _check(name: str, ok: bool, detail: str) -> Check:
    return Check(check=name, ok=ok, detail=detail if ok else "it does not answer")
