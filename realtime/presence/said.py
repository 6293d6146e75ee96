"""What nodes say about a user, and the state that follows from all of it. Pure.

Times are seconds of the watching node's clock, which stands still while Valkey is down.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from common.protocol.frames import PresenceState

KEPT_SECONDS: Final = 30.0  # a user without sockets keeps their state for so long
UNCONFIRMED_SECONDS: Final = 5.0
NEVER: Final = float("inf")


class Said(NamedTuple):
    """`is_active`: one of the user's sockets on the node is active, or the last one was when it
    went. `gone_at`: when that was; None while they have sockets there. `heard_at`: when it was
    said."""

    is_active: bool
    gone_at: float | None
    heard_at: float


def judge(
    said: Mapping[str, Said], asked_at: float, dead: Mapping[str, float], now: float
) -> tuple[PresenceState, float]:
    """The user's state, and when that may change without another message.

    `said` is by node. Nodes were asked at `asked_at`: a node that had said that the user is there,
    and has not repeated it, has lost them since. `dead` are nodes that are gone, and since when.
    """
    gone: list[tuple[float, bool]] = []
    state: PresenceState = "offline"
    due = NEVER
    for node, one in said.items():
        gone_at = dead.get(node) if one.gone_at is None else one.gone_at
        if gone_at is None and one.heard_at < asked_at:
            if now < asked_at + UNCONFIRMED_SECONDS:
                due = min(due, asked_at + UNCONFIRMED_SECONDS)
            else:
                gone_at = asked_at
        if gone_at is not None:
            gone.append((gone_at, one.is_active))
        elif one.is_active:
            state = "online"
        elif state == "offline":
            state = "away"
    if state == "offline" and gone:
        last_gone_at, was_active = max(gone)
        if now < last_gone_at + KEPT_SECONDS:
            return "online" if was_active else "away", last_gone_at + KEPT_SECONDS
    return state, due
