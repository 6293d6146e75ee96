"""What the exceptions of the Python client say."""

from typing import Any

import pytest
from hubbub_client import Refused
from hubbub_client.exchange import named_seconds

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


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("-7", 0.0),
        ("1e3", 0.0),
        ("²", 0.0),
        ("", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_what_is_no_number_of_seconds_names_no_time(header: str, seconds: float) -> None:
    """Whatever a proxy says in Retry-After."""
    assert named_seconds(header) == seconds


@pytest.mark.parametrize(
    "body", [{"code": ["a"]}, {"code": 1015}, b'{"code":"\xff"}', b"[" * 9_999]
)
async def test_the_page_of_a_proxy_is_a_refusal_whatever_it_says(body: Any) -> None:
    """A connection and pending changes have to go on."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: (403, body)
        with pytest.raises(Refused) as refused:
            await client.chats()
        assert (refused.value.status, refused.value.code) == (403, "")
