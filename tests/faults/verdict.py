"""What the judge finds: one kind and one sentence for each breach."""

from typing import Literal, NamedTuple

Kind = Literal[
    "lost",  # answered, and not in the log
    "phantom",  # got, and never sent or not in the log
    "duplicate",  # twice in the log, or twice on one socket
    "hole",
    "reorder",
    "divergent",  # not what the log holds, or not what was answered
    "stale",  # above the own removal
    "behind",  # a chat that resume had to replay and did not
    "refused",  # a good send that was refused for good
    "membership",  # users and chats disagree
]


class Violation(NamedTuple):
    kind: Kind
    detail: str
