"""How cost grows with what is stored: pages of history and of events, and sends, among so many
messages. Half of them are in one chat, the others in as many chats as a company has."""

import json
import random
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from common.protocol.limits import MAX_SLICE_EVENTS
from loadtest.peers.calling import Caller, percentiles, timed
from loadtest.peers.growing import (
    PEOPLE_OF_CHATS,
    SEED,
    SENDS_A_SECOND,
    Measured,
    fresh_hubbub,
    pair_up,
    pairs_audience,
    sent,
)
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import People, Person
from loadtest.peers.sending import SATURATING
from loadtest.peers.stock import Stock

MESSAGES: Final = (0, 50_000, 500_000, 5_000_000)
SMALL_CHATS: Final = 25_000
PAGES: Final = 400  # of each kind, one after the other


class Pages:
    """Reads of one chat by REST, one at a time, at random places of its log."""

    def __init__(self, caller: Caller, meter: Meter, chat: str, reader: Person) -> None:
        self._caller, self._meter = caller, meter
        self._path, self._token = f"/api/chat/{chat}", reader.token
        self._random = random.Random(SEED)  # noqa: S311 - no secret

    def newest(self) -> Found:
        """The newest 50 messages, which the edge holds after the first time."""
        return self._read(lambda _: "message?limit=50", 1)

    def history(self, head: int) -> Found:
        """50 messages before any seq."""
        return self._read(lambda seq: f"message?limit=50&before={seq + 51}", head)

    def events(self, head: int) -> Found:
        """200 events after any seq. Raises RuntimeError where they are not dense."""
        page = json.loads(self._get("events?after=0"))["events"]
        if [event["seq"] for event in page] != list(range(1, min(head, MAX_SLICE_EVENTS) + 1)):
            raise RuntimeError(f"the log has gaps: {page[:2]}")
        return self._read(lambda seq: f"events?limit=200&after={max(0, seq - 200)}", head)

    def _read(self, choose: Callable[[int], str], head: int) -> Found:
        wanted = [choose(self._random.randint(1, head)) for _ in range(PAGES)]
        size = len(self._get(wanted[0]))
        since = self._meter.start()
        times = [timed(partial(self._get, path)) for path in wanted]
        found = self._meter.stop(since)
        return {**found, **by_tier(found["cpu"], PAGES), **percentiles(times), "bytes": size}

    def _get(self, path: str) -> bytes:
        return self._caller.call("GET", f"{self._path}/{path}", self._token)


def measure_messages() -> Measured:
    """Pages of the large chat; sends to it, and to the small ones at random."""
    with fresh_hubbub() as hubbub:
        people = People(hubbub.port).sign_up(PEOPLE_OF_CHATS)
        pairs = pair_up(people, SMALL_CHATS)
        stock = Stock(hubbub)
        try:
            small, (large,) = stock.add_chats(pairs), stock.add_chats([people[:2]])
            meter = Meter.at_rest(hubbub)
            stored = 0
            for count in MESSAGES:
                half, stored = (count - stored) // 2, count
                stock.add_messages([large], half)
                stock.add_messages(small, half // SMALL_CHATS)
                stock.settle()
                log = {"size": count, "log_mb": stock.measure_log_mb()}
                head = count // 2 + 1
                # A connection that waits while millions are stored is closed.
                with closing(Caller(hubbub.port)) as caller:
                    pages = Pages(caller, meter, large, people[0])
                    yield "history, newest page", {**log, **pages.newest()}
                    yield "history, any page", {**log, **pages.history(head)}
                    yield "events, any page", {**log, **pages.events(head)}
                audience = pairs_audience(small, pairs)
                found = sent(meter, hubbub, audience, SATURATING, 0)
                yield "stored, sends flat out", {**log, **found}
                found = sent(meter, hubbub, audience, 32, SENDS_A_SECOND)
                yield "stored, 200 sends a second", {**log, **found}
                found = sent(meter, hubbub, pairs_audience([large], pairs), SATURATING, 0)
                yield "stored, sends to the large chat", {**log, **found}
        finally:
            stock.close()
