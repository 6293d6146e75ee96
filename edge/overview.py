"""Size and health of the instance, for owners and admins, asked of all services at once."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from prometheus_client import REGISTRY

from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.process.symptoms import OPEN_CIRCUIT
from common.protocol.errors import Refusal
from common.protocol.instance import ChatsCounted, UsersCounted
from common.protocol.users import Empty
from common.valkey.valkey import Valkey
from common.version import VERSION
from edge.bodies import AnswerBody
from edge.cache.nodes import CacheNodes
from edge.checks import ASKED, DELIVERED, SOCKETS, STORED, Check, Seen, judge
from edge.figures import ask_figures

T = TypeVar("T")


class Flow(AnswerBody):
    """`stored` messages, edits, deletions and reactions, and events `delivered` to sockets, both
    since the current processes started: the difference of two answers is what happened between
    them."""

    stored: int | None
    delivered: int | None


class RoleReplicas(AnswerBody):
    """How many processes of a role are `known`, and how many of them are `answering`."""

    role: str
    known: int
    answering: int


class OverviewAnswer(AnswerBody):
    """`users` without deleted ones, `activeUsers` without deactivated ones; sizes in bytes. Values
    that could not be obtained are null; above 100,000 `messages` is an estimate. `doctor` has the
    checks that edge can make; `make doctor` on the machine makes more."""

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
    flow: Flow
    replicas: list[RoleReplicas]


class Overview:
    """Asks users, chats, every replica of the services, and Valkey."""

    def __init__(
        self,
        http: HttpClient,
        valkey: Valkey,
        cache: CacheNodes,
        users: Calls,
        chats: Calls,
        replicas: tuple[Replicas, ...],
    ) -> None:
        """`replicas` of users, chats and realtime."""
        self._http = http
        self._valkey = valkey
        self._cache = cache
        self._users = users
        self._chats = chats
        self._replicas = replicas

    async def ask(self) -> OverviewAnswer:
        users, chats, leases, answers = await asyncio.gather(
            _or_none(self._users.call("count_users", Empty(), UsersCounted)),
            _or_none(self._chats.call("count_chats", Empty(), ChatsCounted)),
            self._valkey.list_leases("users"),
            asyncio.gather(*(ask_figures(self._http, of, ASKED[of.role]) for of in self._replicas)),
        )
        figures = {of.role: answer for of, answer in zip(self._replicas, answers, strict=True)}
        cache_nodes, cache_nodes_out = self._cache.count(), self._cache.count_out()
        seen = Seen(
            figures=figures,
            databases={"users": users is not None, "chats": chats is not None},
            valkey=leases is not None,
            cache_nodes=cache_nodes,
            cache_nodes_out=cache_nodes_out,
            circuit_is_open=_is_circuit_open(),
        )
        replicas = [
            RoleReplicas(role=role, known=of.known, answering=len(of.answered))
            for role, of in figures.items()
        ]
        replicas.append(
            RoleReplicas(role="cache", known=cache_nodes, answering=cache_nodes - cache_nodes_out)
        )
        return OverviewAnswer(
            users=users.users if users else None,
            active_users=users.active_users if users else None,
            sessions=users.sessions if users else None,
            sockets=figures["realtime"].total(SOCKETS),
            chats=chats.chats if chats else None,
            messages=chats.messages if chats else None,
            file_bytes=chats.file_bytes if chats else None,
            database_bytes=users.database_bytes + chats.database_bytes if users and chats else None,
            version=VERSION,
            doctor=judge(seen),
            flow=Flow(
                stored=figures["chats"].total(STORED),
                delivered=figures["realtime"].total(DELIVERED),
            ),
            replicas=replicas,
        )


def _is_circuit_open() -> bool:
    """Whether this process does not call a service any more."""
    return any(REGISTRY.get_sample_value(OPEN_CIRCUIT, {"to": role}) for role in ("users", "chats"))


async def _or_none(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except Refusal:
        return None
