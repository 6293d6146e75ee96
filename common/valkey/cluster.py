"""Which server of a Valkey cluster has which slot, according to the cluster.

A cluster has 16,384 slots, each on the servers of one shard: a primary and its replicas. A name's
slot is computed from the part between its braces, or from all of it. A topic whose name contains
`{` belongs to a shard; other topics are heard on every server. A client that asks the wrong server
is told `MOVED`.
"""

import asyncio
from binascii import crc_hqx
from collections.abc import Iterable, Sequence
from random import shuffle
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import hiredis

from common.process.logs import log
from common.process.tasks import set_unless_done
from common.valkey.address import DEFAULT_PORT, ValkeyAddress

SCHEMES: Final = {"valkey+cluster": "redis", "valkeys+cluster": "rediss"}  # without and with TLS
SLOTS: Final = 16_384
CONNECT_TIMEOUT_SECONDS: Final = 0.25
ANSWER_TIMEOUT_SECONDS: Final = 0.5
LEARN_AGAIN_SECONDS: Final = 0.1  # the minimum interval
AVOID_SECONDS: Final = 1.0  # a server that could not be reached


class Place(NamedTuple):
    """A server."""

    host: str
    port: int


def is_cluster(url: str) -> bool:
    return urlsplit(url).scheme in SCHEMES


def is_sharded(topic: str) -> bool:
    """Whether the topic belongs to a shard."""
    return "{" in topic


def slot_of(name: str) -> int:
    """https://valkey.io/topics/cluster-spec, Hash tags."""
    start = name.find("{")
    if start >= 0 and (end := name.find("}", start + 1)) > start + 1:
        name = name[start + 1 : end]
    return crc_hqx(name.encode(), 0) % SLOTS


class SlotMap:
    """The members of each slot's shard, its primary first. Pure."""

    def __init__(self, ranges: Iterable[tuple[int, int, Sequence[Place]]] = ()) -> None:
        self._ranges = sorted(ranges)
        self._asked: dict[int, Sequence[Place]] = {}

    def members(self, slot: int) -> Sequence[Place]:
        """Empty if no server has the slot."""
        members = self._asked.get(slot)
        if members is None:
            found = (members for first, last, members in self._ranges if first <= slot <= last)
            members = self._asked[slot] = next(found, ())
        return members

    @property
    def shards(self) -> list[Sequence[Place]]:
        """The members of each shard, once."""
        return [*{members[0]: members for _, _, members in self._ranges}.values()]

    @property
    def places(self) -> list[Place]:
        """Every server."""
        return [*{place: None for _, _, members in self._ranges for place in members}]


def read_slots(answer: Sequence[Any], asked: Place) -> SlotMap:
    """The answer to CLUSTER SLOTS. A server that does not know its own name gets the one at which
    it was asked."""
    return SlotMap(
        (first, last, tuple(Place((host or b"").decode() or asked.host, port)
                            for host, port, *_ in members))
        for first, last, *members in answer
    )  # fmt: skip


class Cluster:
    """The servers of a URL such as `valkey+cluster://[USER[:PASSWORD]@]HOST:PORT,HOST:PORT`.

    `slots` is the last known map. Servers that could not be reached are avoided for a moment.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        login, _, places = parts.netloc.rpartition("@")
        self._prefix = f"{SCHEMES[parts.scheme]}://{login}{'@' if login else ''}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._seeds = [_read_place(place) for place in places.split(",")]
        self._learning: asyncio.Task[bool] | None = None
        self._learned_at = float("-inf")
        self._avoided: dict[Place, float] = {}
        self._addresses: dict[Place, ValkeyAddress] = {}
        self.slots = SlotMap()

    def url_of(self, place: Place) -> str:
        """The URL of one server alone."""
        host = f"[{place.host}]" if ":" in place.host else place.host
        return f"{self._prefix}{host}:{place.port}{self._query}"

    def address_of(self, place: Place) -> ValkeyAddress:
        found = self._addresses.get(place)
        if found is None:
            found = self._addresses[place] = ValkeyAddress(self.url_of(place))
        return found

    @property
    def seeds(self) -> Sequence[Place]:
        return self._seeds

    def avoid(self, place: Place) -> None:
        """It could not be reached, or its connection broke."""
        self._avoided[place] = monotonic() + AVOID_SECONDS

    def choose(self, members: Sequence[Place]) -> list[Place]:
        """In the order in which they should be tried: avoided servers come last."""
        if not self._avoided:
            return list(members)
        now = monotonic()
        self._avoided = {place: until for place, until in self._avoided.items() if until > now}
        return sorted(members, key=lambda place: place in self._avoided)

    async def learn(self) -> bool:
        """Asks one server after the other for the slots; returns whether one answered. Concurrent
        callers share the answer."""
        if self._learning is None:
            self._learning = asyncio.create_task(self._learn())
            self._learning.add_done_callback(lambda _: setattr(self, "_learning", None))
        return await asyncio.shield(self._learning)

    async def _learn(self) -> bool:
        await asyncio.sleep(max(0.0, self._learned_at + LEARN_AGAIN_SECONDS - monotonic()))
        self._learned_at = monotonic()
        known = self.slots.places
        shuffle(known)  # one that is cut off from the others may have an outdated map
        for place in self.choose([*known, *(seed for seed in self._seeds if seed not in known)]):
            said = await ask_one(
                self.address_of(place), [("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")]
            )
            # One without a majority has an outdated map.
            if said and b"cluster_state:ok" in _text(said[0]) and isinstance(said[1], list):
                self.slots = read_slots(said[1], place)
                return True
            self.avoid(place)
        log("no server of the cluster says where its slots are")
        return False


def _read_place(text: str) -> Place:
    parts = urlsplit(f"//{text}")
    return Place(parts.hostname or "localhost", parts.port or DEFAULT_PORT)


def _text(answer: Any) -> bytes:
    return answer if isinstance(answer, bytes) else b""


class _Asking(asyncio.Protocol):
    """Waits for some answers; `answered` is None if not all of them arrive."""

    def __init__(self, commands: int) -> None:
        self._reader = hiredis.Reader()
        self._commands = commands
        self._answers: list[Any] = []
        self.answered: asyncio.Future[list[Any] | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            self._answers.append(answer)
            if len(self._answers) == self._commands:
                set_unless_done(self.answered, self._answers)

    def connection_lost(self, _: Exception | None) -> None:
        set_unless_done(self.answered, None)


async def ask_one(address: ValkeyAddress, commands: Sequence[Sequence[str]]) -> list[Any] | None:
    """The answers of one server over a separate connection; None if they do not arrive."""
    login = [address.login] if address.login else []
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            asking, transport = await address.open(lambda: _Asking(len(login) + len(commands)))
    except (OSError, TimeoutError):
        return None
    try:
        for parts in (*login, *commands):
            transport.write(hiredis.pack_command(tuple(parts)))  # type: ignore[arg-type] # its stub allows one part only
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            answers = await asking.answered
            return answers and answers[len(login) :]
    except TimeoutError:
        return None
    finally:
        transport.abort()
