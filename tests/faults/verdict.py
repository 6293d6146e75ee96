"""What the judge finds: a kind and a sentence for each breach."""

from typing import Literal, NamedTuple

Kind = Literal[
    "lost",  # answered, but not in the log
    "phantom",  # received, but never sent or not in the log
    "duplicate",  # twice in the log, or twice on one socket
    "gap",
    "reorder",
    "divergent",  # not what the log holds, or not what was answered
    "stale",  # above the user's own removal
    "behind",  # a chat that resume should have replayed and did not
    "refused",  # a valid send that was refused permanently
    "membership",  # users and chats disagree
]


class Violation(NamedTuple):
    kind: Kind
    detail: str
