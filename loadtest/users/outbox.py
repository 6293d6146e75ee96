"""The sends of a simulated user on its socket that have no answer yet. Pure: times are given to it,
in seconds of one monotonic clock.

An overdue answer may still be on its way, or this process may not have read it yet. So a ping
follows, and a send counts as unanswered only if the pong comes first.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

NO_ANSWER: Final = "no answer"
NO_SOCKET: Final = "no socket to repeat it on"  # its own was lost before the answer


class _Send:
    """`since` is when it was written to the present socket, None if it was not. A refusal is an
    answer, until the send is repeated."""

    def __init__(self, frame: bytes, began: float, since: float | None) -> None:
        self.frame, self.began, self.since = frame, began, since
        self.is_refused = False


class Unanswered(NamedTuple):
    began: float
    reason: str


class Outbox:
    """One listener's, by client id."""

    def __init__(self) -> None:
        self._sends: dict[str, _Send] = {}
        self._asked: dict[str, float] | None = None  # overdue at the ping, with their `since`

    def __len__(self) -> int:
        return len(self._sends)

    def frame(self, client_id: str) -> bytes | None:
        send = self._sends.get(client_id)
        return send.frame if send else None

    def add(self, client_id: str, frame: bytes, began: float, since: float | None) -> None:
        """A new send. Without a socket it is written to the next one."""
        self._sends[client_id] = _Send(frame, began, since)

    def answer(self, client_id: str) -> float | None:
        """It is stored, or refused for good. Gives when it began, unless it was answered before."""
        send = self._sends.pop(client_id, None)
        return send.began if send else None

    def refuse(self, client_id: str) -> None:
        """It will be sent again."""
        if send := self._sends.get(client_id):
            send.since, send.is_refused = None, True

    def repeat(self, client_id: str, now: float) -> bool:
        """Whether it is still to be sent again after a refusal; then it is written now."""
        send = self._sends.get(client_id)
        if send is None or not send.is_refused:
            return False
        send.since, send.is_refused = now, False
        return True

    def lose_socket(self) -> None:
        """Whether its sends were stored is unknown; the next socket repeats them."""
        self._asked = None
        for send in self._sends.values():
            send.since = None

    def repeat_all(self, now: float) -> list[str]:
        """What is to be written to a new socket."""
        for send in self._sends.values():
            send.since, send.is_refused = now, False
        return list(self._sends)

    def ask(self, before: float) -> bool:
        """Whether to send a ping: something on this socket is unanswered since that time."""
        if self._asked is not None:
            return False
        overdue = {
            client_id: send.since
            for client_id, send in self._sends.items()
            if send.since is not None and send.since < before
        }
        self._asked = overdue or None
        return bool(overdue)

    def take_pong(self) -> Iterator[Unanswered]:
        """Removes and gives what was overdue at the ping and has no answer yet."""
        asked, self._asked = self._asked or {}, None
        for client_id, since in asked.items():
            send = self._sends.get(client_id)
            if send is not None and send.since == since:
                del self._sends[client_id]
                yield Unanswered(send.began, NO_ANSWER)

    def give_up(self) -> Iterator[Unanswered]:
        """Removes everything at the end of a run, and gives what had no answer, not even a
        refusal."""
        sends, self._sends, self._asked = self._sends, {}, None
        for send in sends.values():
            if not send.is_refused:
                yield Unanswered(send.began, NO_SOCKET if send.since is None else NO_ANSWER)
