"""Reads the /metrics of the replicas of a service, as plain numbers."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from prometheus_client.parser import text_string_to_metric_families

from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas

ANSWER_SECONDS: Final = 2.0


class Figures(NamedTuple):
    """For one role: how many replicas are known, and the figures of each that answers, by name,
    summed over labels."""

    known: int
    answered: tuple[Mapping[str, float], ...]

    def total(self, name: str) -> int | None:
        """None if no replica answers."""
        if not self.answered:
            return None
        return int(sum(figures.get(name, 0.0) for figures in self.answered))

    def highest(self, name: str) -> float:
        """0 if no replica reports it."""
        return max((figures.get(name, 0.0) for figures in self.answered), default=0.0)


async def ask_figures(http: HttpClient, replicas: Replicas, names: Iterable[str]) -> Figures:
    """Asks all replicas at once. Leaves out those that do not answer within 2 s."""
    path = "/metrics?" + urlencode([("name[]", name) for name in names])
    addresses, name = replicas.addresses, http.name_of(replicas.role)
    asked = await asyncio.gather(*(_ask(http, address, path, name) for address in addresses))
    return Figures(len(addresses), tuple(answer for answer in asked if answer is not None))


async def _ask(http: HttpClient, address: str, path: str, name: str) -> Mapping[str, float] | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await http.get(address, path, name=name)
    except (OSError, TimeoutError):
        return None
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            found[sample.name] += sample.value
    return found
