"""docs/sizing.md computes with the figures of docs/benchmarks.md."""

import re

import pytest

from docs.reference.documents import ROOT

SIZING = (ROOT / "docs" / "sizing.md").read_text()
BENCHMARKS = (ROOT / "docs" / "benchmarks.md").read_text()
# A figure of sizing, the same one in benchmarks, and how many of its units make one there.
FIGURES = (
    (r"\*\*all\*\* \| \*\*(\d+)", r"\| all \| +\| (\d+)", 1),
    (r"\*\*all\*\* \| \*\*\d+\*\* \| \*\*(\d+)", r"\| all \| .*? \| +\| (\d+)", 1),
    (r"([\d.]+) kB in a node", r"idle socket, kB \(PSS\) \| ([\d.]+)", 1),
    (r"([\d.]+) kB in HAProxy", r"kB a socket \(PSS\) \| ([\d.]+)", 1),
    (r"([\d.]+) kB in the kernel", r"kernel's part of an idle socket: ([\d.]+)", 1),
    (r"connect \| ([\d.]+) ms", r"connect \+ join, µs, all tiers \| (\d+)", 1000),
    (r"CPU, and ([\d.]+) ms in HAProxy", r"µs a connect \| ([\d.]+)", 1000),
    (r"by REST \| ([\d.]+) ms", r"spread rest 4 \|(?:.*?\|){3} (\d+)", 1000),
    (r"by REST .*?, ([\d.]+) ms with 128", r"spread rest 128 \|(?:.*?\|){3} (\d+)", 1000),
    (r"by socket \| ([\d.]+) ms", r"spread socket 4 \|(?:.*?\|){3} (\d+)", 1000),
    (r"by socket .*?, ([\d.]+) ms with 128", r"spread socket 128 \|(?:.*?\|){3} (\d+)", 1000),
    (r"(\d+) µs in a small chat", r"F3 fixed rate, µs/delivery \| ([\d.]+)", 1),
    (r"(\d+) µs in a chat of a thousand", r"F1 fixed rate, µs/delivery \| ([\d.]+)", 1),
    (r"(\d+) µs in HAProxy", r"µs a delivery \| ([\d.]+)", 1),
    (r"ready ([\d.]+) s after both", r"dial at once \| 10,000 \|.*?\| ([\d.]+)", 1),
    (r"the balancer after ([\d.]+) s", r"balancer at once \| 5,000 \|.*?\| ([\d.]+)", 1),
)  # fmt: skip


@pytest.mark.parametrize(("here", "there", "units"), FIGURES)
def test_a_cited_figure_is_the_measured_one(here: str, there: str, units: int) -> None:
    """Within 5%, for rounding."""
    cited, measured = re.search(here, SIZING), re.search(there, BENCHMARKS)
    assert cited
    assert measured
    assert float(cited[1]) * units == pytest.approx(float(measured[1]), rel=0.05)
