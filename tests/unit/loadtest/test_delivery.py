"""The record of deliveries counts each kind of fault once."""

from typing import Any

from hubbub_client.events import Event, decode

from loadtest.sockets.delivery import DeliveryBook, identify, identify_change, percentiles


def _book(*listeners: str) -> DeliveryBook:
    """Three answered posts in one chat, at seqs 2 to 4, that began at 0.2, 0.3 and 0.4."""
    book = DeliveryBook()
    for listener in listeners:
        book.listener_joins(listener, "c", 1)
    for seq in (2, 3, 4):
        book.post_begins(f"k{seq}", seq / 10)
        book.post_answered("c", seq, f"m{seq}")
    return book


def _deliver(book: DeliveryBook, listener: str, *seqs: int) -> None:
    for seq in seqs:
        book.delivered(listener, "c", seq, f"m{seq}", f"k{seq}", seq / 10 + 0.05)


def test_everything_in_order_is_clean() -> None:
    """Two listeners, three posts, six deliveries."""
    book = _book("ann", "ben")
    _deliver(book, "ann", 2, 3, 4)
    _deliver(book, "ben", 2, 3, 4)
    arrival = book.close()
    assert arrival.is_clean
    assert (arrival.answered, arrival.delivered) == (3, 6)
    assert abs(arrival.percentiles[99] - 0.05) < 1e-9


def test_a_post_is_lost_for_each_listener_who_lacks_it() -> None:
    """Ben never got seq 4; no user got it twice."""
    book = _book("ann", "ben")
    _deliver(book, "ann", 2, 3, 4)
    _deliver(book, "ben", 2, 3)
    assert book.close()[2:5] == (1, 0, 0)


def test_another_message_under_the_same_seq_is_a_loss() -> None:
    """A message is identified by its id, not by its seq."""
    book = _book("ann")
    _deliver(book, "ann", 2, 3)
    book.delivered("ann", "c", 4, "another")
    assert book.close().lost == 1


def test_a_listener_lacks_nothing_from_before_it_joined_or_after_it_left() -> None:
    """Only messages posted while it listened count."""
    book = _book("ann")
    book.listener_joins("late", "c", 3)
    book.listener_joins("gone", "c", 1)
    book.listener_leaves("gone", "c")
    _deliver(book, "ann", 2, 3, 4)
    _deliver(book, "late", 4)
    assert book.close().is_clean


def test_a_second_delivery_is_doubled() -> None:
    """Whenever it arrives."""
    book = _book("ann")
    _deliver(book, "ann", 2, 3, 4, 2)
    assert book.close()[2:5] == (0, 1, 0)


def test_a_jump_and_a_step_back_are_out_of_order() -> None:
    """The order 2, 4, 3 has one jump and one step back."""
    book = _book("ann")
    _deliver(book, "ann", 2, 4, 3)
    assert book.close()[2:5] == (0, 0, 2)


def test_percentiles_are_nearest_rank() -> None:
    """There is no interpolation, and no result without values."""
    assert percentiles([float(number) for number in range(1, 101)]) == {
        50: 50.0,
        95: 95.0,
        99: 99.0,
        100: 100.0,
    }
    assert percentiles([3.0]) == {50: 3.0, 95: 3.0, 99: 3.0, 100: 3.0}
    assert percentiles([]) == {}


def test_what_is_judged_is_forgotten_but_counted() -> None:
    """Ben lost seq 2 for good; a delivery repeated after the evaluation is a duplicate."""
    book = DeliveryBook()
    book.listener_joins("ann", "c", 1)
    book.listener_joins("ben", "c", 1)
    for seq in (2, 3):
        book.post_answered("c", seq, f"m{seq}", now=float(seq))
    _deliver(book, "ann", 2, 3)
    book.judge(before=2.5)
    _deliver(book, "ben", 3)
    _deliver(book, "ann", 2)
    arrival = book.close()
    assert (arrival.answered, arrival.delivered) == (2, 3)
    assert (arrival.lost, arrival.doubled) == (1, 1)


def test_who_is_behind_as_a_whole_may_still_get_it() -> None:
    """A late delivery is missing until it arrives, and lost only if it never does."""
    book = DeliveryBook()
    book.listener_joins("ann", "c", 1)
    for seq in (2, 3):
        book.post_answered("c", seq, f"m{seq}", now=float(seq))
    book.judge(before=10.0)
    assert (book.lost, book.missing()) == (0, 2)
    _deliver(book, "ann", 2)
    assert (book.lost, book.missing(), book.close().lost) == (0, 1, 1)
    _deliver(book, "ann", 3)
    assert book.close().is_clean


def test_a_delivery_tells_how_long_it_took() -> None:
    """From the first try of the post, if that is known."""
    book = _book("ann")
    seconds = book.delivered("ann", "c", 2, "m2", "k2", 0.3)
    assert seconds is not None
    assert abs(seconds - 0.1) < 1e-9
    assert book.delivered("ann", "c", 3, "m3", "unknown", 0.4) is None


def reaction(kind: str = "reaction.added", by: str = "ann") -> str:
    return identify_change(kind, "m2", by, "👍")


def test_a_change_is_known_by_what_it_did() -> None:
    """Its answer has no seq; the seq is that of the event, which may arrive before or after it."""
    book = _book("ann", "ben")
    _deliver(book, "ann", 2, 3, 4)
    _deliver(book, "ben", 2, 3, 4)
    book.delivered("ann", "c", 5, reaction())
    book.change_answered("c", reaction())
    book.change_answered("c", reaction("reaction.removed"))
    assert book.missing() == 2  # ben's of the first, and the second as a whole
    book.delivered("ben", "c", 5, reaction())
    for listener in ("ann", "ben"):
        book.delivered(listener, "c", 6, reaction("reaction.removed"))
    arrival = book.close()
    assert arrival.is_clean
    assert (arrival.answered, arrival.delivered) == (5, 10)


def test_a_change_is_lost_for_each_listener_who_lacks_it() -> None:
    """Even if the same change arrived again later."""
    book = _book("ann", "ben")
    _deliver(book, "ann", 2, 3, 4)
    _deliver(book, "ben", 2, 3, 4)
    for seq in (5, 6):
        book.change_answered("c", reaction())
        book.delivered("ann", "c", seq, reaction())
    book.delivered("ben", "c", 6, reaction())
    assert book.close()[2:5] == (1, 0, 1)


def test_a_change_that_nobody_heard_is_lost() -> None:
    """If its answer is long past."""
    book = _book("ann")
    _deliver(book, "ann", 2, 3, 4)
    book.change_answered("c", reaction(), now=10.0)
    book.judge(before=5.0)
    assert (book.lost, book.missing()) == (0, 1)
    book.judge(before=20.0)
    assert (book.lost, book.missing()) == (1, 0)


def event(kind: str, **more: Any) -> Event:
    decoded = decode({"type": kind, "chat": "c", "seq": 5, "at": "t", "by": "ann", **more})
    assert isinstance(decoded, Event)
    return decoded


def test_an_edit_is_known_by_its_message_and_seq() -> None:
    """Just like a message."""
    edited = event("message.edited", messageId="m2", of=2, message="x")
    book = _book("ann")
    _deliver(book, "ann", 2, 3, 4)
    book.post_answered("c", 5, identify(edited))
    assert book.missing() == 1
    book.delivered("ann", "c", 5, identify(edited))
    assert book.close().is_clean


def test_an_event_is_known_as_its_answer_is() -> None:
    """Events that concern no message have no identity."""
    for kind, emoji in (
        ("message.deleted", ""), ("reaction.added", "👍"), ("reaction.removed", "👍"),
    ):  # fmt: skip
        more = {"emoji": emoji} if emoji else {}
        changed = event(kind, messageId="m2", of=2, **more)
        assert identify(changed) == identify_change(kind, "m2", "ann", emoji)
    assert identify(event("chat.updated", chatName="x", owner=None)) == ""
