"""Which replicas serve a role right now: replicas announce themselves in Valkey with a lease,
callers keep their own list.

The list survives Valkey's absence and a restart of either side: it begins with the seeds that the
process was started with, and while Valkey does not answer, the last answer and the seeds are used.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from prometheus_client import Gauge

from common.process.logs import log
from common.process.rest import NEVER, Rest

if TYPE_CHECKING:  # the fleet calls users, and needs no Valkey client: 7 MB
    from common.valkey.valkey import Valkey

LEASE_MS: Final = 5_000
KNOWN: Final = Gauge("hubbub_known_replicas", "Replicas that calls may go to.", ("of",))
ANNOUNCE_SECONDS = 1.0
MAX_KEPT_KEYS: Final = 4_096  # whose order is remembered: a send asks for it twice
MAX_KEPT_CHARACTERS: Final = 64  # ids, names and tokens; longer keys from clients are not kept


class Replicas:
    """The addresses (`host:port`) of one role, and which of them held a lease when last seen."""

    def __init__(self, role: str, seeds: tuple[str, ...]) -> None:
        self.role = role
        self._seeds = seeds
        self.leased: tuple[str, ...] = ()
        self.addresses: tuple[str, ...] = seeds
        self._ranked: dict[str, Sequence[str]] = {}  # by key, of these addresses
        KNOWN.labels(role).set_function(lambda: len(self.addresses))

    def replace_leased(self, addresses: tuple[str, ...]) -> None:
        """Valkey's current list. The seeds are used if it has no lease at all."""
        self.leased = addresses
        self._move_to(addresses or self._seeds)

    def fall_back(self) -> None:
        """Valkey does not answer: use the last leases and the seeds, each address once."""
        self._move_to(tuple(dict.fromkeys(self.leased + self._seeds)))

    def _move_to(self, addresses: tuple[str, ...]) -> None:
        if addresses != self.addresses:
            self.addresses = addresses
            self._ranked.clear()

    def ranked(self, key: str) -> Sequence[str]:
        """All addresses, the key's own first (rendezvous hashing, Thaler and Ravishankar 1998):
        when one is gone its keys go to the next of theirs and no other key moves."""
        ranked = self._ranked.get(key)
        if ranked is None:
            ranked = self._rank(key)
            if len(key) <= MAX_KEPT_CHARACTERS:
                if len(self._ranked) >= MAX_KEPT_KEYS:
                    self._ranked.clear()
                self._ranked[key] = ranked
        return ranked

    def _rank(self, key: str) -> Sequence[str]:
        seed = key.encode()
        return sorted(
            self.addresses, key=lambda a: blake2b(a.encode() + seed, digest_size=8).digest()
        )


async def read_replicas(valkey: "Valkey", replicas: Replicas) -> bool:
    """Reads the role's leases now; returns whether Valkey answered."""
    found = await valkey.list_leases(replicas.role)
    if found is None:
        replicas.fall_back()
        return False
    replicas.replace_leased(tuple(sorted(found)))
    return True


async def watch_replicas(valkey: "Valkey", replicas: Replicas, rest: Rest = NEVER) -> None:
    """Reads the role's leases every second, until cancelled."""
    reachable = True
    while True:
        was_reachable, reachable = reachable, await read_replicas(valkey, replicas)
        if was_reachable and not reachable:
            log("leases unreadable, keeping the last list", of=replicas.role)
        await rest.pause(ANNOUNCE_SECONDS)


async def announce_replica(valkey: "Valkey", role: str, address: str, rest: Rest = NEVER) -> None:
    """Renews this replica's lease every second, until cancelled; then withdraws it."""
    try:
        while True:
            if not await valkey.renew_lease(role, address, LEASE_MS):
                log("lease not renewed")
            await rest.pause(ANNOUNCE_SECONDS)
    finally:
        if not await valkey.withdraw_lease(role, address):
            log("lease left to run out", address=address)
