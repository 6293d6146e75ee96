"""The question that edge asks before it answers from its cache: may they read, and which state is
current?

Nothing here depends on edge's cache; edge only says what need not be sent again.
"""

from collections.abc import Sequence

import msgspec

from chats.membership.chats import show_chat
from chats.own.read_cache import ReadCache
from chats.own.state import MAX_TRIES, show_last, show_mine
from chats.store.views import ViewRow, read_views
from common.database.pool import Pool
from common.protocol.chats import View, ViewsAnswer, ViewsRequest, ViewWanted

_NOT_ALLOWED = View(allowed=False)


async def get_views(pool: Pool, cache: ReadCache, request: ViewsRequest) -> ViewsAnswer:
    """Each as of one seq: a chat that changed before the reader's own state was counted is read
    again."""
    views = [_NOT_ALLOWED] * len(request.wanted)
    # Those to read, with the chat's head at the last count; none before the first one.
    epoch, heads = "", dict[int, int | None].fromkeys(range(len(views)))
    for _ in range(MAX_TRIES):
        if not heads:
            break
        found, read = await _read_views(pool, cache, [request.wanted[nth] for nth in heads])
        epoch = epoch or found
        before, heads = heads, {}
        for (nth, last), (view, head) in zip(before.items(), read, strict=True):
            is_same = view.version == views[nth].version and _is_only_own(request.wanted[nth])
            if head == view.seq:
                views[nth] = view
            elif last is not None and is_same:
                # Only messages have been added since the last read: it was the same at the count.
                views[nth].seq = last
            else:
                views[nth], heads[nth] = view, head
    return ViewsAnswer(epoch=epoch, views=views)


async def _read_views(
    pool: Pool, cache: ReadCache, wanted: Sequence[ViewWanted]
) -> tuple[str, list[tuple[View, int]]]:
    """The epoch, and each view and the chat's head when the reader's own state was counted, which
    is its seq if all of it is from one snapshot."""
    epoch, rows = await read_views(pool, wanted)
    views = [_NOT_ALLOWED if row is None else _show(row) for row in rows]
    heads = [view.seq for view in views]
    states = {nth: row.state for nth, row in enumerate(rows) if row and row.state}
    if states:
        pairs = [(wanted[nth].chat, wanted[nth].user) for nth in states]
        filled = await cache.fill_own(pool, pairs, list(states.values()))
        for nth, one in zip(states, filled, strict=True):
            if one is None:
                views[nth], heads[nth] = _NOT_ALLOWED, _NOT_ALLOWED.seq
            else:
                views[nth].last, views[nth].mine = show_last(one.row), show_mine(one.row)
                heads[nth] = one.state.head
    return epoch, list(zip(views, heads, strict=True))


def _is_only_own(wanted: ViewWanted) -> bool:
    """Whether its seq is all that messages change: details have the seq, too."""
    return not wanted.details and not wanted.amount


def _show(row: ViewRow) -> View:
    return View(
        allowed=True,
        version=row.chat.version,
        seq=row.chat.seq,
        chat=None if row.participants is None else show_chat(row.chat, row.participants),
        messages=[msgspec.Raw(message) for message in row.messages],
        events=[msgspec.Raw(event) for event in row.events],
    )
