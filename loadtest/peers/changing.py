"""The cost of changed messages: a page of edited ones with reactions compared with a plain one, and
a reaction compared with a send. Alternating, through the balancer, CPU of all tiers.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from loadtest.peers.hubbub import Hubbub, spent
from loadtest.peers.machine import Found
from loadtest.peers.people import People, Person

REACTING: Final = 10  # users, each once a message
MESSAGES: Final = 60
PAGE: Final = 50
EMOJI: Final = [chr(0x1F600 + number) for number in range(20)]
IN_FLIGHT: Final = 16
TURNS: Final = 6  # of each kind, one after the other
WARM_SECONDS: Final = 0.3

Note = Callable[[str, str, int, Found], None]
Call = tuple[str, str, str, Any]  # method, path, token, body
Calls = Iterator[Call]


def measure_changes(hubbub: Hubbub, note: Note, rounds: int, seconds: float) -> None:
    """Of each kind a figure a round."""
    people = People(hubbub.port)
    crowd = people.sign_up(REACTING)
    plain, changed, busy = people.make_chats([crowd, crowd, crowd])
    asyncio.run(_measure(hubbub, note, rounds, seconds, crowd, (plain, changed, busy)))


async def _measure(
    hubbub: Hubbub,
    note: Note,
    rounds: int,
    seconds: float,
    crowd: list[Person],
    chats: tuple[str, str, str],
) -> None:
    plain, changed, busy = chats
    async with _client(hubbub) as client:
        for chat in chats:
            await client.prepare(chat, crowd[0])
        await client.change_all(changed, crowd)
        sends, reactions = client.sends(busy, crowd), client.reactions(busy, crowd)
        for round_ in range(rounds):
            for what, query in (
                ("history, newest", f"limit={PAGE}"),
                ("history, older", f"limit={PAGE}&before={10**9}"),
            ):
                kinds: dict[str, Calls] = {
                    kind: itertools.repeat(
                        ("GET", f"/api/chat/{chat}/message?{query}", crowd[0].token, None)
                    )
                    for kind, chat in (("plain", plain), ("changed", changed))
                }
                for kind, found in (await client.in_turns(kinds, seconds)).items():
                    note(what, kind, round_, found)
            events = {"send": sends, "reaction": reactions}
            for kind, found in (await client.in_turns(events, seconds)).items():
                note("an event", kind, round_, found)


@asynccontextmanager
async def _client(hubbub: Hubbub) -> "AsyncIterator[_Client]":
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield _Client(hubbub, session)


class _Client:
    def __init__(self, hubbub: Hubbub, session: aiohttp.ClientSession) -> None:
        self._hubbub, self._session = hubbub, session
        self._messages: dict[str, list[str]] = {}

    async def call(self, method: str, path: str, token: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self._hubbub.port}{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status in (200, 201), (answer.status, await answer.text())
            return await answer.json()

    async def prepare(self, chat: str, sender: Person) -> None:
        self._messages[chat] = [
            (
                await self.call(
                    "POST", f"/api/chat/{chat}/message", sender.token,
                    {"message": f"The garden is ours from noon, they say for the {n}th time."},
                )
            )["messageInfo"]["messageId"]
            for n in range(MESSAGES)
        ]  # fmt: skip

    async def change_all(self, chat: str, crowd: list[Person]) -> None:
        """Every message is edited, and everybody reacts to each."""
        for message in self._messages[chat]:
            place = f"/api/chat/{chat}/message/{message}"
            body = {"message": f"The garden is ours from one, they say, not from noon {message}"}
            await self.call("PATCH", place, crowd[0].token, body)
            for number, person in enumerate(crowd):
                emoji = quote(EMOJI[number % 5])
                await self.call("PUT", f"{place}/reaction/{emoji}", person.token, None)

    def sends(self, chat: str, crowd: list[Person]) -> Calls:
        path = f"/api/chat/{chat}/message"
        for person in itertools.cycle(crowd):
            yield "POST", path, person.token, {"message": "The garden is ours from noon, they say."}

    def reactions(self, chat: str, crowd: list[Person]) -> Calls:
        """Each once added and then once taken back, so that each call is an event."""
        for method in itertools.cycle(("PUT", "DELETE")):
            for emoji, person, message in itertools.product(EMOJI, crowd, self._messages[chat]):
                path = f"/api/chat/{chat}/message/{message}/reaction/{quote(emoji)}"
                yield method, path, person.token, None

    async def in_turns(self, kinds: dict[str, Calls], seconds: float) -> dict[str, Found]:
        """Each kind for a while, repeatedly: drift affects all equally."""
        slices: dict[str, list[Found]] = {kind: [] for kind in kinds}
        for turn in range(TURNS):
            for kind in list(kinds)[:: 1 if turn % 2 else -1]:
                slices[kind].append(await self._slice(kinds[kind], seconds / TURNS))
        return {kind: _middle(found) for kind, found in slices.items()}

    async def _slice(self, calls: Calls, seconds: float) -> Found:
        await self._run(calls, WARM_SECONDS)
        before = self._hubbub.cpu()
        times = await self._run(calls, seconds)
        after = self._hubbub.cpu()
        by_tier = {role: us / len(times) * 1e6 for role, us in spent(before, after).items()}
        return {
            "us": sum(by_tier.values()),
            "us_by_tier": by_tier,
            "p50_ms": statistics.median(times) * 1e3,
        }

    async def _run(self, calls: Calls, seconds: float) -> list[float]:
        times: list[float] = []
        end = time.monotonic() + seconds

        async def work() -> None:
            while (began := time.monotonic()) < end:
                await self.call(*next(calls))
                times.append(time.monotonic() - began)

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return times


def _middle(found: list[Found]) -> Found:
    """Medians of the slices."""
    tiers = found[0]["us_by_tier"]
    return {
        **{key: statistics.median(one[key] for one in found) for key in ("us", "p50_ms")},
        "us_by_tier": {
            tier: statistics.median(one["us_by_tier"].get(tier, 0.0) for one in found)
            for tier in tiers
        },
    }
