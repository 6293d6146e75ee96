"""The client library's session, with a check of each of its sockets: repeats and gaps, which the
library would correct, violate the contract and count. Pure."""

from typing import Any

from hubbub_client.session import Output, Session

from loadtest.sockets.delivery import DeliveryBook


class JudgedSession(Session):
    """A socket has each chat from one seq on: after the cursor where the chat is replayed, else
    after the head, or from its `chat.created`; from there on dense."""

    def __init__(self, user: str, book: DeliveryBook) -> None:
        super().__init__(user)
        self._book = book
        self._last: dict[str, int] = {}  # by chat, on this socket
        self._has_pong = False

    def hello(self, token: str) -> bytes:
        self._has_pong = False
        return super().hello(token)

    def take_pong(self) -> bool:
        """Whether a pong has come since the last call."""
        had, self._has_pong = self._has_pong, False
        return had

    def receive(self, frame: dict[str, Any]) -> list[Output]:
        kind = frame["type"]
        if kind == "ready":
            replayed = self._resumed.keys() - set(frame["behind"])
            self._last = frame["chats"] | {
                chat: self._resumed[chat] for chat in replayed if chat in frame["chats"]
            }
        elif kind == "pong":
            self._has_pong = True
        elif "seq" in frame and kind != "sent":
            chat, seq = frame["chat"], frame["seq"]
            last = self._last.get(chat, -1)
            if seq == last + 1:
                self._last[chat] = seq
            else:
                self._judge(chat, seq, kind, last)
        return super().receive(frame)

    def _judge(self, chat: str, seq: int, kind: str, last: int) -> None:
        """An event out of sequence."""
        if seq <= last:
            self._book.doubled += 1
        elif kind != "chat.created":
            self._book.out_of_order += 1
        self._last[chat] = max(seq, last)
