"""Calls of 0.1.0 that have changed since: its edges and realtime nodes make them as long as they
run beside this release."""

import msgspec

from chats.own.read_cache import ReadCache
from chats.own.views import get_views
from common.database.pool import Pool
from common.protocol.chats import View, ViewsRequest
from common.protocol.items import AppendResult, MessageStored, Refused, SendItem
from common.protocol.wire import Internal, Wire


class SendsRequest(Internal):
    items: list[SendItem]


class SendResult(Wire):
    """Either the first result of this key, or a refusal's code and detail."""

    message_id: str = ""
    seq: int = 0
    at: str = ""
    message: str = ""
    client_id: str | None = None
    code: str = ""
    detail: str = ""


class SendsAnswer(Internal):
    results: list[SendResult]


class LooksAnswer(Internal):
    """For each one wanted, in order."""

    epoch: str
    looks: list[View]


def show_sent(result: AppendResult) -> SendResult:
    match result:
        case MessageStored(message_id, seq, at, message, client_id):
            return SendResult(
                message_id=message_id, seq=seq, at=at, message=message, client_id=client_id
            )
        case Refused(code, detail):
            return SendResult(code=code, detail=detail)
    raise TypeError(f"no message: {result}")


async def look(pool: Pool, cache: ReadCache, request: ViewsRequest) -> LooksAnswer:
    """A caller that asks for messages above a seq holds older ones, and would miss edits and
    deletions of them: a head below that seq makes it fetch all again."""
    wanted = [
        msgspec.structs.replace(one, after=0, amount=0 if one.after else one.amount)
        for one in request.wanted
    ]
    answer = await get_views(pool, cache, ViewsRequest(wanted=wanted))
    for one, view in zip(request.wanted, answer.views, strict=True):
        if one.after and view.allowed:
            view.seq = 0
    return LooksAnswer(epoch=answer.epoch, looks=answer.views)
