"""The cost of reads: pages of history, the list of chats with its counts, a chat, search. CPU of
all tiers for a request, through the balancer, sixteen at a time.

Four people are in the same two hundred chats, and write in turns, so that each has unread messages
in every chat. Nothing else happens meanwhile.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Self
from urllib.parse import quote

import uvloop

from loadtest.peers.calling import percentiles
from loadtest.peers.exchanging import connect, encode_request, exchange_for
from loadtest.peers.growing import SEED, fresh_hubbub
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import People, Person

READERS: Final = 4
CHATS: Final = 200
MESSAGES: Final = 110  # in each chat
IN_FLIGHT: Final = 16
WORDS: Final = 1_000
WORDS_A_MESSAGE: Final = 12
WARM_SECONDS: Final = 0.5
SETTLED_SECONDS: Final = 3.0  # after which the search index has heard of the last message

VIEWS: Final = (
    "newest page of 50", "older page of 50", "events, 50", "a chat", "list of 200 chats",
    "list by activity", "list, packed", "search, 20",
)  # fmt: skip


Choose = Callable[[], bytes]


class Views:
    """What readers ask for, at random."""

    def __init__(self, people: Sequence[Person], chats: Sequence[str]) -> None:
        self._people, self._chats = people, chats
        self._random = random.Random(SEED)  # noqa: S311 - no secret

    @classmethod
    def of(cls, port: int) -> Self:
        """With readers and chats of their own in the system at this port."""
        people = People(port)
        readers = people.sign_up(READERS)
        return cls(readers, people.make_chats([readers] * CHATS))

    def choose(self, kind: str) -> bytes:
        """A request of the kind."""
        chat, packed = self._random.choice(self._chats), ""
        match kind:
            case "newest page of 50":
                path = f"/api/chat/{chat}/message?limit=50"
            case "older page of 50":
                before = self._random.randint(60, MESSAGES)
                path = f"/api/chat/{chat}/message?limit=50&before={before}"
            case "events, 50":
                path = f"/api/chat/{chat}/events?limit=50&after={self._random.randint(1, 50)}"
            case "a chat":
                path = f"/api/chat/{chat}"
            case "list of 200 chats":
                path = f"/api/chat?limit={CHATS}"
            case "list by activity":
                path = f"/api/chat?limit={CHATS}&order=activity"
            case "list, packed":
                path, packed = f"/api/chat?limit={CHATS}&order=activity", "accept-encoding: gzip"
            case _:
                path = f"/api/search?q={self._word()}&limit=20"
        reader = self._random.choice(self._people)
        return encode_request("GET", path, reader.token, header=packed)

    def messages(self) -> Iterator[bytes]:
        """Requests for all of them, each chat's in turns of its people."""
        for number in range(MESSAGES):
            sender = self._people[number % len(self._people)]
            for chat in self._chats:
                text = " ".join(self._word() for _ in range(WORDS_A_MESSAGE))
                path = f"/api/chat/{quote(chat)}/message"
                yield encode_request("POST", path, sender.token, {"message": text})

    def _word(self) -> str:
        return f"word{self._random.randrange(WORDS)}"


def measure_views(kinds: Sequence[str], rounds: int, seconds: float) -> Iterator[
    tuple[str, int, Found]
]:  # fmt: skip
    """Yields the kind, the round and what it took."""
    with fresh_hubbub() as hubbub:
        views = Views.of(hubbub.port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(fill(hubbub.port, views))
            meter = Meter.at_rest(hubbub)
            for round_ in range(rounds):
                for kind in kinds[:: 1 if round_ % 2 == 0 else -1]:
                    choose = partial(views.choose, kind)
                    work = measure_view(hubbub.port, meter, choose, seconds)
                    yield kind, round_, runner.run(work)


async def fill(port: int, views: Views) -> None:
    """Sends all messages, and waits until the search index has heard of the last one."""
    requests = views.messages()

    async def work() -> None:
        connection = await connect(port)
        for request in requests:
            await connection.exchange(request)
        connection.close()

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    await asyncio.sleep(SETTLED_SECONDS)


async def measure_view(port: int, meter: Meter, choose: Choose, seconds: float) -> Found:
    """What a request of the chosen ones takes, 16 at a time."""
    connections = [await connect(port) for _ in range(IN_FLIGHT)]
    await exchange_for(connections, lambda _: choose(), WARM_SECONDS)
    since = meter.start()
    times, size = await exchange_for(connections, lambda _: choose(), seconds)
    found = meter.stop(since)
    for connection in connections:
        connection.close()
    return {
        **found,
        **by_tier(found["cpu"], len(times)),
        **percentiles(times),
        "requests_per_s": len(times) / found["seconds"],
        "bytes": size / len(times),
    }
