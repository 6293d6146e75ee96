"""The result of one storm, as a row of a table in docs/reliability.md.

`python -m tests.faults.results` writes the table from the files of the last `make faults`, and
`… results hosts` the table of storms over several hosts from those of `make hosts-test`.
"""

import statistics
import sys
from pathlib import Path

import msgspec

from tests.faults.checker import delivery_latencies, longest_silence, recoveries
from tests.faults.verdict import Violation
from tests.fixtures.history import History

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".build" / "faults"
PAGE = ROOT / "docs" / "reliability.md"
HOSTS = "hosts"  # the prefix of the names of storms over several hosts


class Result(msgspec.Struct):
    """Times in seconds. `fault` describes what was done to the system while people talked."""

    fault: str
    invariants: str
    seed: int
    answered: int = 0
    unanswered: int = 0
    deliveries: int = 0
    faults: int = 0
    recovery_median: float = 0.0
    recovery_worst: float = 0.0
    longest_silence: float = 0.0
    delivery_p50: float = 0.0
    delivery_worst: float = 0.0
    settled: float = 0.0
    violations: dict[str, int] = {}

    @property
    def lost(self) -> int:
        """Answered messages that are not in the log."""
        return self.violations.get("lost", 0)

    @property
    def other(self) -> int:
        """Everything else that the judge found."""
        return sum(self.violations.values()) - self.lost

    def save(self, name: str) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.result.json").write_bytes(msgspec.json.encode(self))


def sum_up(
    fault: str, invariants: str, history: History, violations: list[Violation], settled: float
) -> Result:
    """The figures of one history."""
    felt = [found.seconds for found in recoveries(history)]
    latencies = delivery_latencies(history)
    kinds: dict[str, int] = {}
    for violation in violations:
        kinds[violation.kind] = kinds.get(violation.kind, 0) + 1
    return Result(
        fault=fault,
        invariants=invariants,
        seed=history.seed,
        answered=sum(sent.ended is not None for sent in history.sends),
        unanswered=sum(sent.ended is None for sent in history.sends),
        deliveries=len(latencies),
        faults=len(felt),
        recovery_median=statistics.median(felt) if felt else 0.0,
        recovery_worst=max(felt, default=0.0),
        longest_silence=longest_silence(history),
        delivery_p50=statistics.median(latencies) if latencies else 0.0,
        delivery_worst=max(latencies, default=0.0),
        settled=settled,
        violations=kinds,
    )


def table(results: list[Result]) -> str:
    """A Markdown table; "lost" counts everything that the judge found."""
    rows = [
        "| fault, under load | invariants | times | recovery, median / worst | answered sends "
        "| deliveries | p50 / worst delivery | lost | other breaches |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in sorted(results, key=lambda result: result.fault):
        rows.append(
            f"| {result.fault} | {result.invariants} | {result.faults} "
            f"| {result.recovery_median:.1f} / {result.recovery_worst:.1f} s "
            f"| {result.answered} | {result.deliveries} "
            f"| {result.delivery_p50 * 1000:.0f} ms / {result.delivery_worst:.1f} s "
            f"| {result.lost} | {result.other} |"
        )
    return "\n".join(rows)


def table_of_hosts(results: list[Result]) -> str:
    """As above, with the longest time without an answer."""
    rows = [
        "| under load | silence | recovery, median / worst | answered sends | deliveries "
        "| worst delivery | lost | other breaches |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results:
        rows.append(
            f"| {result.fault.removeprefix(HOSTS).lstrip(': ')} | {result.longest_silence:.1f} s "
            f"| {result.recovery_median:.1f} / {result.recovery_worst:.1f} s "
            f"| {result.answered} | {result.deliveries} | {result.delivery_worst:.1f} s "
            f"| {result.lost} | {result.other} |"
        )
    return "\n".join(rows)


def main(words: list[str]) -> int:
    """Writes the table into the page, between its markers."""
    of_hosts = words == [HOSTS]
    found = [
        msgspec.json.decode(path.read_bytes(), type=Result)
        for path in sorted(FOLDER.glob("*.result.json"))
    ]
    results = [one for one in found if one.fault.startswith(HOSTS) == of_hosts]
    mark = HOSTS if of_hosts else "results"
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    made = table_of_hosts(results) if of_hosts else table(results)
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{made}\n{end}{after}")
    sys.stdout.write(f"{len(results)} rows are in {PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
