"""A user's stream of events over many sockets, as a state machine without I/O, clock or randomness.

Takes input and returns the resulting outputs. Guarantees each event of each chat once and in the
order of seqs, however often sockets end in between. Must not know how frames are sent or who
listens. The rules are those of docs/clients.md.
"""

from collections.abc import Iterable
from itertools import dropwhile
from typing import Any, Final

import msgspec

from hubbub_client.events import (
    ChatCreated,
    ChatDeleted,
    Event,
    Moment,
    ParticipantRemoved,
    Restarted,
    decode,
)

MAX_RESUMED_CHATS: Final = 1_000
MAX_FRAME: Final = 65_536
MAX_HELD: Final = 10_000  # events that wait for pulls

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Pull(msgspec.Struct, frozen=True):
    """Fetch `/events?after=` this seq, then call `pulled` or `gone`. `socket` is the number of its
    socket: the result of a pull that arrives after the end of its socket is dropped, since the next
    one pulls again."""

    chat: str
    after: int
    socket: int


class Ready(msgspec.Struct, frozen=True):
    """The socket accepts frames now. It needs a ping after `ping_seconds` of silence. `cursors`:
    where each chat begins on it."""

    ping_seconds: float
    cursors: dict[str, int]


class Answer(msgspec.Struct, frozen=True):
    """The outcome of the send with this client id; `code` is empty if it was stored."""

    client_id: str
    frame: dict[str, Any]
    code: str = ""


class RefreshToken(msgspec.Struct, frozen=True):
    """The access token is about to expire."""


class Refusal(msgspec.Struct, frozen=True):
    """A frame without a client id was refused."""

    code: str
    detail: str


# An `Event` or `Restarted` is the next one for the program.
Output = Event | Restarted | Moment | Pull | Ready | Answer | RefreshToken | Refusal


class Session:
    """`cursors`: the last seq that the program has processed, by chat; `epoch` is the history's.
    Both from an earlier session, or empty: then events start with new ones, or with `from_start` at
    the first one of each chat."""

    def __init__(
        self,
        user: str = "",
        cursors: dict[str, int] | None = None,
        epoch: str | None = None,
        *,
        from_start: bool = False,
    ) -> None:
        self.user = user
        self.cursors = dict(cursors or {})
        self.epoch = epoch
        self.max_frame = MAX_FRAME  # bytes that the server accepts
        self._from_start = from_start
        self._had: dict[str, int] = {}  # the cursors at the last `hello`
        self._resumed: dict[str, int] = {}  # the part sent in it
        self._shown: dict[str, int] = {}  # where chats begin at the first socket
        self._held: dict[str, list[Event]] = {}  # for chats that are being pulled
        self._ends: dict[str, int] = {}  # of chats that ended on this socket
        self._sockets = 0  # that became ready

    def begin_anew(self) -> None:
        """Resets the state for another user."""
        self.cursors.clear()
        self.epoch = None
        self._shown.clear()
        self._held.clear()
        self._ends.clear()

    def go_back(self, cursors: dict[str, int]) -> None:
        """The program has processed less than was received; the next socket resumes from here."""
        self.cursors = dict(cursors)
        self._held.clear()
        self._ends.clear()

    def show(self, chat: str, seq: int) -> None:
        """The program has loaded the chat's history up to here. Before the first socket, its events
        start there."""
        if self.epoch is None:
            self._shown[chat] = seq

    def hello(self, token: str) -> bytes:
        """The first frame of a new socket. If there are more chats than a client may resume, the
        server does not name the others in `behind`, and they are pulled."""
        self._had = dict(self.cursors)
        newest = sorted(self._had.items(), key=lambda item: -item[1])[:MAX_RESUMED_CHATS]
        self._resumed = dict(newest)
        frame: dict[str, Any] = {"type": "connect", "token": token, "resume": self._resumed}
        if self.epoch is not None:
            frame["epoch"] = self.epoch
        return _encode(frame)

    def receive_text(self, text: str | bytes) -> list[Output]:
        """A text frame, which contains one line or several. Raises ValueError if it is not JSON;
        ValueError, KeyError, TypeError or AttributeError if a field of its type is wrong."""
        lines = (text.encode() if isinstance(text, str) else text).split(b"\n")
        if len(lines) == 1:  # the usual case
            return self.receive(_decode(lines[0]))
        return [output for line in lines for output in self.receive(_decode(line))]

    def receive(self, frame: dict[str, Any]) -> list[Output]:
        """One line, decoded."""
        match frame["type"]:
            case "ready":
                return self._begin(frame)
            case "sent":
                return [Answer(frame["clientId"], frame)]
            case "error" if "clientId" in frame:
                return [Answer(frame["clientId"], frame, frame["code"])]
            case "error":
                return [Refusal(frame["code"], frame["detail"])]
            case "expiring":
                return [RefreshToken()]
        decoded = decode(frame)
        if isinstance(decoded, Event):
            return self._take(decoded)
        return [] if decoded is None else [decoded]

    def pulled(
        self, pull: Pull, events: Iterable[dict[str, Any]], *, more: bool = False
    ) -> list[Output]:
        """The page that the pull returned. With `more` another Pull follows. Raises ValueError,
        KeyError or TypeError, and changes nothing, if it is not a page of events."""
        if not self.wants(pull):
            return []
        page = [event for event in map(decode, events) if isinstance(event, Event)]
        if any(event.chat != pull.chat for event in page):
            raise ValueError("an event of another chat")
        outputs: list[Output] = []
        for event in page:
            if event.seq > self._last_of(pull.chat):
                outputs += self._deliver(event)
        if more:
            return [*outputs, Pull(pull.chat, self._last_of(pull.chat), pull.socket)]
        for event in self._held.pop(pull.chat):
            outputs += self._take(event)
        return outputs

    def gone(self, pull: Pull) -> list[Output]:
        """`/events` answered 404: the user is no longer in this chat, and may no longer see the
        missed events; only the end itself, if it arrived meanwhile."""
        if not self.wants(pull):
            return []
        held = self._held.pop(pull.chat)
        self.cursors.pop(pull.chat, None)
        ends = [number for number, event in enumerate(held) if self._is_end(event)]
        outputs: list[Output] = [held[number] for number in ends[:1]]
        since = held[ends[-1] + 1 :] if ends else held
        # They may have been added again meanwhile.
        for event in dropwhile(lambda event: not isinstance(event, ChatCreated), since):
            outputs += self._take(event)
        return outputs

    @property
    def holds_too_much(self) -> bool:
        """The pulls take too long: what waits for them comes again on the next socket."""
        return sum(map(len, self._held.values())) > MAX_HELD

    def wants(self, pull: Pull) -> bool:
        """Whether the pull is still needed."""
        return pull.socket == self._sockets and pull.chat in self._held

    # ---- what came in

    def _begin(self, ready: dict[str, Any]) -> list[Output]:
        self.user = ready["user"]
        self.max_frame = ready.get("maxFrame", MAX_FRAME)
        self._sockets += 1
        self._held.clear()
        self._ends.clear()
        heads: dict[str, int] = ready["chats"]
        outputs: list[Output] = []
        is_anew = self.epoch != ready["epoch"]
        if is_anew:
            begins = {chat: min(head, self._shown.get(chat, head)) for chat, head in heads.items()}
            self.cursors = {} if self._from_start else begins
            if self.epoch is not None:
                outputs.append(Restarted(None))
        self._shown.clear()
        self.epoch = ready["epoch"]
        for chat in self.cursors.keys() - heads.keys():
            del self.cursors[chat]
        for chat, head in heads.items():
            outputs += self._resume(chat, head, ready, is_anew=is_anew)
        return [Ready(ready["pingSeconds"], dict(self.cursors)), *outputs]

    def _resume(
        self, chat: str, head: int, ready: dict[str, Any], *, is_anew: bool
    ) -> list[Output]:
        last = self.cursors.get(chat)
        if last is None and self._from_start:
            last = self.cursors[chat] = 0
        elif last is None:
            # Joined while away: from the joining on, where the read marker starts.
            last = self.cursors[chat] = max(0, ready.get("read", {}).get(chat, head) - 1)
        elif not is_anew and self._had.get(chat, 0) > head:
            last = self.cursors[chat] = 0 if self._from_start else head
            return [Restarted(chat), *([self._pull(chat)] if last < head else [])]
        elif not is_anew and chat not in ready["behind"] and chat in self._resumed:
            return []
        return [self._pull(chat)] if last < head else []

    def _take(self, event: Event) -> list[Output]:
        """An event received over the socket."""
        chat, last = event.chat, self._last_of(event.chat)
        if chat in self._held:
            self._held[chat].append(event)
            return []
        if event.seq <= last:
            return []
        if event.seq > last + 1 and not isinstance(event, ChatCreated):
            pull = self._pull(chat)
            self._held[chat].append(event)
            return [pull]
        return self._deliver(event)

    def _pull(self, chat: str) -> Pull:
        self._held[chat] = []
        return Pull(chat, self._last_of(chat), self._sockets)

    def _last_of(self, chat: str) -> int:
        """Events after the user's removal are theirs if they were added again while away."""
        return self.cursors.get(chat, self._ends.get(chat, 0))

    def _deliver(self, event: Event) -> list[Output]:
        if self._is_end(event):
            self.cursors.pop(event.chat, None)
            self._ends[event.chat] = event.seq
        else:
            self.cursors[event.chat] = event.seq
        return [event]

    def _is_end(self, event: Event) -> bool:
        return isinstance(event, ChatDeleted) or (
            isinstance(event, ParticipantRemoved) and self.user in event.users
        )
