"""How cost grows with a chat's participants: made, joined, left and deleted, at rest and while all
of them listen."""

import time
from typing import Final

from common.protocol.limits import MAX_PARTICIPANTS_A_REQUEST
from loadtest.peers.calling import Caller, percentiles, timed
from loadtest.peers.growing import MEMBERS, Measured, fresh_hubbub
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import SOCKET_OPTIONS, People, Person, make_chat
from loadtest.peers.sockets import Sockets

COMINGS: Final = 20  # of one person, who leaves again each time
SETTLE_SECONDS: Final = 1.0
HEAR_SECONDS: Final = 30.0


class Crowd:
    """People who make, join and leave chats through one caller."""

    def __init__(self, hubbub: Hubbub) -> None:
        self.caller = Caller(hubbub.port)
        self._hubbub, people = hubbub, People(hubbub.port)
        self.people = people.sign_up(max(MEMBERS) - 1)
        (self.guest,) = people.sign_up(1)
        self.meter = Meter.at_rest(hubbub)

    def make(self, group: list[Person]) -> tuple[str, Found]:
        """`us` for each participant; the times are of the whole, by as many requests as needed."""
        since, chats = self.meter.start(), list[str]()
        took = timed(lambda: chats.append(make_chat(self.caller, group)))
        found = self.meter.stop(since)
        requests = -(-len(group) // MAX_PARTICIPANTS_A_REQUEST)
        cost = by_tier(found["cpu"], len(group))
        return chats[0], {**found, **cost, "p50_ms": took, "requests": requests}

    def come_and_go(
        self, chat: str, owner: Person, sockets: Sockets | None = None, expected: int = 0
    ) -> Found:
        """The guest joins and leaves: `us` for each of the two, with all `expected` frames to
        the sockets; the latencies are of joins and leaves together."""
        members = f"/api/chat/{chat}/participant"
        guest = f"{members}/{self.guest.id}"
        body, times = {"userId": self.guest.id}, list[float]()
        clients = [sockets.process.pid] if sockets else []
        since = self.meter.start(*clients)
        for _ in range(COMINGS):
            times.append(timed(lambda: self.caller.call("POST", members, owner.token, body)))
            times.append(timed(lambda: self.caller.call("DELETE", guest, self.guest.token)))
        time.sleep(SETTLE_SECONDS)  # what comes after the answers
        heard = _wait_until_heard(sockets, expected) if sockets else {}
        found = self.meter.stop(since, *clients)
        return {**found, **by_tier(found["cpu"], len(times)), **percentiles(times), **heard}

    def delete(self, chat: str, owner: Person) -> Found:
        """`us` of the whole."""
        since = self.meter.start()
        took = timed(lambda: self.caller.call("DELETE", f"/api/chat/{chat}", owner.token))
        time.sleep(SETTLE_SECONDS)
        found = self.meter.stop(since)
        return {**found, **by_tier(found["cpu"], 1), "p50_ms": took}


def measure_participants() -> Measured:
    """Chats of growing size, from the first to the last moment."""
    with fresh_hubbub() as hubbub:
        crowd = Crowd(hubbub)
        try:
            for size in MEMBERS:
                # The guest is one more while it is in.
                group = crowd.people[: min(size, len(crowd.people))]
                yield from _life(hubbub, crowd, group, {"size": size})
        finally:
            crowd.caller.close()


def _life(hubbub: Hubbub, crowd: Crowd, group: list[Person], size: Found) -> Measured:
    chat, found = crowd.make(group)
    yield "chat made", {**size, **found}
    yield "joined and left", {**size, **crowd.come_and_go(chat, group[0])}
    plan = [person.socket() for person in group]
    sockets = Sockets(hubbub.ports("realtime"), plan, SOCKET_OPTIONS, core=None, patience=120)
    try:
        time.sleep(SETTLE_SECONDS)
        sockets.tell("reset")
        found = crowd.come_and_go(chat, group[0], sockets, 2 * COMINGS * len(group))
        yield "joined and left, heard by all", {**size, **found}
    finally:
        sockets.stop()
    time.sleep(SETTLE_SECONDS)
    yield "chat deleted", {**size, **crowd.delete(chat, group[0])}


def _wait_until_heard(sockets: Sockets, expected: int) -> Found:
    """What is missing at the end: forty changes for ten thousand are seconds of work."""
    end = time.monotonic() + HEAR_SECONDS
    while (seen := sockets.report())["other"] < expected and time.monotonic() < end:
        time.sleep(0.2)
    return {"undelivered": max(0, expected - seen["other"]), "closed": seen["closed"]}
