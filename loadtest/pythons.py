"""`make python-bench PYTHONS="python3.11 python3.13 python3.14 python3.14+jit"`: Hubbub on several
Pythons, beside the first of them.

    python -m loadtest.pythons PYTHON...

Each PYTHON is an interpreter with deploy/locks/run.txt installed in its environment; the suffix
`+jit` enables its JIT compiler (PYTHON_JIT=1, from Python 3.14 on). All run at the same time and
work in turns; a ratio is the median of those within each round.
"""

import argparse
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final, NamedTuple

from loadtest.peers.build import build
from loadtest.peers.hubbub import ONE_OF_EACH, Hubbub, running_hubbub
from loadtest.peers.machine import Found, describe_commit, describe_machine
from loadtest.peers.people import People
from loadtest.peers.relaying import CASES, Bus, HubbubRun, Pace
from loadtest.peers.sending import SATURATING, Sending, make_audiences
from loadtest.peers.servers import start_valkey

FAN_OUT: Final = ("F1", "F3")
ROLES: Final = ("edge", "realtime", "users", "chats", "files", "fleet")
JIT: Final = "+jit"
VERSION: Final = "import sys; print(sys.version.split()[0])"

Figures = dict[str, dict[str, list[float]]]  # what was measured: by Python, a figure a round


class Python(NamedTuple):
    path: str
    jit: bool
    version: str

    @property
    def title(self) -> str:
        return f"{self.version}{', JIT' * self.jit}"


def ask(argument: str) -> Python:
    """Raises CalledProcessError for anything but a Python."""
    path = argument.removesuffix(JIT)
    said = subprocess.run([path, "-c", VERSION], stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - named by who measures
    return Python(path, argument.endswith(JIT), said.stdout.strip())


class Contender:
    """A running Hubbub with its users; everything that is measured of it, one after the other."""

    def __init__(self, hubbub: Hubbub, bus: Bus, pace: Pace, stack: ExitStack) -> None:
        self._hubbub, self._pace = hubbub, pace
        self.mb = sum(map(hubbub.pss_kb, ROLES)) / 1024
        people = People(hubbub.port)
        self._audiences = make_audiences(people)
        self._runs = {}
        for case in FAN_OUT:
            self._runs[case] = made = HubbubRun(hubbub, people, CASES[case], bus)
            stack.callback(made.stop)

    def measure(self) -> Iterator[tuple[str, float]]:
        """µs of CPU by what they are of: of the node a delivery, of all tiers a send."""
        with self._hubbub.pinned():
            for case, made in self._runs.items():
                yield f"{case} at its fixed rate, a delivery", made.run.fixed(self._pace)["us"]
                yield f"{case} flat out, a delivery", made.run.fast(self._pace)["us"]
        for layout, audience in self._audiences.items():
            sending = Sending(self._hubbub, audience, self._pace.seconds, self._pace.patience)
            for way in ("socket", "rest"):
                found: Found = sending.by(way, SATURATING)
                yield f"a send by {way}, {layout}", found["us_a_send"]


def compare(pythons: list[Python], rounds: int, pace: Pace) -> Figures:
    """Measures all in turns, forwards and then backwards."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        valkey, port = start_valkey()
        stack.callback(valkey.stop)
        contenders = {}
        for python in pythons:
            variables = {"PYTHON_JIT": "1" if python.jit else "0"}
            hubbub = stack.enter_context(
                running_hubbub(ONE_OF_EACH, port, python.path, **variables)
            )
            bus = Bus(port, valkey.pid)
            contenders[python.title] = made = Contender(hubbub, bus, pace, stack)
            figures["memory at rest, MB"][python.title].append(made.mb)
        for round_ in range(rounds):
            for title in list(contenders)[:: -1 if round_ % 2 else 1]:
                for what, value in contenders[title].measure():
                    figures[what][title].append(value)
                    print(f"{round_} {title:24} {what:32} {value:9.2f}", flush=True)
    return figures


def print_table(pythons: list[Python], figures: Figures) -> None:
    """A line for each Python, a column for each figure; ratios to the first Python in brackets."""
    first, *_ = titles = [python.title for python in pythons]
    print("| | " + " | ".join(figures) + " |")
    print("| --- |" + " ---: |" * len(figures))
    for title in titles:
        cells = []
        for found in figures.values():
            ratios = [mine / its for mine, its in zip(found[title], found[first], strict=True)]
            cells.append(f"{statistics.median(found[title]):.1f} ({statistics.median(ratios):.2f})")
        print(f"| {title} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser("python -m loadtest.pythons")
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    pythons = [ask(argument) for argument in options.pythons]
    build([])  # the clients
    pace = Pace(options.seconds, patience=1.0, tries=1)
    print_table(pythons, compare(pythons, options.rounds, pace))
    for line in (*describe_machine(), describe_commit()):
        print(line)


if __name__ == "__main__":
    main()
