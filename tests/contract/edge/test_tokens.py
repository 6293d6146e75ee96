"""What counts as an access token, and what does not."""

from typing import Any

import httpx
import pytest

BAD_TOKENS = {
    "missing": None, "empty": "", "scheme alone": "Bearer",
    "not a token": "Bearer x", "Basic": "Basic YTpi",
    "unsigned": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    "two dots": "Bearer ..", "not ASCII": "Bearer é",
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TOKENS)
def test_bad_token(client: httpx.Client, case: str) -> None:
    """Anything but a valid access token is 401, checked before everything else."""
    value = BAD_TOKENS[case]
    headers = {} if value is None else {b"Authorization": value.encode("latin-1")}
    answer = client.post("/api/chat/x/message?limit=x", headers=headers, content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_token_with_another_signature_is_refused(client: httpx.Client, ann: Any) -> None:
    """One flipped character in the signature is enough."""
    token = ann.headers["Authorization"]
    flipped = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    headers = {"Authorization": flipped}
    assert client.get("/api/user/me", headers=headers).status_code == 401


def test_the_scheme_may_be_in_any_case(client: httpx.Client, ann: Any) -> None:
    """`bearer` equals `Bearer`, by RFC 9110."""
    headers = {"Authorization": ann.headers["Authorization"].replace("Bearer", "bEARER")}
    assert client.get("/api/user/me", headers=headers).status_code == 200
