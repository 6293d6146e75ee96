"""What edge asks before it answers from what it holds: may they read, and which state is it now?

Nothing here depends on what edge holds; it only says what it need not be sent again.
"""

import msgspec

from chats.chats import show_chat
from chats.store.looks import LookRow, read_looks
from common.database.pool import Pool
from common.protocol.chats import Look, LooksAnswer, LooksRequest

_NOT_ALLOWED = Look(allowed=False)


async def look(pool: Pool, request: LooksRequest) -> LooksAnswer:
    """All of one moment."""
    epoch, rows = await read_looks(
        pool, [(w.chat, w.user, w.details, w.after, w.amount) for w in request.wanted]
    )
    return LooksAnswer(
        epoch=epoch, looks=[_NOT_ALLOWED if row is None else _show(row) for row in rows]
    )


def _show(row: LookRow) -> Look:
    return Look(
        allowed=True,
        version=row.chat.version,
        seq=row.chat.seq,
        chat=None if row.participants is None else show_chat(row.chat, row.participants),
        messages=[msgspec.Raw(message) for message in row.messages],
        events=[msgspec.Raw(event) for event in row.events],
    )
