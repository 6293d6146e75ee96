"""The cost of the list of chats: people in a thousand chats, among millions of messages.

Every message is of one of the two who are in each chat, and nobody has read any: the other one has
more unread in each than are counted, the sender has nothing but their own.
"""

from contextlib import closing
from functools import partial
from typing import Final

from loadtest.peers.calling import Caller, percentiles, timed
from loadtest.peers.growing import Measured, fresh_hubbub
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import People, Person
from loadtest.peers.stock import Stock

CHATS: Final = 1_000
LISTED: Final = 200  # a page
LISTS: Final = 60  # of each kind, one after the other
WARM: Final = 8  # plans are made, and what is far is counted
ORDERS: Final = {"by making": "", "by activity": "&order=activity"}
READERS: Final = ("nothing read", "all read", "own messages alone")
LISTINGS: Final = tuple(f"list, {reader}, {order}" for reader in READERS for order in ORDERS)


def measure_listing(messages: int) -> Measured:
    """The first page, as three people see it."""
    with fresh_hubbub() as hubbub:
        sender, reader = People(hubbub.port).sign_up(2)
        stock = Stock(hubbub)
        try:
            chats = stock.add_chats([[sender, reader]] * CHATS)
            stock.add_messages(chats, messages // CHATS)
            stock.settle()
            meter = Meter.at_rest(hubbub)
            for who, person in zip(READERS, (reader, reader, sender), strict=True):
                if who == "all read":
                    stock.read_all(chats, reader)
                for order, query in ORDERS.items():
                    with closing(Caller(hubbub.port)) as caller:
                        found = _list(caller, meter, person, f"/api/chat?limit={LISTED}{query}")
                    yield f"list, {who}, {order}", {"size": messages, **found}
        finally:
            stock.close()


def _list(caller: Caller, meter: Meter, person: Person, path: str) -> Found:
    call = partial(caller.call, "GET", path, person.token)
    for _ in range(WARM):
        call()
    since = meter.start()
    times = [timed(call) for _ in range(LISTS)]
    found = meter.stop(since)
    slowest = sorted(times)[int(LISTS * 0.95)]
    return {**found, **by_tier(found["cpu"], LISTS), **percentiles(times), "p95_ms": slowest}
