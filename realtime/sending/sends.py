"""Durable sends of all sockets: those that arrive while one call to a chats replica runs are the
next one.

chats decides whether the sender is in the chat. Knows no frame's encoding except the answers'.
"""

import time
from functools import partial
from typing import Protocol

from common.calls.lanes import Lanes
from common.protocol.errors import Refusal
from common.protocol.frames import Send, Sent
from common.protocol.items import AnyItem, AppendResult, MessageStored, Refused, SendItem
from common.valkey.rates import SEND_KIND, SENDS, Verdict
from common.valkey.shared_rates import SharedBuckets
from realtime.counters import Counters
from realtime.protocol.frames import encode_frame


class Sender(Protocol):
    """A socket that waits for answers."""

    user: str
    unanswered: int

    def reply(self, frame: bytes) -> None: ...

    def refuse(self, refusal: Refusal, chat: str, client_id: str) -> None: ...


class Sends:
    """Takes sends and answers each with `sent` or `error`."""

    def __init__(
        self,
        lanes: Lanes[AnyItem, AppendResult],
        buckets: SharedBuckets,
        rate_factor: int,
        counters: Counters,
    ) -> None:
        self._lanes = lanes
        self._buckets = buckets
        self._rate = SENDS.times(rate_factor)
        self._counters = counters

    def submit(self, sender: Sender, send: Send) -> None:
        """Answers later, in the order of submission within a chat."""
        sender.unanswered += 1
        since = time.monotonic()
        # The bucket that edge uses too.
        verdict = self._buckets.take_at_once(SEND_KIND, sender.user, self._rate)
        if verdict is not None:
            self._pass_on(sender, send, since, verdict)
        else:
            done = partial(self._pass_on, sender, send, since)
            self._buckets.ask(SEND_KIND, sender.user, self._rate, done)

    def _pass_on(self, sender: Sender, send: Send, since: float, verdict: Verdict) -> None:
        if not verdict.allowed:
            sender.unanswered -= 1
            refusal = Refusal("rate_limited", "Too many messages.", retry_after=verdict.retry_after)
            sender.refuse(refusal, send.chat, send.client_id)
            return
        self._counters.sends += 1
        item = SendItem(
            chat=send.chat,
            user=sender.user,
            key=send.client_id,
            show_key=True,
            message=send.message,
            reply_to=send.reply_to,
            mentions=send.mentions,
            attachments=send.attachments,
        )
        self._lanes.ask(send.chat, item, partial(self._answer, sender, send, since))

    def _answer(
        self, sender: Sender, send: Send, since: float, result: AppendResult | Refusal
    ) -> None:
        self._counters.send_times.note(time.monotonic() - since)
        sender.unanswered -= 1
        if isinstance(result, MessageStored):
            sent = Sent(
                chat=send.chat,
                client_id=send.client_id,
                message_id=result.message_id,
                seq=result.seq,
                at=result.at,
            )
            sender.reply(encode_frame(sent))
        else:
            refusal = result if isinstance(result, Refusal) else _refusal_of(result)
            sender.refuse(refusal, send.chat, send.client_id)


def _refusal_of(result: AppendResult) -> Refusal:
    """A frame has one sentence for all that is wrong, including fields."""
    assert isinstance(result, Refused)
    wrong = [f"{error.get('field', '')} {error['detail']}." for error in result.errors or ()]
    return Refusal(result.code, " ".join(wrong) or result.detail)
