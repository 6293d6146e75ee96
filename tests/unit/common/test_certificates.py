"""A process's own certificate, whose files are replaced while it runs."""

import asyncio
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.process import certificates
from common.process.certificates import EXPIRES, ServerTls, join_calls_tls
from common.process.tasks import stop
from tests.fixtures.authority import Authority

DAY_SECONDS = 24 * 3600


async def test_a_certificate_whose_time_has_not_come_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made on a machine whose clock is ahead, or this one's is behind until it is set."""
    monkeypatch.setattr(certificates, "RELOAD_SECONDS", 0.02)
    authority = Authority(tmp_path)
    old, new = authority.issue("users"), authority.issue("users", begins_in=1, days_left=3)
    tls = ServerTls(join_calls_tls(*old, None), "users")
    first, said = EXPIRES._value.get(), list[str]()
    monkeypatch.setattr(certificates, "log", lambda text, **_: said.append(text))
    reading = asyncio.create_task(tls.keep_current())
    await asyncio.sleep(0.1)  # the task has seen the old files
    shutil.copy(new.key, old.key)
    shutil.copy(new.certificate, old.certificate)
    async with asyncio.timeout(30):
        while said.count("certificate not read again") < 2:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)
    assert EXPIRES._value.get() == first
    later = SimpleNamespace(time=lambda: time.time() + 2 * DAY_SECONDS)
    monkeypatch.setattr(certificates, "time", later)
    async with asyncio.timeout(30):
        while EXPIRES._value.get() == first:
            assert not reading.done()
            await asyncio.sleep(0.02)
    await stop([reading])
