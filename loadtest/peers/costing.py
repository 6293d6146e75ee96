"""What single parts of Hubbub add to the CPU of a send and of a delivery: the outbox, metrics and
logs. The same processes with the part and without it, in turns; the product has no switch for it,
see switches/sitecustomize.py.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from loadtest.peers.build import SOURCES
from loadtest.peers.database import ChatsDatabase
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found
from loadtest.peers.people import People
from loadtest.peers.relaying import CASES, Bus, HubbubRun, Pace
from loadtest.peers.sending import SATURATING, Sending, make_audiences

PYTHON_ROLES: Final = ("edge", "realtime", "users", "chats")
AS_IT_IS, WITHOUT_TELLING, WITHOUT_SWEEP = range(3)  # the states of switches/sitecustomize.py
SWITCHES: Final = {"PYTHONPATH": str(SOURCES / "switches")}  # what such a Hubbub is started with
FAN_OUT_CASE: Final = "F4"

OWES: Final = """INSERT INTO outbox (chat, first, last) SELECT chat, first, last FROM ranges
        RETURNING id, chat"""
OWES_NOTHING: Final = "SELECT 0::bigint AS id, chat FROM ranges"  # 0: nothing is to be settled

Note = Callable[[str, str, int, Found], None]
Without = Callable[[], AbstractContextManager[None]]


class Costs:
    """One running Hubbub, switched from measurement to measurement."""

    def __init__(self, hubbub: Hubbub, bus: Bus, rounds: int, pace: Pace, note: Note) -> None:
        self._hubbub, self._bus, self._note = hubbub, bus, note
        self._rounds, self._pace = rounds, pace
        self._people = People(hubbub.port)

    def measure(self) -> None:
        sendings = {
            layout: Sending(self._hubbub, audience, self._pace.seconds, self._pace.patience)
            for layout, audience in make_audiences(self._people).items()
        }
        spread = sendings["spread"]
        for way in ("rest", "socket"):
            spread.by(way, SATURATING)  # caches are filled, the labels of metrics are made
        for layout, sending in sendings.items():
            self._compare(
                f"outbox, {layout} by socket",
                self._without_outbox,
                lambda sending=sending: sending.by("socket", SATURATING),
            )
        for way in ("socket", "rest"):
            self._compare(
                f"telling, spread by {way}",
                self._without_telling,
                lambda way=way: spread.by(way, SATURATING),
            )
        self._measure_fan_out()

    def _measure_fan_out(self) -> None:
        with self._hubbub.pinned():
            made = HubbubRun(self._hubbub, self._people, CASES[FAN_OUT_CASE], self._bus)
            try:
                what = f"telling, {FAN_OUT_CASE} flat out"
                self._compare(what, self._without_telling, lambda: made.run.fast(self._pace))
            finally:
                made.stop()

    def _compare(self, what: str, without: Without, measure: Callable[[], Found]) -> None:
        """With and without, then without and with: what drifts hits both alike."""
        for round_ in range(self._rounds):
            for has_it in (True, False) if round_ % 2 == 0 else (False, True):
                with nullcontext() if has_it else without():
                    found = measure()
                self._note(what, "with" if has_it else "without", round_, found)

    @contextmanager
    def _without_telling(self) -> Iterator[None]:
        self._switch(WITHOUT_TELLING)
        yield
        self._switch(AS_IT_IS)

    @contextmanager
    def _without_outbox(self) -> Iterator[None]:
        """No row for a message, so none to settle; no sweep."""
        with ChatsDatabase(self._hubbub.data) as database:
            usual = database.definition("post_messages")
            if OWES not in usual:
                raise RuntimeError("post_messages writes the outbox in another way than known here")
            database.connection.execute(usual.replace(OWES, OWES_NOTHING).encode())
            self._switch(WITHOUT_SWEEP)
            yield
            self._switch(AS_IT_IS)
            database.connection.execute(usual.encode())

    def _switch(self, state: int) -> None:
        for role, pids in self._hubbub.pids_by_role().items():
            if role in PYTHON_ROLES:
                for pid in pids:
                    os.kill(pid, signal.SIGRTMIN + state)
