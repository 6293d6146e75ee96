"""W3C Trace Context (level 1): take a `traceparent`, or make one, and pass it on."""

import os
import re

from common.logs import current_trace

_match = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\Z").match


def enter_trace(traceparent: str | None) -> str:
    """Makes the caller's trace, or a new one, the current one; returns its id."""
    found = _match(traceparent) if traceparent else None
    trace = found[1] if found and found[1] != "0" * 32 else os.urandom(16).hex()
    current_trace.set(trace)
    return trace


def outgoing_traceparent() -> str:
    """The header for a call made while the current trace is served."""
    return f"00-{current_trace.get() or os.urandom(16).hex()}-{os.urandom(8).hex()}-01"
