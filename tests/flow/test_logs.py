"""The logs of a whole system, after everything that users and strangers do with it."""

import re
import uuid
from pathlib import Path

import aiohttp
import pytest

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person, Rest
from tests.flow.conftest import MakeDevice, eventually

# A JWT, an Argon2 hash, a URL with a password, a line of a private key.
SECRET_SHAPES = re.compile(r"eyJ[\w-]{10,}\.|\$argon2|://[^/\s\"]+:[^/\s\"@]+@|PRIVATE KEY")


def logs_of(system: Hubbub) -> str:
    """Everything that any process has written, including the fleet's own output."""
    files = [*(system.data / "logs").iterdir(), system.data / "output.log"]
    return "\n".join(file.read_text(errors="replace") for file in files)


async def test_no_secret_and_no_text_is_in_any_log(
    system: Hubbub, nobody: Rest, make_device: MakeDevice, http: aiohttp.ClientSession
) -> None:
    """Tokens, passwords, keys, messages, chat names and addresses: valid ones, invalid ones, and
    those in requests that were refused or failed."""
    mark = uuid.uuid4().hex
    password, wrong = f"right-{mark}", f"wrong-{mark}"
    name = f"p-{mark[:20]}"
    account = {"username": name, "email": f"{mark}@example.org", "password": password}
    signed_up = await nobody.call("POST", "/api/user", account)
    ann = Person(nobody.session, nobody.origin, signed_up.body)
    secrets = {ann.token, ann.refresh_token}
    await nobody.call("POST", "/api/user/login", {"username": name, "password": wrong})
    await nobody.call("POST", "/api/user", account)
    taken = f"other-{mark}@example.org"
    await nobody.call("POST", "/api/user", {"username": f"o-{mark[:20]}", "email": taken})
    await ann.ask("PATCH", "/api/user/me", {"email": taken, "currentPassword": password})
    await nobody.call("POST", "/api/user/login", f'{{"password":"{wrong}'.encode())
    await nobody.call("POST", "/api/user/refresh", {"refreshToken": f"stolen-{mark}"})
    await nobody.call("GET", f"/api/user/me?token={mark}", token=f"{ann.token}{mark}")
    await ann.ask("PATCH", "/api/user/me", {"password": f"new-{mark}", "currentPassword": wrong})
    await ann.ask("PATCH", "/api/user/me", {"password": f"new-{mark}", "currentPassword": password})
    chat = await ann.create_chat(f"chat-{mark}")
    await ann.post(chat, f"text-{mark}")
    await ann.post(chat, f"text-{mark}\0")
    await ann.ask("GET", f"/api/chat/{chat}/{mark}")
    await ann.ask("GET", f"/api/user?username=p-{mark[:5]}")
    jar = f"hubbub-refresh-{system.origin.rpartition(':')[2]}=cookie-{mark}"
    cookie = {"X-Hubbub-Session": "cookie", "Cookie": jar}
    await nobody.call("POST", "/api/user/refresh", headers=cookie)
    async with http.get(f"{system.origin}/ws?token={ann.token}") as answer:
        assert answer.status == 426
    async with make_device(ann) as device:
        await device.until_ready()
        send = {"type": "send", "chat": chat, "clientId": str(uuid.uuid4())}
        await device.say({**send, "message": f"text-{mark}"})
        await device.say({**send, "message": f"text-{mark}\0"})
        await device.say({"type": "refresh", "token": f"bad-{mark}"})
        await device.say({"type": f"type-{mark}"})
        await device.until(lambda d: sum(f["type"] == "error" for f in d.frames) == 3)
        await ann.refresh()
        secrets |= {ann.token, ann.refresh_token}
        await device.say({"type": "refresh", "token": ann.token})
        await device.until(lambda d: any(f["type"] == "refreshed" for f in d.frames))
        assert (await ann.ask("POST", "/api/user/logout")).status == 200
        await device.until(lambda d: bool(d.ends))
    keys = [path for path in (system.data / "keys").rglob("*") if path.is_file()]
    secrets |= {path.read_text().strip() for path in keys if path.suffix in (".key", ".password")}
    secrets |= {token.rpartition(".")[2] for token in set(secrets) if token.count(".") == 2}
    assert len(keys) >= 10
    trace = uuid.uuid4().hex
    asked = {"traceparent": f"00-{trace}-{trace[:16]}-01"}
    await nobody.call("GET", "/openapi.json", headers=asked)

    async def is_written() -> bool:
        return trace in logs_of(system)

    await eventually(is_written)
    logs = logs_of(system)
    assert mark not in logs
    assert [secret[:6] for secret in secrets if secret in logs] == []
    assert SECRET_SHAPES.findall(logs) == []


@pytest.mark.parametrize("what", ["NOPERM", "NoPermission", "refuses a command", "Traceback"])
async def test_nothing_was_refused_among_ourselves(system: Hubbub, what: str) -> None:
    """Each role has the rights on the bus that it needs, and no bug was logged."""
    assert [line for line in logs_of(system).splitlines() if what in line] == []


async def test_health_checks_are_no_access_log(system: Hubbub, nobody: Rest) -> None:
    """Health checks, by the balancer or by others, write no line; other requests do."""
    trace = uuid.uuid4().hex
    asked = {"traceparent": f"00-{trace}-{trace[:16]}-01"}
    for path in ("/health/live", "/health/ready", "/openapi.json"):
        assert (await nobody.call("GET", path, headers=asked)).status == 200

    async def is_written() -> bool:
        return trace in logs_of(system)

    await eventually(is_written)
    written = [line for line in logs_of(system).splitlines() if trace in line]
    assert ["/openapi.json" in line for line in written] == [True]
    assert '"/health/' not in logs_of(system)


async def test_no_secret_is_in_an_environment_or_a_command(system: Hubbub) -> None:
    """For Valkey's passwords and the keys of services, `ps` and /proc show only paths."""
    keys = system.data / "keys"
    files = [*keys.glob("*.key"), *keys.glob("valkey-*.password")]
    secrets = [path.read_text().strip() for path in files]
    assert len(secrets) >= 6
    for process in system.processes():
        if process.role == "balancer":
            continue  # HAProxy reads its key from its environment, which only its owner can read
        proc = Path(f"/proc/{process.pid}")
        told = (proc / "environ").read_text() + (proc / "cmdline").read_text()
        assert not any(secret in told for secret in secrets), process
