"""Hubbub before edits, reactions, counts, search and files, compared with this one: the cost of a
send and a page of history then and now. Alternating, so that the host affects both.
"""

import asyncio
import platform
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import uvloop

from loadtest.peers.build import BUILD, NotBuilt, say
from loadtest.peers.hubbub import ONE_OF_EACH, PROJECT, Hubbub, running_hubbub
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter
from loadtest.peers.people import People
from loadtest.peers.sending import AT_THE_LIMIT, SATURATING, Sending, make_audiences, wait_for_index
from loadtest.peers.viewing import Views, fill, measure_view

COMMIT: Final = "319b5808a2c6f531de65443b5f39215e639e041c"
EARLIER: Final = "319b580"
IN_FLIGHT: Final = (SATURATING, AT_THE_LIMIT[-1])
TURNS_A_ROUND: Final = 3
PAGES: Final = ("newest page of 50", "older page of 50")
WAYS: Final = ("rest", "socket")
LAYOUTS: Final = ("spread", "hot")

Note = tuple[str, str, int, Found]  # what was done, by which of the two, the round, what it took


def build_earlier() -> Path:
    """Its folder, with an environment of this Python. Raises NotBuilt where git has no such commit,
    as in a clone without history."""
    folder = BUILD / f"{EARLIER}-{platform.python_version()}"
    if (folder / ".venv" / "run.stamp").exists():
        return folder
    say(f"building Hubbub as it was at {EARLIER}")
    folder.mkdir(parents=True, exist_ok=True)
    packed = folder / "source.tar"
    _run("git", "-C", str(PROJECT), "archive", "--output", str(packed), COMMIT)
    _run("tar", "-xf", str(packed), "-C", str(folder))
    packed.unlink()
    _run("make", "-s", "-C", str(folder), f"PYTHON={sys.executable}", ".venv/run.stamp")
    return folder


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - git, tar and make
    if done.returncode:
        raise NotBuilt(f"{command[0]}: {done.stderr.strip()[-400:]}")


def measure_beside_earlier(rounds: int, seconds: float, patience: float) -> Iterator[Note]:
    """Sends at the limit and at half of each one's own most, then pages. Raises NotBuilt."""
    folder = build_earlier()
    with (
        running_hubbub(ONE_OF_EACH) as now,
        running_hubbub(
            ONE_OF_EACH, python=str(folder / ".venv" / "bin" / "python"), project=str(folder)
        ) as earlier,
    ):
        systems = {"hubbub": now, EARLIER: earlier}
        yield from _measure_sends(systems, rounds, seconds, patience)
        yield from _measure_pages(systems, rounds, seconds)


def _in_turns(systems: dict[str, Hubbub], round_: int) -> list[str]:
    return list(systems)[:: -1 if round_ % 2 else 1]


def _measure_sends(
    systems: dict[str, Hubbub], rounds: int, seconds: float, patience: float
) -> Iterator[Note]:
    audiences = {name: make_audiences(People(hubbub.port)) for name, hubbub in systems.items()}
    most: dict[tuple[str, str], float] = {}
    for layout in LAYOUTS:
        sendings = {
            name: Sending(hubbub, audiences[name][layout], seconds, patience)
            for name, hubbub in systems.items()
        }
        for way in WAYS:
            for in_flight in IN_FLIGHT:
                for round_ in range(rounds * TURNS_A_ROUND):
                    for name in _in_turns(systems, round_):
                        found = sendings[name].by(way, in_flight)
                        wait_for_index(systems["hubbub"])  # which it would fill in the other's turn
                        best = most.get((name, way), 0.0)
                        most[name, way] = max(best, found["acknowledged_per_s"])
                        yield f"earlier, {layout} {way} {in_flight}", name, round_, found
            if layout == "spread":
                for round_ in range(rounds):
                    for name in _in_turns(systems, round_):
                        found = sendings[name].by(way, SATURATING, most[name, way] / 2)
                        wait_for_index(systems["hubbub"])
                        yield f"earlier, spread {way} half", name, round_, found


def _measure_pages(systems: dict[str, Hubbub], rounds: int, seconds: float) -> Iterator[Note]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        views = {name: Views.of(hubbub.port) for name, hubbub in systems.items()}
        for name, hubbub in systems.items():
            runner.run(fill(hubbub.port, views[name]))
        meters = {name: Meter.at_rest(hubbub) for name, hubbub in systems.items()}
        for round_ in range(rounds * TURNS_A_ROUND):
            for page in PAGES:
                for name in _in_turns(systems, round_):
                    choose = partial(views[name].choose, page)
                    work = measure_view(systems[name].port, meters[name], choose, seconds)
                    yield f"earlier, {page}", name, round_, runner.run(work)
