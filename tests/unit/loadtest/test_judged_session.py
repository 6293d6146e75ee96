"""The load test's clients: faults that the client library corrects are counted as well."""

import json
from typing import Any

from hubbub_client.events import Event

from loadtest.sockets.delivery import DeliveryBook
from loadtest.sockets.judged_session import JudgedSession


def ready(head: int, *behind: str) -> bytes:
    frame = {"type": "ready", "user": "ann", "epoch": "e", "chats": {"c": head},
             "behind": behind, "pingSeconds": 25}  # fmt: skip
    return json.dumps(frame).encode()


def event(type_: str, chat: str = "c", *, seq: int, **more: Any) -> bytes:
    frame = {"type": type_, "chat": chat, "seq": seq, "at": "t", "by": "ben", **more}
    return json.dumps(frame).encode()


def message(seq: int) -> bytes:
    return event("message", seq=seq, messageId=f"m{seq}", message="x")


def judged(*lines: bytes) -> tuple[JudgedSession, DeliveryBook]:
    book = DeliveryBook()
    session = JudgedSession("ann", book)
    session.hello("token")
    session.receive_text(b"\n".join((ready(5), *lines)))
    return session, book


def test_what_comes_densely_is_fine() -> None:
    """From the head on; after a reconnect, from the cursor on."""
    session, book = judged(message(6), message(7))
    session.hello("token")
    session.receive_text(b"\n".join((ready(9), message(8), message(9), message(10))))
    created = {"chatName": "d", "participants": ["ann"], "participantCount": 1, "owner": None}
    session.receive_text(event("chat.created", "d", seq=4, kind="group", **created))
    assert (book.doubled, book.out_of_order) == (0, 0)


def test_a_pong_is_told_once() -> None:
    """And one of an earlier socket is not one of the next."""
    session, _ = judged(message(6), b'{"type":"pong"}')
    assert [session.take_pong(), session.take_pong()] == [True, False]
    session.receive_text(b'{"type":"pong"}')
    session.hello("token")
    assert not session.take_pong()


def test_a_repeat_on_a_socket_is_counted() -> None:
    """And the program does not receive it."""
    session, book = judged(message(6))
    outputs = session.receive_text(message(6))
    assert not [output for output in outputs if isinstance(output, Event)]
    assert (book.doubled, book.out_of_order) == (1, 0)


def test_a_gap_on_a_socket_is_counted() -> None:
    """Even though the session fetches the missing events."""
    _, book = judged(message(7))
    assert (book.doubled, book.out_of_order) == (0, 1)


def test_a_chat_that_is_behind_begins_at_its_head() -> None:
    """The events in between are fetched over REST."""
    session, book = judged(message(6))
    session.hello("token")
    session.receive_text(b"\n".join((ready(300, "c"), message(301))))
    assert (book.doubled, book.out_of_order) == (0, 0)
    session.receive_text(message(300))
    assert (book.doubled, book.out_of_order) == (1, 0)
