"""Tokens, limits, slow readers and drain: every way in which a node closes a socket."""

import asyncio
import contextlib
import re
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

import jwt
import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from common.protocol.ids import new_id
from common.protocol.limits import ACCESS_TOKEN_SECONDS
from tests.contract.realtime.conftest import Process, Tier, World, read_metrics
from tests.fixtures.busy import BUSY, bound

SHORT_TOKEN_SECONDS: Final = int(bound(4, 12))
"""How long a token lives that shall expire in a test: long enough to connect on a busy machine.
Its expiry is in whole seconds, so it may live a second less."""


@pytest.fixture(scope="module")
def strict_node(tier: Tier) -> Iterator[Process]:
    """A node with the documented limits and a small bound for unsent bytes."""
    with tier.running_node(HUBBUB_MAX_UNSENT_BYTES="200000") as node:
        yield node


async def test_bad_expired_and_revoked_tokens_are_told_apart(world: World) -> None:
    """4500 for an invalid token, 4003 for one of another time, 4502 for an ended session."""
    ann, ben = await world.make_people(2)
    async with world.connect(ben) as s:
        await world.log_out(ben)
        assert (await s.hear_end())[0] == 4502  # so the node has learned of it
    head, payload, signature = ann.token.split(".")
    forged = f"{head}.{payload}.{signature[:-4]}AAAA"
    cases = {
        "nonsense": 4500,
        forged: 4500,
        world.tier.sign(ann, -1): 4003,
        world.tier.sign(ann, 2 * ACCESS_TOKEN_SECONDS): 4003,  # the clock was set back since
        ben.token: 4502,
        world.tier.sign(ben, -1): 4502,
    }
    for token, code in cases.items():
        async with world.dial() as s:
            await s.say({"type": "connect", "token": token})
            assert (await s.hear_end())[0] == code


async def test_a_log_out_ends_the_sessions_sockets_within_a_second(world: World) -> None:
    """All sockets of the session are closed, and no others."""
    ann, ben = await world.make_people(2)
    async with world.connect(ann) as a, world.connect(ann) as a2, world.connect(ben) as b:
        started = time.monotonic()
        await world.log_out(ann)
        assert (await a.hear_end())[0] == 4502
        assert (await a2.hear_end())[0] == 4502
        assert time.monotonic() - started < BUSY * 1.0
        assert await b.hear_nothing_more() == []


async def test_who_does_not_refresh_is_told_and_then_ended(world: World) -> None:
    """`expiring` before the token expires, 4003 five seconds after it."""
    ann = await world.make_person()
    ann.token = world.tier.sign(ann, SHORT_TOKEN_SECONDS)
    expires = jwt.decode(ann.token, options={"verify_signature": False})["exp"]
    async with world.connect(ann) as s:
        frame = await s.hear()
        assert frame["type"] == "expiring"
        assert frame["seconds"] <= SHORT_TOKEN_SECONDS
        assert (await s.hear_end(60))[0] == 4003
        # Counted from the expiry: a machine that stands still hears of `expiring` late.
        assert 4.9 < time.time() - expires < 5 + bound(2.0, 20.0)


async def test_a_refresh_keeps_the_socket(world: World) -> None:
    """A fresh token of the same session is answered; others are errors; the socket stays open."""
    ann, ben = await world.make_people(2)
    expires = time.monotonic() + SHORT_TOKEN_SECONDS
    ann.token = world.tier.sign(ann, SHORT_TOKEN_SECONDS)
    async with world.connect(ann) as s:
        fresh = await world.refresh(ann)
        await s.say({"type": "refresh", "token": fresh.token})
        answer = await s.hear_type("refreshed")
        assert 890 <= answer["expiresIn"] <= 900
        for bad in (ben.token, "nonsense", world.tier.sign(ann, -1)):
            await s.say({"type": "refresh", "token": bad})
            error = await s.hear()
            assert (error["type"], error["code"]) == ("error", "unauthenticated")
        await asyncio.sleep(expires + 5.5 - time.monotonic())  # with the grace of five seconds
        assert await s.hear_nothing_more() == []


async def test_a_person_has_at_most_20_sockets_on_a_node(
    world: World, strict_node: Process
) -> None:
    """The 21st is closed; when one of the 20 ends there is room again."""
    ann = await world.make_person()
    async with contextlib.AsyncExitStack() as stack:
        first = [
            await stack.enter_async_context(world.connect(ann, strict_node)) for _ in range(20)
        ]
        async with world.dial(strict_node) as extra:
            await extra.say({"type": "connect", "token": ann.token})
            assert (await extra.hear_end())[0] == 4503
        await first[0].connection.close()
        async with world.connect(ann, strict_node) as again:
            assert await again.hear_nothing_more() == []


async def test_an_address_has_at_most_200_sockets_on_a_node(
    world: World, strict_node: Process
) -> None:
    """The 201st is refused before the upgrade; addresses are those that the balancer sends with its
    key."""
    said = f"203.0.113.7 {new_id()}"
    headers = {"X-Hubbub-Balancer": f"{world.tier.balancer_key} {said}"}
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(200):
            await stack.enter_async_context(world.dial(strict_node, additional_headers=headers))
        with pytest.raises(InvalidStatus) as refused:
            async with world.dial(strict_node, additional_headers=headers):
                pass
        response = refused.value.response
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert response.headers["Content-Type"] == "application/problem+json"
        forged = {"X-Hubbub-Balancer": f"wrong {said}"}
        async with world.dial(strict_node, additional_headers=forged):
            pass  # without the key our own address counts


async def test_a_network_of_ipv6_is_one_address(world: World, strict_node: Process) -> None:
    """Sockets from anywhere in a /64 count together; the next network has a separate count."""

    def said(address: str) -> dict[str, str]:
        return {"X-Hubbub-Balancer": f"{world.tier.balancer_key} {address} {new_id()}"}

    async with contextlib.AsyncExitStack() as stack:
        for number in range(200):
            headers = said(f"2001:db8:0:1:{number:x}::1")
            await stack.enter_async_context(world.dial(strict_node, additional_headers=headers))
        with pytest.raises(InvalidStatus) as refused:
            async with world.dial(
                strict_node, additional_headers=said("2001:db8:0:1:ffff:ffff:ffff:ffff")
            ):
                pass
        assert refused.value.response.status_code == 503
        async with world.dial(strict_node, additional_headers=said("2001:db8:0:2::1")):
            pass


async def test_200_refused_frames_are_borne_and_no_more(world: World, strict_node: Process) -> None:
    """The 201st within ten seconds closes the socket with 4509."""
    ann = await world.make_person()
    async with world.connect(ann, strict_node) as s:
        await s.say(*([{"type": "nope"}] * 200))
        assert [f["type"] for f in await s.hear_nothing_more()] == ["error"] * 200
        await s.say({"type": "nope"})
        assert (await s.hear_end())[0] == 4509


async def test_sends_above_the_rate_are_errors(world: World, strict_node: Process) -> None:
    """A burst of 50 is accepted; what exceeds it is refused with `retryAfter`."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    async with world.connect(ann, strict_node) as s:
        send = {"type": "send", "chat": chat, "message": "x"}
        await s.say(*({**send, "clientId": new_id()} for _ in range(70)))
        answers: list[dict[str, Any]] = []
        while len(answers) < 70:
            frame = await s.hear()
            if frame["type"] in ("sent", "error"):
                answers.append(frame)
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert 1 <= len(refused) <= 20
        assert all(a["code"] == "rate_limited" and a["retryAfter"] >= 1 for a in refused)
        assert len(answers) - len(refused) >= 50


async def test_who_does_not_read_is_ended_and_holds_up_nobody(
    world: World, strict_node: Process
) -> None:
    """A slow reader's socket is closed at the bound; the others get every event meanwhile."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    async with world.connect(ann, strict_node) as good, world.dial(strict_node) as stuck:
        raw = stuck.connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await stuck.say({"type": "connect", "token": ben.token})
        await stuck.hear_type("ready")
        stuck.connection.transport.pause_reading()

        heard = []
        for n in range(1, 31):
            await world.post(chat, ann, *("x" * 8000 for _ in range(8)))
            heard += await good.hear_until(8 * n + 1)
        assert [event["seq"] for event in heard] == list(range(2, 242))
        metrics = await read_metrics(strict_node)
        assert re.search(r'hubbub_realtime_drops_total\{reason="slow consumer"\} [1-9]', metrics)
        await until_metric(strict_node, r'hubbub_realtime_ends_total\{code="4008"\} [1-9]')


async def test_a_close_code_that_a_client_makes_up_is_counted_as_other(
    world: World, strict_node: Process
) -> None:
    """It does not become a label of the metric; the code is echoed all the same."""
    async with world.dial(strict_node) as client:
        await client.connection.close(code=3456)
        assert client.connection.close_code == 3456
    await until_metric(strict_node, r'hubbub_realtime_ends_total\{code="other"\} [1-9]')
    assert 'code="3456"' not in await read_metrics(strict_node)


async def test_people_are_counted_while_they_have_a_socket(
    world: World, strict_node: Process
) -> None:
    """The node still knows those who left a moment ago; its metric does not count them."""
    ann = await world.make_person()
    async with world.connect(ann, strict_node):
        await until_metric(strict_node, r"hubbub_realtime_people 1\.0")
    await until_metric(strict_node, r"hubbub_realtime_people 0\.0")


async def test_who_reads_late_gets_everything_in_order(world: World) -> None:
    """Events and answers that waited for a slow reader, and what comes after them."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    async with world.connect(ann) as other, world.dial() as late:
        raw = late.connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await late.say({"type": "connect", "token": ben.token})
        await late.hear_type("ready")
        late.connection.transport.pause_reading()
        for _ in range(10):
            await world.post(chat, ann, *("x" * 8000 for _ in range(8)))
        await other.hear_until(81)  # so the node has all of them before the request
        await until_metric(world.node, r"hubbub_realtime_unsent_bytes [2-9]\d{5}")
        await late.say({"type": "ping"})
        late.connection.transport.resume_reading()
        frames = [await late.hear() for _ in range(81)]
        assert [frame.get("seq") for frame in frames] == [*range(2, 82), None]
        assert frames[-1]["type"] == "pong"
        await world.post(chat, ann, "after that")
        assert (await late.hear_event())["seq"] == 82


@pytest.mark.parametrize("end", ["a bad line", "a bad frame", "a close"])
async def test_what_was_sent_before_the_end_is_stored(world: World, end: str) -> None:
    """All of it reaches the node in one piece."""
    ann = await world.make_person()
    chat = await world.make_chat(ann)
    texts = [f"{number}" for number in range(5)]
    lines = [
        msgspec.json.encode({"type": "send", "chat": chat, "clientId": new_id(), "message": text})
        for text in texts
    ]
    async with world.connect(ann) as s:
        wire = s.connection.protocol
        frames = [b"\n".join([*lines, b"x"])] if end == "a bad line" else lines
        for frame in frames:
            wire.send_text(frame)
        if end == "a bad frame":
            wire.send_text(b"[]")
        if end == "a close":
            wire.send_close(1000)
        s.connection.send_data()
        assert (await s.hear_end())[0] == (1000 if end == "a close" else 4501)
    async with asyncio.timeout(BUSY):
        while len(events := await world.events(chat, ann)) < 1 + len(texts):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [event["message"] for event in events[1:]] == texts


async def test_a_drain_sends_everybody_away_and_loses_no_send(world: World) -> None:
    """SIGTERM: 4001 with a delay in ms, every send answered or stored, exit 0, no new sockets."""
    node = world.tier.start("realtime", HUBBUB_RATE_LIMITS="high")
    people = await world.make_people(5)
    chat = await world.make_chat(*people)
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(world.connect(p, node)) for p in people]
        send = {"type": "send", "chat": chat, "clientId": new_id(), "message": "last words"}
        await sockets[0].say(send)
        node.server.process.send_signal(signal.SIGTERM)
        for s in sockets:
            code, reason = await s.hear_end(30)
            assert code == 4001
            assert reason.isdigit()
    assert await asyncio.to_thread(node.server.process.wait, 60) == 0
    assert (await world.events(chat, people[0]))[-1]["message"] == "last words"


async def until_metric(node: Process, pattern: str) -> None:
    async with asyncio.timeout(30):
        while not re.search(pattern, await read_metrics(node)):  # noqa: ASYNC110 - polls over HTTP
            await asyncio.sleep(0.1)
