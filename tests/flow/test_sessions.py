"""Sessions end everywhere within a second."""

import asyncio
import time
import uuid

from tests.fixtures.busy import BUSY
from tests.fixtures.person import Person, Rest
from tests.flow.conftest import MakeDevice

REVOKED = 4502


async def test_log_out_closes_the_sockets(ann: Person, make_device: MakeDevice) -> None:
    """Within a second, with 4502, and the token is no longer valid."""
    async with make_device(ann) as one, make_device(ann) as two:
        await one.until_ready()
        await two.until_ready()
        started = time.monotonic()
        assert (await ann.ask("POST", "/api/user/logout")).status == 200
        for device in (one, two):
            await device.until(lambda device: bool(device.ends))
            assert device.ends[0][0] == REVOKED
        assert time.monotonic() - started < BUSY * 1.0
        while (refused := await ann.ask("GET", "/api/user/me")).status == 200:
            assert time.monotonic() - started < BUSY * 1.0
            await asyncio.sleep(0.02)
    assert (refused.status, refused.body["code"]) == (401, "unauthenticated")


async def test_a_socket_goes_on_with_a_refreshed_token(
    ann: Person, make_device: MakeDevice
) -> None:
    """`refresh` is answered with `refreshed`; another user's token is refused and the socket stays
    open."""
    async with make_device(ann) as device:
        await device.until_ready()
        await ann.refresh()
        await device.say({"type": "refresh", "token": ann.token})
        await device.until(lambda device: device.frames[-1:] != [])
        assert device.frames[-1]["type"] == "refreshed"
        await device.say({"type": "refresh", "token": "nonsense"})
        await device.until(lambda device: device.frames[-1]["type"] == "error")
        assert device.frames[-1]["code"] == "unauthenticated"
        assert device.ends == []


async def test_a_refresh_token_used_twice_revokes_its_family(
    ann: Person, make_device: MakeDevice
) -> None:
    """Once the new access token has been used, the old refresh token counts as stolen."""
    async with make_device(ann) as device:
        await device.until_ready()
        stolen = ann.refresh_token
        await ann.refresh()
        assert (await ann.ask("GET", "/api/user/me")).status == 200
        deadline = time.monotonic() + 30  # the first use is reported in the background
        while True:
            again = await ann.call("POST", "/api/user/refresh", {"refreshToken": stolen})
            if again.status == 401:
                break
            assert time.monotonic() < deadline, again
            ann.token, ann.refresh_token = again.body["token"], again.body["refreshToken"]
            assert (await ann.ask("GET", "/api/user/me")).status == 200
        await device.until(lambda device: bool(device.ends))
        assert device.ends[0][0] == REVOKED


async def test_a_new_password_ends_the_other_sessions(
    nobody: Rest, make_device: MakeDevice
) -> None:
    """The session that set it continues."""
    name = f"ann-{uuid.uuid4().hex[:12]}"
    body = {"username": name, "email": f"{name}@ex.org", "password": "first password"}
    here = Person(
        nobody.session, nobody.origin, (await nobody.call("POST", "/api/user", body)).body
    )
    log_in = {"username": name, "password": "first password"}
    there = Person(
        nobody.session, nobody.origin, (await nobody.call("POST", "/api/user", log_in)).body
    )
    async with make_device(here) as kept, make_device(there) as ended:
        await kept.until_ready()
        await ended.until_ready()
        change = {"password": "second password", "currentPassword": "first password"}
        assert (await here.ask("PATCH", "/api/user/me", change)).status == 200
        await ended.until(lambda device: bool(device.ends))
        assert ended.ends[0][0] == REVOKED
        await kept.say({"type": "ping"})
        await kept.until(lambda device: {"type": "pong"} in device.frames)
        assert kept.ends == []
