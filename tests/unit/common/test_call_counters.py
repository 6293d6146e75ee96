"""The counters of tries, per replica."""

from contextlib import closing, suppress

import msgspec
import pytest

from common.calls import tries
from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.calls.tries import TRIES
from common.protocol.errors import Refusal


class Ask(msgspec.Struct):
    text: str


def counted(role: str) -> set[str]:
    """The replicas that have counters."""
    samples = [sample for metric in TRIES.collect() for sample in metric.samples]
    return {sample.labels["replica"] for sample in samples if sample.labels["to"] == role}


async def test_counters_of_replicas_that_are_gone_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only once there are many; those of known replicas stay."""
    monkeypatch.setattr(tries, "MAX_COUNTERS", 6)
    stays, comes, *gone = [f"127.0.0.1:{port}" for port in range(1, 8)]  # nothing listens there
    with closing(HttpClient()) as http:
        known = Replicas("counted", ())
        calls = Calls(http, known)

        async def ask(address: str) -> None:
            known.replace_leased((stays, address))
            with suppress(Refusal):
                await calls.call_replica(address, "x", Ask("?"), Ask)

        for address in (stays, *gone):
            await ask(address)
        assert counted("counted") == {stays, *gone}
        await ask(comes)
        assert counted("counted") == {stays, comes}
