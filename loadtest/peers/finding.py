"""The cost of search: a user in a thousand chats searches among millions of messages.

Texts are words by Zipf's law, one in twenty of them Chinese characters by the same law. They are
written into the log as the services would have, and indexed by chats' own rebuild; a few more are
fed as a replica feeds them.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from chats.log.encoding import draft_event, stamp
from chats.search.rebuild import rebuild
from chats.store.query import PLAN_OPTIONS
from chats.store.search_feed import feed
from common.database.pool import create_pool
from common.protocol.events import Message
from common.protocol.ids import new_id
from loadtest.peers.calling import Caller, percentiles, timed
from loadtest.peers.growing import SEED, Measured, fresh_hubbub
from loadtest.peers.machine import Found
from loadtest.peers.meter import Meter, by_tier
from loadtest.peers.people import People, Person
from loadtest.peers.stock import Stock

CHATS: Final = 1_000
WORDS: Final = 200_000
CHARACTERS: Final = 3_000
WORDS_A_MESSAGE: Final = (40, 115)  # 500 characters in the middle
SEARCHES: Final = 40  # of each kind, one after the other
PLACES: Final = ("all chats", "one chat")
KINDS: Final = (
    "rare word", "word of middling frequency", "most frequent word", "beginning of two letters",
    "phrase of three words", "two Chinese characters",
)  # fmt: skip
FED_ROUNDS: Final = 20
FED_A_ROUND: Final = 2_500  # messages: a few in each chat, as in a second of a busy system
CHATS_A_CALL: Final = 64
ROWS_A_CALL: Final = 1_024
TEXTS: Final = 200_000  # different ones
SAMPLES: Final = 200
_EPOCH_MS: Final = 1_700_000_000_000
_SPACING_MS: Final = 50


class Texts:
    """Random words of two kinds, each by its rank: the first is the most frequent."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self.words = [_spell(rank) for rank in range(WORDS)]
        self.characters = [chr(0x4E00 + rank) for rank in range(CHARACTERS)]
        self._word_ranks, self._character_ranks = _zipf(WORDS), _zipf(CHARACTERS)

    def make(self, count: int) -> list[str]:
        lengths = self._random.integers(*WORDS_A_MESSAGE, count)
        ranks = np.searchsorted(self._word_ranks, self._random.random(int(lengths.sum())))
        made, start = [], 0
        for number, length in enumerate(lengths):
            words = [self.words[rank] for rank in ranks[start : start + length]]
            start += length
            if number % 20 == 0:
                run = np.searchsorted(self._character_ranks, self._random.random(20))
                words.append("".join(self.characters[rank] for rank in run))
            made.append(" ".join(words))
        return made

    def choose_chats(self, count: int) -> list[int]:
        """A few chats have most of the messages."""
        sizes = np.cumsum(np.linspace(0, 1, CHATS) ** 2)
        return [int(n) for n in np.searchsorted(sizes / sizes[-1], self._random.random(count))]


def _zipf(size: int) -> Any:
    shares = np.cumsum(1 / np.arange(1, size + 1))
    return shares / shares[-1]


def _spell(rank: int) -> str:
    """A pronounceable word for each rank, short ones first."""
    word, rank = "", rank + 1
    while rank:
        rank, syllable = divmod(rank, 85)
        word += "bcdfghklmnprstvwz"[syllable // 5] + "aeiou"[syllable % 5]
    return word


def measure_finding(messages: int) -> Measured:
    """Of so many messages; yields what feeding them took, then each kind of search."""
    with fresh_hubbub() as hubbub:
        people = People(hubbub.port)
        reader, other = people.sign_up(2)
        stock, texts = Stock(hubbub), Texts()
        try:
            chats = stock.add_chats([[reader, other]] * CHATS)
            log = _Log(stock, chats, other)
            samples = log.store(texts, messages)
            stock.settle()
            meter = Meter.at_rest(hubbub)
            since = meter.start()
            asyncio.run(rebuild(stock.chats_url))
            rebuilt = meter.stop(since)
            yield "search, rebuild", {"size": messages, **rebuilt, "rebuilt_s": rebuilt["seconds"]}
            stock.settle()
            fed = [_feed_more(log, texts, meter) for _ in range(FED_ROUNDS)]
            cpu = {role: sum(found["cpu"][role] for found in fed) for role in fed[0]["cpu"]}
            yield (
                "search, feeding",
                {
                    "size": messages,
                    "others_cores": max(found["others_cores"] for found in fed),
                    **by_tier(cpu, FED_ROUNDS * FED_A_ROUND),
                    "index_mb": stock.measure_mb("search_blocks", "search_open", "search_progress"),
                },
            )
            stock.settle()
            for where, chat in zip(PLACES, (None, chats[-1]), strict=True):
                for kind, make in _kinds(texts, samples).items():
                    reader = people.refresh(reader)
                    with closing(Caller(hubbub.port)) as caller:
                        queries = [make(n) for n in range(SEARCHES)]
                        found = _search(caller, meter, reader, queries, chat)
                        yield f"search, {kind}, {where}", {"size": messages, **found}
        finally:
            stock.close()


def _kinds(texts: Texts, samples: list[str]) -> dict[str, Callable[[int], str]]:
    chosen = random.Random(SEED)  # noqa: S311 - no secret
    phrases = [sample.split()[5:8] for sample in samples]
    return {
        "rare word": lambda n: f'"{texts.words[100_000 + chosen.randrange(WORDS // 2)]}"',
        "word of middling frequency": lambda n: f'"{texts.words[300 + 50 * n]}"',
        "most frequent word": lambda n: f'"{texts.words[0]}"',
        "beginning of two letters": lambda n: texts.words[n][:2],
        "phrase of three words": lambda n: f'"{" ".join(phrases[n % len(phrases)])}"',
        "two Chinese characters": lambda n: (
            texts.characters[chosen.randrange(200)] + texts.characters[chosen.randrange(200)]
        ),
    }


def _search(
    caller: Caller, meter: Meter, reader: Person, queries: list[str], chat: str | None
) -> Found:
    within = f"&chat={chat}" if chat else ""
    paths = [f"/api/search?q={quote(query)}{within}" for query in queries]
    since = meter.start()
    times = [timed(partial(caller.call, "GET", path, reader.token)) for path in paths]
    found = meter.stop(since)
    slowest = sorted(times)[int(len(times) * 0.95)]
    return {**found, **by_tier(found["cpu"], len(paths)), **percentiles(times), "p95_ms": slowest}


class _Log:
    """The log of chats in which one person speaks."""

    def __init__(self, stock: Stock, chats: list[str], sender: Person) -> None:
        self._stock, self.chats, self._sender = stock, chats, sender
        self.url = stock.chats_url
        self._heads = [1] * len(chats)
        self._stored = 0

    def store(self, texts: Texts, messages: int) -> list[str]:
        """Returns some of the texts, each of which is stored several times in different places."""
        made, order = texts.make(min(TEXTS, messages)), random.Random(SEED)  # noqa: S311 - no secret
        for start in range(0, messages, len(made)):
            some = made[: messages - start]
            self._stock.copy_messages(self._rows(texts.choose_chats(len(some)), some))
            order.shuffle(made)
        return made[:SAMPLES]

    def _rows(self, where: list[int], texts: list[str]) -> Iterator[tuple[Any, ...]]:
        for place, text in zip(where, texts, strict=True):
            self._heads[place] += 1
            self._stored += 1
            chat, key, seq = self.chats[place], new_id(), self._heads[place]
            message = Message(
                chat=chat, by=self._sender.id, message_id=new_id(), message=text, client_id=key,
                seq=0, at="",
            )  # fmt: skip
            event = stamp(draft_event(message), seq, _at(self._stored))
            yield (chat, seq, "message", self._sender.id, key, event)


def _at(number: int) -> str:
    at = np.datetime64(_EPOCH_MS + number * _SPACING_MS, "ms")
    return f"{at}Z"


def _feed_more(log: _Log, texts: Texts, meter: Meter) -> Found:
    log.store(texts, FED_A_ROUND)
    since = meter.start()
    asyncio.run(_feed(log.url, log.chats))
    return meter.stop(since)


async def _feed(url: str, chats: list[str]) -> None:
    """Everything, as a replica does it."""
    async with create_pool(url, size=1, min_size=1, options=PLAN_OPTIONS) as pool:
        waiting = chats
        while waiting:
            fed = await feed(pool, waiting[:CHATS_A_CALL], ROWS_A_CALL, ROWS_A_CALL)
            waiting = fed.more + waiting[CHATS_A_CALL:]
