"""The only calls to chats, each by its name. Decides only which replica it asks."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from common.calls.calls import Calls
from common.calls.lanes import Lanes, Spacing
from common.calls.replicas import Replicas
from common.process.logs import current_trace, log
from common.process.trace import new_trace
from common.protocol import chats as c
from common.protocol.companions import CompanionsAnswer, CompanionsRequest, CompanionsWanted
from common.protocol.errors import Refusal
from common.protocol.items import AnyItem, AppendAnswer, AppendRequest, AppendResult
from common.protocol.own import MarkersMoved, MoveMarker, MoveMarkers

T = TypeVar("T")

MAX_USERS_A_CALL: Final = 1_000
# Each call is a query of the database. The call of a single client does not wait; of thousands that
# come at once, to several nodes, each waits a little, and a hundred or more share a query.
MEMBERSHIPS_SPACING: Final = Spacing(pause_seconds=0.05, crowd=30)
MAX_SLICES_A_CALL: Final = 100
MAX_SENDS_A_CALL: Final = 256
# Between the beginnings of two calls, after one of so many sends: a call costs much more than one.
# With 48 waiting, chats gets them while the last callers are told.
SENDS_SPACING: Final = Spacing(pause_seconds=0.005, fewest=4, gather=0.25, returning=True, ahead=48)
MAX_HEADS_A_CALL: Final = 10_000
MAX_JOINS_A_CALL: Final = 1_000
MAX_COMPANIONS_A_CALL: Final = 20
POLL_TIMEOUT_SECONDS: Final = 1.0


class Memberships(NamedTuple):
    """The heads of a user's chats, and their read markers if chats sends them."""

    heads: dict[str, int]
    read: dict[str, int]


class Chats:
    """The calls of realtime to chats. Every one raises Refusal: chats' own, or unavailable."""

    def __init__(self, calls: Calls, replicas: Replicas) -> None:
        self._calls = calls
        self._replicas = replicas
        self._on_restore: list[Callable[[], None]] = []
        self.epoch = ""
        self._memberships: Lanes[str, Memberships] = Lanes(
            lambda _: "any",
            self._ask_memberships,
            max_items=MAX_USERS_A_CALL,
            spacing=MEMBERSHIPS_SPACING,
        )
        self._slices: Lanes[tuple[str, int, int], c.Slice] = Lanes(
            calls.preferred, self._ask_slices, max_items=MAX_SLICES_A_CALL
        )
        self._companions: Lanes[CompanionsWanted, list[str]] = Lanes(
            lambda _: "any", self._ask_companions, max_items=MAX_COMPANIONS_A_CALL
        )
        self.sends: Lanes[AnyItem, AppendResult] = Lanes(
            calls.preferred,
            self._ask_sends,
            max_items=MAX_SENDS_A_CALL,
            spacing=SENDS_SPACING,
        )

    def call_on_restore(self, forget: Callable[[], None]) -> None:
        """`forget` is called when the epoch has changed, before the caller gets the answer that
        says so: the database was restored."""
        self._on_restore.append(forget)

    async def memberships(self, user: str) -> Memberships:
        """From one snapshot."""
        return await self._memberships.fetch(user, user)

    def ask_memberships(self, user: str, done: Callable[[Memberships | Refusal], None]) -> None:
        """The same for a caller without a task: `done` is called once."""
        self._memberships.ask(user, user, done)

    async def slice(self, chat: str, after: int, upto: int = 0) -> c.Slice:
        """Events after a seq; at most 200 and 256 KiB. If no more than those up to `upto`, which
        exist, are needed, chats may answer from memory."""
        return await self._slices.fetch(chat, (chat, after, upto))

    async def heads(self, heads: dict[str, int]) -> dict[str, int]:
        """The current heads of those that differ."""
        differing: dict[str, int] = {}
        items = iter(heads.items())
        while part := dict(islice(items, MAX_HEADS_A_CALL)):
            request = c.HeadsRequest(heads=part)
            answer = await self._calls.call("heads", request, c.HeadsAnswer, key=_any_key())
            self._note(answer.epoch)
            differing.update(answer.heads)
        return differing

    async def joins(self, wanted: Sequence[tuple[str, str]]) -> list[int]:
        """The seq at which each (user, chat) last joined, 0 if never."""
        seqs: list[int] = []
        for start in range(0, len(wanted), MAX_JOINS_A_CALL):
            part = wanted[start : start + MAX_JOINS_A_CALL]
            request = c.JoinsRequest(wanted=[c.JoinWanted(user=u, chat=chat) for u, chat in part])
            answer = await self._calls.call("joins", request, c.JoinsAnswer, key=_any_key())
            seqs += answer.seqs
        return seqs

    async def move_markers(self, key: str, moves: Sequence[MoveMarker], seconds: float) -> None:
        """Those of one call; `key` is that of one of their users."""
        request = MoveMarkers(moves=list(moves))
        await self._calls.call("move_markers", request, MarkersMoved, key=key, timeout=seconds)

    async def companions(self, user: str, others: Sequence[str]) -> set[str]:
        """Those of the others who share a chat with the user, and the user themself."""
        wanted = CompanionsWanted(user=user, others=list(others))
        return {*await self._companions.fetch("any", wanted), user}

    def preferred(self, key: str) -> str:
        """The replica that is asked first for the key."""
        return self._calls.preferred(key)

    async def commit_canary(self, canary: str, number: int) -> None:
        """chats commits it and publishes it as it publishes events."""
        request = c.CanaryMessage(canary=canary, number=number)
        await self._calls.call("canary", request, c.Done, key=_any_key())

    async def can_answer(self) -> bool:
        """Whether a replica is ready right now; a hung one beside it costs no time."""
        return await self._calls.any_is_ready()

    async def changes(self) -> tuple[list[c.Digest], bool]:
        """Recent changes from every replica that answers, and whether all have answered."""
        addresses = self._replicas.addresses
        answers = await asyncio.gather(
            *(
                self._calls.call_replica(
                    address, "changes", c.ChangesRequest(), c.Digest, timeout=POLL_TIMEOUT_SECONDS
                )
                for address in addresses
            ),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
                raise answer
        digests = [answer for answer in answers if isinstance(answer, c.Digest)]
        return digests, bool(addresses) and len(digests) == len(addresses)

    async def _ask_memberships(self, _: str, users: list[str], seconds: float) -> list[Memberships]:
        different = list(dict.fromkeys(users))
        request = c.MembershipsRequest(users=different)
        answer = await self._calls.call(
            "memberships", request, c.MembershipsAnswer, key=_any_key(), timeout=seconds
        )
        self._note(answer.epoch)
        markers = answer.markers or [[] for _ in different]
        found = {
            user: Memberships(heads, dict(zip(heads, own, strict=False)))
            for user, heads, own in zip(different, answer.chats, markers, strict=True)
        }
        return [found[user] for user in users]

    async def _ask_companions(
        self, _: str, wanted: list[CompanionsWanted], seconds: float
    ) -> list[list[str]]:
        request = CompanionsRequest(wanted=wanted)
        answer = await self._calls.call(
            "companions", request, CompanionsAnswer, key=_any_key(), timeout=seconds
        )
        return answer.companions

    async def _ask_slices(
        self, key: str, wanted: list[tuple[str, int, int]], seconds: float
    ) -> list[c.Slice]:
        different = list(dict.fromkeys(wanted))
        request = c.SlicesRequest(
            wanted=[
                c.SliceWanted(chat=chat, after=after, upto=upto) for chat, after, upto in different
            ]
        )
        answer = await self._calls.call("slices", request, c.SlicesAnswer, key=key, timeout=seconds)
        found = dict(zip(different, answer.slices, strict=True))
        return [found[one] for one in wanted]

    async def _ask_sends(
        self, key: str, items: list[AnyItem], seconds: float
    ) -> list[AppendResult]:
        current_trace.set(new_trace())  # one for the batch: a socket's frames have none
        request = AppendRequest(items=items)
        answer = await self._calls.call("append", request, AppendAnswer, key=key, timeout=seconds)
        log("sends", messages=len(items))
        return answer.results

    def _note(self, epoch: str) -> None:
        known, self.epoch = self.epoch, epoch
        if known and known != epoch:
            log("the database was restored", epoch=epoch)
            for forget in self._on_restore:
                forget()


async def insist(ask: Callable[[], Awaitable[T]], *, every_seconds: float) -> T:
    """Asks until chats answers; a caller that cannot wait for ever sets a time-out."""
    while True:
        try:
            return await ask()
        except Refusal:
            await asyncio.sleep(every_seconds)


def _any_key() -> str:
    # Any replica serves these; a random key spreads them.
    return str(random.random())  # noqa: S311 - no secret
