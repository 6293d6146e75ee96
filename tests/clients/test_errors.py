"""What the exceptions of the Python client say."""

from typing import Any

import pytest
from hubbub_client import Refused

from tests.clients.stub import somebody

MANY = [{"id": f"u{number}", "detail": "unknown"} for number in range(9)]


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([{"field": "name", "detail": "too long"}], "No. (name: too long)"),
        (MANY, "No. (u0: unknown; u1: unknown; u2: unknown; …)"),
        (None, "No."),
        ({"a": 1}, "No."),
        ([None, "a", {"a": 1}], "No."),
    ],
)
async def test_a_refusal_says_what_is_wrong_with_which_field(errors: Any, told: str) -> None:
    """The first three of them; a proxy's body may have others."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: (400, {"code": "x", "detail": "No.", "errors": errors})
        with pytest.raises(Refused) as refused:
            await client.chats()
        assert str(refused.value) == f"x: {told}"
        assert refused.value.errors == (errors if told != "No." else [])
