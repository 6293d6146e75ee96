"""The CPU that single parts of Hubbub add to a send and a delivery: the outbox, metrics and logs,
feeding the search index. The product has no switch for them, see switches/sitecustomize.py.

A few per cent are less than the difference between two runs. So the load continues while the part
is switched off and on, and each slice without it is compared with an adjacent one.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from loadtest.peers.build import SOURCES
from loadtest.peers.database import ChatsDatabase
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found, cpu_seconds, wait_for_quiet
from loadtest.peers.people import SOCKET_OPTIONS, People
from loadtest.peers.relaying import CASES, Bus, HubbubRun, Pace
from loadtest.peers.sending import (
    SATURATING,
    TEXT_BYTES,
    WARM_SECONDS,
    Audience,
    make_audiences,
)
from loadtest.peers.sockets import Posts, Sockets

PYTHON_ROLES: Final = ("edge", "realtime", "users", "chats")
# The states of switches/sitecustomize.py.
AS_IT_IS, WITHOUT_TELLING, WITHOUT_SWEEP, WITHOUT_FEEDING = range(4)
SWITCHES: Final = {"PYTHONPATH": str(SOURCES / "switches")}  # what such a Hubbub is started with
FAN_OUT_CASE: Final = "F4"

WRITE_OUTBOX: Final = """INSERT INTO outbox (chat, first, last) SELECT chat, first, last FROM ranges
            RETURNING id, chat"""
WRITE_NOTHING: Final = "SELECT 0::bigint AS id, chat FROM ranges"  # 0: nothing is to be settled

SLICE_SECONDS: Final = 0.4
FEEDING_SLICE_SECONDS: Final = 2.5  # the index is fed now and then
SETTLE_SECONDS: Final = 0.15  # after a switch: work in progress ends, queries are planned again
PAIRS_A_ROUND: Final = 8
MARGIN_SECONDS: Final = 10.0

_TAKE_AS_FED: Final = (
    "UPDATE search_progress p SET upto ="
    " (SELECT seq FROM log l WHERE l.chat = p.chat ORDER BY seq DESC LIMIT 1)"
)

Note = Callable[[str, str, int, Found], None]
Without = Callable[[], AbstractContextManager[None]]
Read = Callable[[], float]


class Costs:
    """One running Hubbub, switched while it works; `rounds` of `PAIRS_A_ROUND` pairs of slices."""

    def __init__(self, hubbub: Hubbub, bus: Bus, rounds: int, pace: Pace, note: Note) -> None:
        self._hubbub, self._bus, self._note = hubbub, bus, note
        self._pairs, self._patience = rounds * PAIRS_A_ROUND, pace.patience
        self._people = People(hubbub.port)

    def measure(self) -> None:
        audiences = make_audiences(self._people)
        for layout, audience in audiences.items():
            with self._sends(audience, "socket") as answered:
                what = f"outbox, {layout} by socket"
                self._compare(what, self._without_outbox, self._all_tiers, answered)
        for way in ("socket", "rest"):
            with self._sends(audiences["spread"], way) as answered:
                what = f"telling, spread by {way}"
                self._compare(what, self._without_telling, self._all_tiers, answered)
        self._measure_fan_out()

    def measure_feeding(self) -> None:
        """Of the search index, while sends come as fast as they are answered."""
        for layout, audience in make_audiences(self._people).items():
            for way in ("socket", "rest"):
                with self._sends(audience, way, FEEDING_SLICE_SECONDS) as answered:
                    what = f"feeding, {layout} by {way}"
                    self._compare(
                        what, self._without_feeding, self._all_tiers, answered,
                        FEEDING_SLICE_SECONDS,
                    )  # fmt: skip

    def _measure_fan_out(self) -> None:
        nodes = self._hubbub.pids_by_role()["realtime"]
        with self._hubbub.pinned():
            made = HubbubRun(self._hubbub, self._people, CASES[FAN_OUT_CASE], self._bus)
            try:
                with made.run.flat_out(self._seconds(SLICE_SECONDS)) as delivered:
                    time.sleep(WARM_SECONDS)
                    self._compare(
                        f"telling, {FAN_OUT_CASE} flat out",
                        self._without_telling,
                        lambda: sum(map(cpu_seconds, nodes)),
                        delivered,
                    )
            finally:
                made.stop()

    def _seconds(self, slice_seconds: float) -> float:
        """How long the load of one comparison must last."""
        return 2 * self._pairs * (slice_seconds + 2 * SETTLE_SECONDS) + MARGIN_SECONDS

    @contextmanager
    def _sends(
        self, audience: Audience, way: str, slice_seconds: float = SLICE_SECONDS
    ) -> Iterator[Read]:
        """128 in flight while the block runs; how many messages have arrived everywhere."""
        ports = self._hubbub.ports("realtime")
        sockets = Sockets(ports, audience.plan, SOCKET_OPTIONS, core=None)
        posts: Posts | None = None
        try:
            wait_for_quiet(self._patience)
            if way == "rest":
                posts = Posts(
                    [self._hubbub.port], audience.targets, "--connections", SATURATING,
                    "--size", TEXT_BYTES, "--seconds", self._seconds(slice_seconds),
                )  # fmt: skip
            else:
                sockets.tell(f"send window {SATURATING} {TEXT_BYTES}")
            time.sleep(WARM_SECONDS)
            yield lambda: sockets.report()["total"] / audience.listeners
        finally:
            if posts is not None:
                posts.stop()
            sockets.stop()

    def _all_tiers(self) -> float:
        return sum(self._hubbub.cpu().values())

    def _compare(
        self, what: str, without: Without, cpu: Read, done: Read, seconds: float = SLICE_SECONDS
    ) -> None:
        """With and without, then without and with: drift affects both equally."""
        for pair in range(self._pairs):
            for has_it in (True, False) if pair % 2 == 0 else (False, True):
                with nullcontext() if has_it else without():
                    time.sleep(SETTLE_SECONDS)
                    used, number, since = cpu(), done(), time.monotonic()
                    time.sleep(seconds)
                    used, number = cpu() - used, done() - number
                    took = time.monotonic() - since
                if number < 1:
                    raise RuntimeError(f"{what}: nothing arrived")
                found = {"us": used / number * 1e6, "per_s": number / took}
                self._note(what, "with" if has_it else "without", pair, found)

    @contextmanager
    def _without_telling(self) -> Iterator[None]:
        self._switch(WITHOUT_TELLING)
        try:
            yield
        finally:
            self._switch(AS_IT_IS)

    @contextmanager
    def _without_feeding(self) -> Iterator[None]:
        """What was not fed meanwhile stays unfed, or it would be fed in the slices that follow."""
        self._switch(WITHOUT_FEEDING)
        try:
            yield
        finally:
            with ChatsDatabase(self._hubbub.data) as database:
                database.connection.execute(_TAKE_AS_FED)
            self._switch(AS_IT_IS)

    @contextmanager
    def _without_outbox(self) -> Iterator[None]:
        """No row for a message, so none to settle; no sweep."""
        with ChatsDatabase(self._hubbub.data) as database:
            usual = database.definition("append_events")
            if WRITE_OUTBOX not in usual:
                raise RuntimeError("append_events writes the outbox in another way than known here")
            database.connection.execute(usual.replace(WRITE_OUTBOX, WRITE_NOTHING).encode())
            self._switch(WITHOUT_SWEEP)
            try:
                yield
            finally:
                self._switch(AS_IT_IS)
                database.connection.execute(usual.encode())

    def _switch(self, state: int) -> None:
        for role, pids in self._hubbub.pids_by_role().items():
            if role in PYTHON_ROLES:
                for pid in pids:
                    os.kill(pid, signal.SIGRTMIN + state)
