"""Offers new messages to users, for users whose page is closed. Sends never wait for it.

Each replica offers the messages that it has stored itself: nobody else has to find them, and
nothing is offered twice. Nothing is written down for it, so if a replica is killed, messages that
it had not offered, of its last second at most, are pushed to nobody.
"""

from collections.abc import Iterable
from time import monotonic
from typing import Final

from chats.metrics import PUSH_BEHIND_SECONDS, PUSH_DROPPED, PUSH_OFFERED
from chats.store.push import (
    Found,
    Range,
    find_messages_to_push,
    forget_push_readers,
    has_push_readers,
)
from chats.turns import next_turn
from common.calls.calls import Calls
from common.database.pool import Pool
from common.process.logs import log
from common.protocol.errors import Refusal
from common.protocol.push import OfferPushes, PushesOffered, PushOffer

OFFER_SECONDS: Final = 0.5
MAX_NOTED_CHATS: Final = 10_000
MAX_AGE_SECONDS: Final = 300.0  # older messages are not worth a notification
_CHATS_AT_ONCE: Final = 64
_CHATS_A_ROUND: Final = 256  # so that it takes little of a machine at its limit
_OFFERS_A_CALL: Final = 1_000
_MOST_EVENTS: Final = 64  # per chat: the newest are enough to know whom to notify


class _Noted:
    """Events of a chat, and when the first of them was noted."""

    __slots__ = ("at", "first", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.at = monotonic()


class PushFeeder:
    """`note` receives new events; `run` offers the noted ones."""

    def __init__(self, pool: Pool, users: Calls) -> None:
        self._pool = pool
        self._users = users
        self._noted: dict[str, _Noted] = {}
        self._has_readers = False
        self._alone: set[str] = set()  # one of these failed: each of them is offered alone

    def note(self, chat: str, first: int, last: int) -> None:
        """These events were stored."""
        known = self._noted.get(chat)
        if known is not None:  # the later one of two transactions may be noted first
            known.first, known.last = min(first, known.first), max(last, known.last)
        elif len(self._noted) < MAX_NOTED_CHATS:
            self._noted[chat] = _Noted(first, last)
        else:
            PUSH_DROPPED.labels("full").inc()

    async def run(self) -> None:
        """One pass over the noted events. Raises what the database raises; events that were not
        offered stay noted, and the next pass begins with others."""
        if not self._noted:
            return
        noted = list(self._noted)
        # Once there is a reader, ask until users says there are none: without readers nothing is
        # asked.
        self._has_readers = self._has_readers or await has_push_readers(self._pool)
        if not self._has_readers:
            for chat in noted:
                del self._noted[chat]
            self._alone.clear()
            return
        now = monotonic()
        self._forget_old(now)
        waiting = list(self._noted)[:_CHATS_A_ROUND]
        while waiting:
            some = next_turn(waiting, self._alone, _CHATS_AT_ONCE)
            if not await self._offer(some):
                break
            waiting = waiting[len(some) :]
        oldest = min((one.at for one in self._noted.values()), default=now)
        PUSH_BEHIND_SECONDS.set(now - oldest)

    def _forget_old(self, now: float) -> None:
        for chat in [c for c, one in self._noted.items() if now - one.at > MAX_AGE_SECONDS]:
            del self._noted[chat]
            self._alone.discard(chat)
            PUSH_DROPPED.labels("old").inc()

    async def _offer(self, chats: list[str]) -> bool:
        """Whether users took it; otherwise it stays noted."""
        taken = {chat: self._noted.pop(chat) for chat in chats}
        is_taken = False
        try:
            is_taken = await self._find_and_offer(taken)
        except Exception:
            self._alone.update(chats)
            raise
        finally:
            if not is_taken:
                self._give_back(taken)
        self._alone.difference_update(chats)
        return is_taken

    def _give_back(self, taken: dict[str, _Noted]) -> None:
        for chat, one in taken.items():
            newer = self._noted.setdefault(chat, one)
            newer.first, newer.last = min(one.first, newer.first), max(one.last, newer.last)
            newer.at = one.at

    async def _find_and_offer(self, taken: dict[str, _Noted]) -> bool:
        found, asked_at = await find_messages_to_push(
            self._pool,
            [
                Range(chat, max(one.first, one.last - _MOST_EVENTS + 1), one.last)
                for chat, one in taken.items()
            ],
        )
        offers = [offer for one in found for offer in offers_of(one)]
        unknown: set[str] = set()
        for start in range(0, len(offers), _OFFERS_A_CALL):
            some = offers[start : start + _OFFERS_A_CALL]
            try:
                answer = await self._users.call(
                    "offer_pushes", OfferPushes(offers=some), PushesOffered
                )
            except Refusal as refusal:
                log("pushes wait", code=refusal.code)
                return False
            unknown.update(answer.unknown)
        if unknown:
            await forget_push_readers(self._pool, unknown, asked_at)
            self._has_readers = False
        PUSH_OFFERED.inc(len(offers))
        return True


def offers_of(one: Found) -> Iterable[PushOffer]:
    """A browser that wants personal messages only may want an older message than the others."""

    def offer(seq: int, by: str, *, personal: bool) -> PushOffer:
        return PushOffer(
            user=one.member, chat=one.chat, first=one.first, seq=seq, by=by, personal=personal
        )

    is_personal = one.is_direct or one.newest == one.mentioning
    yield offer(one.newest, one.newest_by, personal=is_personal)
    if not is_personal and one.mentioning is not None and one.mentioning_by is not None:
        yield offer(one.mentioning, one.mentioning_by, personal=True)
