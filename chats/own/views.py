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
    """Each from one snapshot: a chat that changed before the reader's own state was counted is read
    again."""
    views = [_NOT_ALLOWED] * len(request.wanted)
    epoch, left = "", list(range(len(views)))
    for _ in range(MAX_TRIES):
        if left:
            found, read = await _read_views(pool, cache, [request.wanted[nth] for nth in left])
            epoch = epoch or found
            for nth, (view, _) in zip(left, read, strict=True):
                views[nth] = view
            left = [nth for nth, (_, is_whole) in zip(left, read, strict=True) if not is_whole]
    return ViewsAnswer(epoch=epoch, views=views)


async def _read_views(
    pool: Pool, cache: ReadCache, wanted: Sequence[ViewWanted]
) -> tuple[str, list[tuple[View, bool]]]:
    """The epoch, and each view and whether it is from one snapshot."""
    epoch, rows = await read_views(pool, wanted)
    views = [(_NOT_ALLOWED if row is None else _show(row), True) for row in rows]
    states = {nth: row.state for nth, row in enumerate(rows) if row and row.state}
    if states:
        pairs = [(wanted[nth].chat, wanted[nth].user) for nth in states]
        filled = await cache.fill_own(pool, pairs, list(states.values()))
        for nth, one in zip(states, filled, strict=True):
            view, _ = views[nth]
            if one is None:
                views[nth] = _NOT_ALLOWED, True
            else:
                view.last, view.mine = show_last(one.row), show_mine(one.row)
                views[nth] = view, one.state.head == view.seq
    return epoch, views


def _show(row: ViewRow) -> View:
    return View(
        allowed=True,
        version=row.chat.version,
        seq=row.chat.seq,
        chat=None if row.participants is None else show_chat(row.chat, row.participants),
        messages=[msgspec.Raw(message) for message in row.messages],
        events=[msgspec.Raw(event) for event in row.events],
    )
