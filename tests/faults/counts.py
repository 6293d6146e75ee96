"""Judges the lists of chats read at the end: unread messages and mentions equal a recount of the
log above the read marker in the list.
"""

from collections.abc import Iterator

from common.protocol.fold import fold
from tests.faults.verdict import Violation
from tests.fixtures.history import Event, History

MOST_COUNTED = 100


def judge_counts(history: History) -> Iterator[Violation]:
    """Also checks the last message. Skips a chat that continued after its log was read."""
    for person, chats in history.lists.items():
        for chat, listed in chats.items():
            log = history.logs.get(chat)
            if log is None or listed.seq != len(log):
                continue
            recounted = recount(log, person, listed.read)
            if (listed.unread, listed.mentions, listed.last) != recounted:
                yield Violation(
                    "divergent", f"{person} has {listed} of {chat}, a recount gives {recounted}"
                )


def recount(log: list[Event], person: str, read: int) -> tuple[int, int, str]:
    """Unread messages, mentions among them, and the id of the newest message, or ""."""
    messages = list(fold({}, log).values())
    news = [
        message
        for message in messages
        if message["seq"] > read and message["by"] != person and "deletedAt" not in message
    ]
    mentions = sum(person in message.get("mentions", ()) for message in news)
    last = messages[-1]["messageId"] if messages else ""
    return min(len(news), MOST_COUNTED), min(mentions, MOST_COUNTED), last
