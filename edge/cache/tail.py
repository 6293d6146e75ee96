"""The newest messages of a chat, as far as this process was told. Pure.

The log only grows, so what was heard once stays true: a page of it is asked for only what came
after. Who may see it is not known here.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

MAX_KEPT: Final = 101  # the largest page, and one that says whether there are more


class Tail(NamedTuple):
    """Encoded messages, newest first, up to the chat's head `seq`. `whole` says that there are no
    older ones."""

    epoch: str = ""
    seq: int = 0
    messages: tuple[bytes, ...] = ()
    whole: bool = True

    def extend(self, epoch: str, seq: int, newer: Sequence[bytes], asked: int) -> "Tail":
        """With the newest messages above the old head, of which at most `asked` were asked for."""
        if len(newer) >= asked:  # there may be more between them and what is here
            return Tail(epoch, seq, tuple(newer[:MAX_KEPT]), whole=False)
        messages = (*newer, *self.messages)
        return Tail(epoch, seq, messages[:MAX_KEPT], self.whole and len(messages) <= MAX_KEPT)

    def page(self, limit: int) -> tuple[tuple[bytes, ...], bool] | None:
        """The newest messages and whether there are older ones; None where too few are here."""
        if len(self.messages) > limit:
            return self.messages[:limit], True
        return (self.messages, False) if self.whole else None
