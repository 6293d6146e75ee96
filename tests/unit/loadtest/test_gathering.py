"""What the simulated users of a process count: sends without answers, and the end of a run."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import gevent
import pytest

from loadtest.sockets.blocking_socket import SocketEnded
from loadtest.users import gathering as shared
from loadtest.users import listener as listening
from loadtest.users.gathering import Gathering
from loadtest.users.listener import PING, Listener
from loadtest.users.outbox import NO_ANSWER, NO_SOCKET

if TYPE_CHECKING:
    from locust.stats import RequestStats

READY = b'{"type":"ready","user":"ann","epoch":"e","chats":{"c":5},"behind":[],"pingSeconds":25}'
PONG = b'{"type":"pong"}'
STOP = 4500

Script = Callable[["Socket"], Iterator[bytes]]


class Stats:
    """locust's: how many requests of each name, and which errors."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.entries: Any = defaultdict(None)

    def log_request(self, _kind: str, name: str, _ms: int, _length: int) -> None:
        self.requests[name] += 1

    def log_error(self, _kind: str, name: str, error: str) -> None:
        self.errors[f"{name}: {error}"] += 1


class Socket:
    """Does what the script says, then ends for good."""

    def __init__(self, script: Script) -> None:
        self.written: list[str] = []
        self._script = script
        self._is_open = True

    def texts(self) -> Iterator[bytes]:
        try:
            yield from self._script(self)
            raise SocketEnded(STOP, "")
        finally:
            self._is_open = False

    def send(self, text: str | bytes) -> None:
        if not self._is_open:
            raise SocketEnded(1006, "not open")
        self.written.append(text if isinstance(text, str) else text.decode())

    def close(self) -> None:
        pass


class Calls:
    token = "t"

    def refresh(self) -> None:
        raise AssertionError

    def fetch_events(self, chat: str, after: int) -> dict[str, Any]:
        raise AssertionError((chat, after))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is overdue."""
    monkeypatch.setattr(shared, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(shared, "JUDGE_SECONDS", -1.0)


def gathered() -> tuple[Gathering, Listener, Stats]:
    stats = Stats()
    gathering = Gathering(cast("RequestStats", stats))
    listener = Listener(gathering, "ann", "http://nowhere", Calls())
    gathering.listeners.add(listener)
    return gathering, listener, stats


def listen(monkeypatch: pytest.MonkeyPatch, listener: Listener, *scripts: Script) -> None:
    """Runs it on one socket after the other."""
    following = iter(scripts)
    monkeypatch.setattr(listening, "BlockingSocket", lambda _: Socket(next(following)))
    listener.listen()


def wait_for(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(5.0):
        while not condition():
            gevent.sleep(0.001)


def sent(frame: str) -> bytes:
    """The answer to a send."""
    client_id = json.loads(frame)["clientId"]
    answer = {"type": "sent", "chat": "c", "clientId": client_id, "messageId": "m", "seq": 6}
    return json.dumps(answer).encode()


def test_a_send_that_is_never_answered_is_a_failed_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the pong, and only that one: the other was answered before."""
    gathering, listener, stats = gathered()

    def script(socket: Socket) -> Iterator[bytes]:
        yield READY
        listener.send("c", "swallowed", 0.0)
        listener.send("c", "answered", 0.0)
        gathering.tally()
        wait_for(lambda: socket.written[-1] == PING)
        yield sent(socket.written[-2])
        assert gathering.tally().unanswered == 0
        yield PONG

    listen(monkeypatch, listener, script)
    assert (stats.requests["send"], stats.errors["send: " + NO_ANSWER]) == (2, 1)
    assert gathering.tally()[:1] + gathering.settle()[5:6] == (1, 1)


def test_a_send_is_repeated_on_the_next_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the answer there counts."""
    gathering, listener, stats = gathered()

    def cut(_: Socket) -> Iterator[bytes]:
        yield READY
        listener.send("c", "x", 0.0)
        raise SocketEnded(4001, "0")

    def whole(socket: Socket) -> Iterator[bytes]:
        yield READY
        yield sent(socket.written[-1])

    listen(monkeypatch, listener, cut, whole)
    assert (stats.requests["send"], gathering.settle().unanswered) == (1, 0)
    assert not [error for error in stats.errors if error.startswith("send")]


@pytest.mark.parametrize("is_lost", [False, True])
def test_the_end_of_a_run_counts_what_is_left(
    monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    """A send whose socket was lost is told apart; both failed, once."""
    gathering, listener, stats = gathered()

    def script(_: Socket) -> Iterator[bytes]:
        yield READY
        listener.send("c", "x", 0.0)
        if not is_lost:
            gathering.settle()

    listen(monkeypatch, listener, script)
    assert [gathering.settle().unanswered, gathering.tally().unanswered] == [1, 1]
    reason = "send: " + (NO_SOCKET if is_lost else NO_ANSWER)
    assert (stats.requests["send"], stats.errors[reason]) == (1, 1)


def refused(frame: str) -> bytes:
    """The answer to a send that is to be repeated at once."""
    client_id = json.loads(frame)["clientId"]
    refusal = {"type": "error", "code": "unavailable", "detail": "", "clientId": client_id}
    return json.dumps(refusal | {"retryAfter": 0}).encode()


def test_a_refused_send_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was answered, with a refusal; the repeat needs an answer of its own."""
    gathering, listener, _ = gathered()

    def script(socket: Socket) -> Iterator[bytes]:
        yield READY
        listener.send("c", "x", 0.0)
        yield refused(socket.written[1])
        gathering.tally()
        wait_for(lambda: len(socket.written) == 3)
        assert socket.written[1] == socket.written[2]
        gathering.tally()
        wait_for(lambda: socket.written[3:] == [PING])
        yield PONG

    listen(monkeypatch, listener, script)
    assert gathering.tally().unanswered == 1


def test_the_repeat_of_a_refused_send_leaves_the_next_socket_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own is gone, and the next one has repeated it already."""
    _, listener, _ = gathered()

    def refusing(socket: Socket) -> Iterator[bytes]:
        yield READY
        listener.send("c", "x", 0.0)
        yield refused(socket.written[1])
        raise SocketEnded(4001, "0")

    def next_one(socket: Socket) -> Iterator[bytes]:
        yield READY
        ran = gevent.spawn_later(0.0, lambda: None)
        wait_for(ran.ready)
        assert len(socket.written) == 2
        assert listener.ready.is_set()

    listen(monkeypatch, listener, refusing, next_one)


def test_what_was_lost_at_the_end_stays_lost() -> None:
    """Although the users leave then, to whom nothing is due any more."""
    gathering, listener, _ = gathered()
    gathering.book.listener_joins("ann", "c", 1)
    listener._joined.add("c")
    gathering.book.post_answered("c", 2, "m2", now=1e12)
    assert gathering.tally().lost == 0
    assert gathering.settle().lost == 1
    listener.leave()
    assert [gathering.tally().lost, gathering.settle().lost] == [1, 1]
