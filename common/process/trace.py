"""W3C Trace Context (level 1): take a `traceparent`, or make one, and pass it on.

Internal traffic (polls, canaries) has no trace: its calls say "not sampled", and services do not
log them.
"""

import os
import re
from contextvars import ContextVar
from typing import NamedTuple

from common.process.logs import current_trace

_match = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z").match
_SAMPLED = 1


followed_trace: ContextVar[str] = ContextVar("followed_trace", default="")
"""The current trace's id, if the caller asked for it to be recorded."""


class Trace(NamedTuple):
    """`is_asked_for`: the caller sent a traceparent whose flags request recording."""

    id: str
    is_asked_for: bool


def enter_trace(traceparent: str | None) -> Trace:
    """Makes the caller's trace, or a new one, the current one."""
    found = _match(traceparent) if traceparent else None
    if found and found[1] != "0" * 32:
        trace = Trace(found[1], bool(int(found[3], 16) & _SAMPLED))
    else:
        trace = Trace(new_trace(), False)
    current_trace.set(trace.id)
    followed_trace.set(trace.id if trace.is_asked_for else "")
    return trace


def new_trace() -> str:
    """32 random hex digits."""
    return os.urandom(16).hex()


def outgoing_traceparent() -> str:
    """The header for calls made while the current trace is served."""
    trace = current_trace.get()
    return f"00-{trace or new_trace()}-{os.urandom(8).hex()}-{'01' if trace else '00'}"
