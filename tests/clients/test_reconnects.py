"""When the Python client reconnects."""

import pytest
from hubbub_client.ends import ComeBack, Ends

from tests.clients.stub import cut, somebody


async def test_a_socket_that_ends_at_once_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits grow although each socket becomes ready, until one has held for some seconds."""
    waits: list[float] = []
    closed = Ends.closed

    def watch(ends: Ends, code: int, reason: str, _: float, retry: float) -> ComeBack | None:
        next_ = closed(ends, code, reason, 1.0, retry)
        assert next_ is not None
        waits.append(next_.seconds)
        return next_

    monkeypatch.setattr(Ends, "closed", watch)
    monkeypatch.setattr("hubbub_client.ends.FIRST_BACKOFF_SECONDS", 0.01)
    async with somebody() as (stub, client):
        for _ in range(3):
            await cut(stub, client)
        monkeypatch.setattr("hubbub_client.connection.READY_HELD_SECONDS", 0.0)
        await cut(stub, client)
        await cut(stub, client)
    assert waits == [0.02, 0.04, 0.08, 0.16, 0.01]
