"""What finding messages costs: a user in a thousand chats searches among millions of messages.

Texts are words by Zipf's law, one in twenty of them Chinese characters by the same law. They are
written into the log as the services would have, and fed to the index by chats' own function.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from chats.encoding import draft_event, stamp
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
FEEDERS: Final = 2
CHATS_A_CALL: Final = 10
ROWS_A_CALL: Final = 64
ROWS_A_COPY: Final = 20_000
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
        reader, other = People(hubbub.port).sign_up(2)
        stock, texts = Stock(hubbub), Texts()
        try:
            chats = stock.add_chats([[reader, other]] * CHATS)
            samples = _store(stock, texts, chats, other, messages)
            stock.settle()
            meter = Meter.at_rest(hubbub)
            since = meter.start()
            asyncio.run(_feed(stock.chats_url, chats))
            fed = meter.stop(since)
            stock.settle()
            yield "search, feeding", {
                "size": messages, **fed, **by_tier(fed["cpu"], messages),
                "index_mb": stock.measure_mb("search_blocks", "search_open", "search_progress"),
            }  # fmt: skip
            for where, chat in zip(PLACES, (None, chats[-1]), strict=True):
                for kind, make in _kinds(texts, samples).items():
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


def _store(
    stock: Stock, texts: Texts, chats: list[str], sender: Person, messages: int
) -> list[str]:
    """Returns some of the texts."""
    heads, samples = [1] * len(chats), list[str]()
    for start in range(0, messages, ROWS_A_COPY):
        count = min(ROWS_A_COPY, messages - start)
        made = texts.make(count)
        samples += made[:2]
        stock.copy_messages(_rows(chats, texts.choose_chats(count), heads, sender, made, start))
    return samples


def _rows(
    chats: list[str], where: list[int], heads: list[int], sender: Person, texts: list[str],
    start: int,
) -> Iterator[tuple[Any, ...]]:  # fmt: skip
    for number, (place, text) in enumerate(zip(where, texts, strict=True), start):
        heads[place] += 1
        chat, key = chats[place], new_id()
        message = Message(
            chat=chat, by=sender.id, message_id=new_id(), message=text, client_id=key, seq=0, at=""
        )
        event = stamp(draft_event(message), heads[place], _at(number))
        yield (chat, heads[place], "message", sender.id, key, event)


def _at(number: int) -> str:
    at = np.datetime64(_EPOCH_MS + number * _SPACING_MS, "ms")
    return f"{at}Z"


async def _feed(url: str, chats: list[str]) -> None:
    """Everything, over two connections: a replica's own work and PostgreSQL's go side by side."""
    pool = create_pool(url, size=FEEDERS, options=PLAN_OPTIONS)

    async def feed_some(waiting: list[str]) -> None:
        while waiting:
            fed = await feed(pool, waiting[:CHATS_A_CALL], ROWS_A_CALL, ROWS_A_CALL)
            waiting = fed.more + waiting[CHATS_A_CALL:]

    async with pool:
        await asyncio.gather(*(feed_some(chats[n::FEEDERS]) for n in range(FEEDERS)))
