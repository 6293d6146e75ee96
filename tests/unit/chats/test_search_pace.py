"""The share of its time that the search index's feeder works."""

from chats.search.pace import CROWDED_SHARE, FULL_SHARE_SECONDS, Pace


def run(pace: Pace, seconds: float, events_at_once: int) -> None:
    for hundredths in range(int(seconds * 100)):
        pace.note(hundredths / 100, events_at_once)


def test_while_batches_are_small_feeding_goes_on_without_a_pause() -> None:
    """However many small batches there are, the feeder does not pause."""
    pace = Pace(0.0)
    run(pace, 5, 12)
    assert pace.pause(5.0, took=0.5, behind=0.4) == 0.0


def test_while_events_pile_up_feeding_takes_a_small_share_of_the_time() -> None:
    """And a larger one the further it is behind, finally all of it."""
    pace = Pace(0.0)
    run(pace, 1, 100)
    took = 0.02
    assert took / (took + pace.pause(1.0, took, behind=1.0)) < CROWDED_SHARE * 1.01
    shares = [
        took / (took + pace.pause(1.1, took, behind=FULL_SHARE_SECONDS * part))
        for part in (0.1, 0.5, 1.0, 2.0)
    ]
    assert [round(share, 3) for share in shares] == [0.02, 0.25, 1.0, 1.0]


def test_when_the_crowd_is_gone_feeding_goes_on_within_two_looks() -> None:
    """The signal covers the last second or so, even if nothing is stored any more."""
    pace = Pace(0.0)
    run(pace, 1, 100)
    assert pace.pause(1.0, 0.1, 1.0) > 0
    pace.pause(1.6, 0.1, 1.0)
    assert pace.pause(2.2, 0.1, 1.0) == 0.0


def test_a_crowd_of_an_hour_ago_is_no_sign() -> None:
    """Old large batches are ignored, whether or not feeding paused then."""
    pace = Pace(0.0)
    run(pace, 1, 100)
    assert pace.pause(1.0, 0.1, 1.0) > 0
    pace.note(3_600.0, 1)
    assert pace.pause(3_600.1, 0.1, 0.1) == 0.0
