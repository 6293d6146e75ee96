"""The steps of one transaction over both databases, as the coordinator sees it. Pure: no I/O.

users prepares; chats' own commit, which holds the decision, is the commit point; users finishes.
Presumed abort: asking for a missing decision makes it an abort, after which the transaction cannot
be committed. tests/properties/test_two_phase.py runs this against every loss, delay and crash.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

MAX_COMMIT_AGE_SECONDS: Final = 20.0
ABORT_KEPT_SECONDS: Final = 10 * MAX_COMMIT_AGE_SECONDS
"""An abort must outlive every coordinator that could still try to commit."""
MAX_ATTEMPTS: Final = 5


class Vote(Enum):
    """What is known of users' answer to `prepare`."""

    YES = auto()
    NO = auto()  # nothing is prepared
    UNKNOWN = auto()  # perhaps prepared, or will be: the call may still be on its way


class Stored(Enum):
    """What is known of our own commit."""

    DONE = auto()
    REFUSED = auto()  # the chat has changed, it is too old, an abort is written, or a repeat
    UNKNOWN = auto()  # the connection broke


class Step(Enum):
    STORE = auto()  # commit here, with the decision row
    ASK = auto()  # ask for the decision, as users' resolver does
    ANSWER = auto()  # it is committed
    AGAIN = auto()  # check again and try with a new transaction
    REFUSE = auto()  # users' no is the answer
    GIVE_UP = auto()  # tell the caller that the outcome is unknown


class Next(NamedTuple):
    """The next step, and what to tell users: commit, roll back, or nothing (None)."""

    step: Step
    finish: bool | None


def after_vote(vote: Vote) -> Next:
    """Rolling back after an unknown vote is safe: this transaction is never committed here."""
    match vote:
        case Vote.YES:
            return Next(Step.STORE, None)
        case Vote.NO:
            return Next(Step.REFUSE, None)
        case Vote.UNKNOWN:
            return Next(Step.GIVE_UP, False)


def after_store(stored: Stored) -> Next:
    match stored:
        case Stored.DONE:
            return Next(Step.ANSWER, True)
        case Stored.REFUSED:
            return Next(Step.AGAIN, False)
        case Stored.UNKNOWN:
            return Next(Step.ASK, None)


def after_asking(committed: bool | None) -> Next:
    """None: the database does not answer; then users' resolver asks when it is back."""
    if committed is None:
        return Next(Step.GIVE_UP, None)
    return Next(Step.ANSWER, True) if committed else Next(Step.AGAIN, False)
