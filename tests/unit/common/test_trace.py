"""W3C Trace Context: https://www.w3.org/TR/trace-context/#traceparent-header."""

import re

import pytest

from common.process.logs import current_trace
from common.process.trace import enter_trace, followed_trace, outgoing_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_callers_trace_goes_on() -> None:
    """Same id, a new span; a sampled trace is followed."""
    assert enter_trace(f"00-{TRACE}-{SPAN}-01") == (TRACE, True)
    assert current_trace.get() == followed_trace.get() == TRACE
    outgoing = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", outgoing_traceparent())
    assert outgoing
    assert outgoing[1] == TRACE
    assert outgoing[2] != SPAN


def test_a_trace_that_nobody_asks_for_is_not_followed() -> None:
    """The sampled flag decides; the id is passed on all the same."""
    assert enter_trace(f"00-{TRACE}-{SPAN}-00") == (TRACE, False)
    assert followed_trace.get() == ""


@pytest.mark.parametrize(
    "odd",
    [
        None, "", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n", f"00-{TRACE}-{SPAN}",
    ],
)  # fmt: skip
def test_a_trace_is_made_where_there_is_no_good_one(odd: str | None) -> None:
    """Each call without a valid trace gets a new one."""
    first, second = enter_trace(odd), enter_trace(odd)
    assert re.fullmatch("[0-9a-f]{32}", first.id)
    assert first.id not in (second.id, TRACE)
    assert not first.is_asked_for


def test_what_serves_nobody_says_so() -> None:
    """Without a current trace the call is not sampled, so the service it calls logs nothing."""
    current_trace.set("")
    assert outgoing_traceparent().endswith("-00")
