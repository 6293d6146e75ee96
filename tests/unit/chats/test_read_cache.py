"""What is cached of chats in memory."""

import tracemalloc
from typing import cast

import pytest
from prometheus_client import REGISTRY

from chats.own import read_cache as module
from chats.own.read_cache import MAX_BYTES, ReadCache
from chats.store.own import Counted, OwnRow, OwnState
from common.database.pool import Pool
from common.protocol.ids import new_id

NO_POOL = cast("Pool", None)  # nothing here reads from a database


async def test_it_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds however short the messages are."""

    async def count(_: object, wanted: list[tuple[str, str]]) -> list[Counted]:
        return [
            Counted(
                OwnState(new_id(), 1_000 + nth, 2_000 + nth, "all", None),
                OwnRow(2_000 + nth, 5, 0, "all", False, None),
            )
            for nth in range(len(wanted))
        ]

    monkeypatch.setattr(module, "count_own", count)
    monkeypatch.setattr(module, "MAX_BYTES", MAX_BYTES // 16)
    held, state = ReadCache(), OwnState("", 0, 0, "all", None)
    tracemalloc.start()
    try:
        for _ in range(30):
            pairs = [(new_id(), new_id()) for _ in range(100)]
            await held.fill_own(NO_POOL, pairs, [state] * len(pairs))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.3 * MAX_BYTES / 16


async def test_it_counts_what_came_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chats and users' private data, and the cached bytes."""
    state = OwnState("epoch", 5, 1, "all", None)

    async def count(_: object, wanted: list[tuple[str, str]]) -> list[Counted]:
        return [Counted(state, OwnRow(1, 4, 0, "all", False, None)) for _ in wanted]

    def shown(of: str, source: str) -> float:
        labels = {"of": of, "source": source}
        return REGISTRY.get_sample_value("hubbub_chats_shown_total", labels) or 0.0

    monkeypatch.setattr(module, "count_own", count)
    kinds = [(of, source) for of in ("own", "chat") for source in ("database", "memory")]
    before, held = [shown(*kind) for kind in kinds], ReadCache()
    for _ in range(3):
        await held.fill_own(NO_POOL, [("c", "ann"), ("d", "ann")], [state] * 2)
        held.find_chats({"c": state})
        held.keep_chat("c", state, b"{}")
    assert [shown(*kind) - was for kind, was in zip(kinds, before, strict=True)] == [2, 4, 1, 2]
    assert (REGISTRY.get_sample_value("hubbub_chats_held_bytes") or 0.0) > 2 * module.OBJECTS_BYTES
