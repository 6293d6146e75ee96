"""The calls of realtime nodes: which users are in which chat, what they missed, which heads they
should have."""

import msgspec

from chats.log.digest import KEPT_SECONDS, RecentChanges, joins_among
from chats.log.encoding import decode_controls
from chats.log.outbox import Publication, Publisher
from chats.log.window import Recent, Tail, Window
from chats.metrics import SLICES, WINDOW_BYTES
from chats.store.canaries import store_canary_message
from chats.store.chats import list_companions, list_memberships, read_epoch
from chats.store.log import Doubted, LogRow, compare_heads, find_last_joins, read_slices
from chats.store.outbox import list_unpublished
from common.database.pool import Pool
from common.protocol.chats import (
    CanaryMessage,
    Digest,
    HeadsAnswer,
    HeadsRequest,
    JoinsAnswer,
    JoinsRequest,
    MembershipsAnswer,
    MembershipsRequest,
    Slice,
    SlicesAnswer,
    SlicesRequest,
    SliceWanted,
)
from common.protocol.companions import CompanionsAnswer, CompanionsRequest
from common.protocol.limits import MAX_SLICE_BYTES, MAX_SLICE_EVENTS

UNPUBLISHED_ROWS = 20_000  # some seconds of sends at the highest rates; nodes poll twice a second


async def get_memberships(pool: Pool, request: MembershipsRequest) -> MembershipsAnswer:
    """One query for the epoch and all users of the request: when thousands connect at once, the
    database has to answer many of these."""
    epoch, memberships = await list_memberships(pool, request.users)
    heads: dict[str, dict[str, int]] = {user: {} for user in request.users}
    markers: dict[str, list[int]] = {user: [] for user in request.users}
    for one in memberships:
        heads[one.user][one.chat] = one.head
        markers[one.user].append(one.read)
    return MembershipsAnswer(
        epoch=epoch,
        chats=[heads[user] for user in request.users],
        markers=[markers[user] for user in request.users],
    )


async def get_slices(pool: Pool, window: Window, request: SlicesRequest) -> SlicesAnswer:
    """One query for all heads and for the events that the window does not hold; none if the window
    reaches as far as is wanted."""
    wanted = request.wanted
    here = [window.list_events(w.chat, w.after, MAX_SLICE_EVENTS) for w in wanted]
    doubted = [
        Doubted(w.chat, w.after, None if recent is None else recent.last)
        for w, recent in zip(wanted, here, strict=True)
        if not _reaches(recent, w.upto)
    ]
    read = iter(await read_slices(pool, doubted) if doubted else ())
    answer = SlicesAnswer(
        slices=[
            _slice(window, want, recent, *next(read))
            if recent is None or not _reaches(recent, want.upto)
            else _slice(window, want, recent, recent.last, [])
            for want, recent in zip(wanted, here, strict=True)
        ]
    )
    WINDOW_BYTES.set(window.size)
    return answer


def _reaches(here: Tail | None, upto: int) -> bool:
    return here is not None and here.last >= upto > 0


def _slice(
    window: Window, want: SliceWanted, here: Tail | None, head: int, rows: list[LogRow]
) -> Slice:
    if here is not None and here.last == head:
        SLICES.labels("window").inc()
        events = _cut(here.events)
    else:
        SLICES.labels("log").inc()
        events = [Recent(r.seq, r.event, decode_controls(r.controls) or ()) for r in rows]
        if events and events[-1].seq == head:
            window.fill(want.chat, events)
    return Slice(
        chat=want.chat,
        after=want.after,
        events=[msgspec.Raw(event.event) for event in events],
        controls=[control for event in events for control in event.controls],
        head=head,
        first=events[0].seq if events else want.after + 1,
    )


def _cut(events: list[Recent]) -> list[Recent]:
    total = 0
    for count, event in enumerate(events):
        total += len(event.event)
        if count and total > MAX_SLICE_BYTES:
            return events[:count]
    return events


async def get_heads(pool: Pool, request: HeadsRequest) -> HeadsAnswer:
    """Those that differ from what the node knows."""
    epoch = await read_epoch(pool)
    return HeadsAnswer(epoch=epoch, heads=await compare_heads(pool, request.heads))


async def get_joins(pool: Pool, request: JoinsRequest) -> JoinsAnswer:
    """For nodes that may have missed a join."""
    return JoinsAnswer(seqs=await find_last_joins(pool, request.wanted))


async def get_companions(pool: Pool, request: CompanionsRequest) -> CompanionsAnswer:
    """One query for all of them."""
    return CompanionsAnswer(companions=await list_companions(pool, request.wanted))


async def get_changes(pool: Pool, recent: RecentChanges) -> Digest:
    """The changes of this replica in the last seconds, and the state of the outbox."""
    digest = recent.list_since(KEPT_SECONDS)
    heads, changed = await list_unpublished(pool, newest=UNPUBLISHED_ROWS)
    for chat, head in heads.items():
        digest.heads[chat] = max(digest.heads.get(chat, 0), head)
    for chat, controls in changed:
        digest.joins += joins_among(chat, decode_controls(controls))
    return digest


async def publish_canary(pool: Pool, publisher: Publisher, message: CanaryMessage) -> None:
    """Goes the way of an event: committed, in the outbox, published. The node knows its topic."""
    outbox_id = await store_canary_message(pool, message.canary, message.number)
    publisher.publish_soon([Publication(message.canary, message.number, [b"{}"], [], outbox_id)])
