"""Sends on a simulated user's socket that nobody answers."""

from loadtest.users.outbox import NO_ANSWER, NO_SOCKET, Outbox


def outbox(*client_ids: str, since: float | None = 1.0) -> Outbox:
    made = Outbox()
    for client_id in client_ids:
        made.add(client_id, client_id.encode(), began=0.5, since=since)
    return made


def test_a_send_without_answer_at_the_pong_is_unanswered() -> None:
    """It is removed and counted once; the next socket does not repeat it."""
    box = outbox("a", "b")
    assert box.ask(before=2.0)
    assert box.answer("b") == 0.5
    assert list(box.take_pong()) == [(0.5, NO_ANSWER)]
    assert (len(box), list(box.give_up())) == (0, [])


def test_an_answer_before_the_pong_is_in_time() -> None:
    """However late it is: the system or this process is slow."""
    box = outbox("a")
    assert box.ask(before=2.0)
    assert box.answer("a") == 0.5
    assert (list(box.take_pong()), box.answer("a")) == ([], None)


def test_only_what_is_overdue_is_asked_about() -> None:
    """By one ping at a time; a send that is overdue later needs its own."""
    box = outbox("a")
    assert not box.ask(before=1.0)
    box.add("b", b"b", began=3.0, since=3.0)
    assert [box.ask(before=2.0), box.ask(before=4.0)] == [True, False]
    assert [began for began, _ in box.take_pong()] == [0.5]
    assert box.ask(before=4.0)
    assert [began for began, _ in box.take_pong()] == [3.0]


def test_a_pong_that_nobody_asked_for_says_nothing() -> None:
    """An overdue send may still be answered."""
    box = outbox("a")
    assert (list(box.take_pong()), len(box)) == ([], 1)


def test_a_lost_socket_is_no_missing_answer() -> None:
    """The next one repeats what it left, and its time starts again."""
    box = outbox("a")
    assert box.ask(before=2.0)
    box.lose_socket()
    assert (list(box.take_pong()), box.ask(before=9.0)) == ([], False)
    assert box.repeat_all(now=5.0) == ["a"]
    assert [box.ask(before=5.0), box.ask(before=6.0)] == [False, True]
    assert list(box.take_pong()) == [(0.5, NO_ANSWER)]


def test_a_refusal_is_an_answer() -> None:
    """Until the send is repeated, by its timer or by the next socket."""
    box = outbox("a", "b")
    assert box.ask(before=2.0)
    box.refuse("a")
    box.refuse("b")
    assert list(box.take_pong()) == []
    assert [box.repeat("a", now=3.0), box.repeat("a", now=4.0)] == [True, False]
    box.lose_socket()
    assert box.repeat_all(now=5.0) == ["a", "b"]
    assert not box.repeat("b", now=6.0)
    assert box.ask(before=6.0)
    assert len(list(box.take_pong())) == 2


def test_the_end_of_a_run_tells_why_there_is_no_answer() -> None:
    """A send that was refused and waits for its repeat has had one."""
    box = outbox("lost")
    box.lose_socket()
    box.add("written", b"", began=2.0, since=2.0)
    box.add("refused", b"", began=3.0, since=3.0)
    box.refuse("refused")
    assert list(box.give_up()) == [(0.5, NO_SOCKET), (2.0, NO_ANSWER)]
    assert len(box) == 0
