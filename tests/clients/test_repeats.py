"""How the Python client treats the answer to its own retry."""

import pytest
from hubbub_client import HubbubError, NotFound, RateLimited, Unauthenticated

from tests.clients.stub import LOST, Answer, refused, somebody

GONE = refused(404, "not_found")
DONE: Answer = (200, {})


@pytest.mark.parametrize(
    "before",
    [
        [(LOST, {})],
        [(LOST, {})] * 2,  # aiohttp retries the first one by itself
        [refused(503, "unavailable")],
        [(LOST, {}), refused(429, "rate_limited")],
    ],
)
async def test_a_deletion_whose_answer_is_lost_is_done_when_nothing_is_there(
    before: list[Answer],
) -> None:
    """The first try deleted it; 404 for the retry means success."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        deletions = (chat.delete("m"), chat.remove("ben"), chat.leave(), chat.unreact("m", "👍"))
        for deletion in deletions:
            answers = [*before, GONE]
            stub.answer = lambda *_: answers.pop(0)  # noqa: B023 - it is done before the next
            await deletion
            assert answers == []
        answers = [*before, GONE]
        await client.rest.call("DELETE", "/api/user/me/avatar")


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
async def test_a_page_of_something_between_is_no_refusal(status: int) -> None:
    """Whatever an intermediary's page says, the change is neither done nor refused, and is sent
    again."""
    async with somebody() as (stub, client):
        info = {"messageId": "m", "seq": 6, "at": "t"}
        answers: list[Answer] = [(status, "<html>Try later</html>"), (200, {"messageInfo": info})]
        stub.answer = lambda *_: answers.pop(0)
        assert (await client.chat("c").edit("m", "new")).seq == 6


async def test_a_change_that_the_network_cut_short_is_sent_again() -> None:
    """408, whose code is that of other refusals of the request's form."""
    async with somebody() as (stub, client):
        info = {"messageId": "m", "seq": 6, "at": "t"}
        answers = [refused(408, "invalid_request"), (200, {"messageInfo": info})]
        stub.answer = lambda *_: answers.pop(0)
        assert (await client.chat("c").edit("m", "new")).seq == 6


@pytest.mark.parametrize("before", [[], [refused(429, "rate_limited")]])
async def test_what_was_not_there_cannot_be_deleted(before: list[Answer]) -> None:
    """A try that the server refused did nothing, and each deletion is judged by itself."""
    async with somebody() as (stub, client):
        answers = [(LOST, {}), DONE, *before, GONE]
        stub.answer = lambda *_: answers.pop(0)
        await client.chat("c").delete("m1")
        with pytest.raises(NotFound):
            await client.chat("c").delete("m2")


async def test_a_deletion_is_done_whoever_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the outbox retries after a call has given up, or after a token has expired."""
    monkeypatch.setattr("hubbub_client.rest.RETRY_SECONDS", 0.0)
    async with somebody() as (stub, client):
        renewed = (200, {"token": "b", "refreshToken": "s", "expiresIn": 900})
        answers = [(LOST, {}), (LOST, {}), refused(401, "unauthenticated"), renewed, GONE]
        stub.answer = lambda *_: answers.pop(0)
        await client.chat("c").delete("m")
        assert answers == []


async def test_any_other_change_of_what_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outcome of the first try is unknown, and the message does not exist."""
    async with somebody() as (stub, client):
        answers = [(LOST, {}), GONE, refused(429, "rate_limited")]
        stub.answer = lambda *_: answers.pop(0)
        with pytest.raises(NotFound):
            await client.chat("c").edit("m", "new")
        monkeypatch.setattr("hubbub_client.rest.RETRY_SECONDS", 0.0)
        with pytest.raises(RateLimited):
            await client.rest.call("DELETE", "/api/user/me/avatar")


@pytest.mark.parametrize("lost", [1, 2, 0])
async def test_a_session_that_is_over_can_be_logged_out_of(lost: int) -> None:
    """Ended by an earlier try or by another device, it leaves nothing behind."""
    async with somebody() as (stub, client):
        answers: list[Answer] = [(LOST, {})] * lost
        stub.answer = lambda *_: answers.pop(0) if answers else refused(401, "unauthenticated")
        await client.log_out()
        assert client._kept.tokens() is None
        with pytest.raises(Unauthenticated):
            assert client.user
        await client.log_out()  # no user is logged in


async def test_a_file_comes_and_goes_with_a_renewed_token() -> None:
    """If the server refuses a token that seems valid, it is renewed as for any call, but only
    once."""
    async with somebody() as (stub, client):
        chat = client.chat("c")
        file = {"id": "f", "name": "a.txt", "type": "text/plain", "size": 5}
        over = refused(401, "unauthenticated")
        renewed = (200, {"token": "b", "refreshToken": "s", "expiresIn": 900})
        answers = [over, renewed, (201, {"file": file}), over, renewed, (200, "bytes")]
        stub.answer = lambda *_: answers.pop(0)
        assert (await chat.upload("a.txt", b"bytes")).id == "f"
        assert b"".join([piece async for piece in chat.download("f")]) == b"bytes"
        answers += [over, renewed, over]
        with pytest.raises(Unauthenticated):
            await chat.upload("a.txt", b"bytes")
        assert answers == []


async def test_a_download_that_does_not_begin_is_asked_for_again() -> None:
    """As any call, and for no longer; a refusal is reported at once."""
    async with somebody() as (stub, client):
        answers = [(LOST, {}), refused(503, "unavailable"), (200, "bytes"), GONE]
        stub.answer = lambda *_: answers.pop(0)
        chat = client.chat("c")
        assert b"".join([piece async for piece in chat.download("f")]) == b"bytes"
        with pytest.raises(NotFound):
            await anext(chat.download("f"))


async def test_a_call_that_answers_with_bytes_is_reported_at_once() -> None:
    """A repeat would not help."""
    async with somebody() as (stub, client):
        stub.answer = lambda *_: (200, b"bytes")
        with pytest.raises(HubbubError, match="/api/user/u/avatar answers with bytes"):
            await client.rest.call("GET", "/api/user/u/avatar")
        assert len(stub.asked) == 1
        pieces = [piece async for piece in client.rest.download("/api/user/u/avatar")]
        assert b"".join(pieces) == b"bytes"
