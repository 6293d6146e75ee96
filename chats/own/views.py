"""What edge asks before it answers from what it holds: may they read, and which state is it now?

Nothing here depends on what edge holds; it only says what it need not be sent again.
"""

import msgspec

from chats.membership.chats import show_chat
from chats.own.known import Known
from chats.own.state import show_last, show_mine
from chats.store.views import ViewRow, read_views
from common.database.pool import Pool
from common.protocol.chats import View, ViewsAnswer, ViewsRequest

_NOT_ALLOWED = View(allowed=False)


async def get_views(pool: Pool, known: Known, request: ViewsRequest) -> ViewsAnswer:
    """All of one moment, but for what is a reader's own."""
    epoch, rows = await read_views(
        pool, [(w.chat, w.user, w.details, w.after, w.amount, w.own) for w in request.wanted]
    )
    views = [_NOT_ALLOWED if row is None else _show(row) for row in rows]
    states = {nth: row.state for nth, row in enumerate(rows) if row and row.state}
    if states:
        pairs = [(request.wanted[nth].chat, request.wanted[nth].user) for nth in states]
        filled = await known.fill_own(pool, pairs, list(states.values()))
        for nth, one in zip(states, filled, strict=True):
            if one is None:
                views[nth] = _NOT_ALLOWED
            else:
                views[nth].last, views[nth].mine = show_last(one.row), show_mine(one.row)
    return ViewsAnswer(epoch=epoch, views=views)


def _show(row: ViewRow) -> View:
    return View(
        allowed=True,
        version=row.chat.version,
        seq=row.chat.seq,
        chat=None if row.participants is None else show_chat(row.chat, row.participants),
        messages=[msgspec.Raw(message) for message in row.messages],
        events=[msgspec.Raw(event) for event in row.events],
    )
