"""What is held of chats in memory."""

import tracemalloc

import pytest

from chats.own import known as module
from chats.own.known import MAX_BYTES, Known
from chats.store.own import Counted, OwnRow, OwnState
from common.protocol.ids import new_id


async def test_it_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the messages are."""

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
    held, state = Known(), OwnState("", 0, 0, "all", None)
    tracemalloc.start()
    try:
        for _ in range(30):
            pairs = [(new_id(), new_id()) for _ in range(100)]
            await held.fill_own(None, pairs, [state] * len(pairs))  # type: ignore[arg-type]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.3 * MAX_BYTES / 16
