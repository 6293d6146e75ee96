"""Avatars of clients that send slowly."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from common.process.tasks import stop
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from files import avatars
from files.avatars import NAME, Avatars
from files.previews import Picture, Previews
from files.store import FileStore, Location
from files.upstream import Users

LENGTH = 20_000


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (600, 300), "red").save(out, "JPEG")
    return out.getvalue().ljust(LENGTH, b"\0")


class NobodyElse:
    """users, if nobody had an avatar before."""

    async def set_avatar(self, user: str, avatar: str | None) -> str | None:
        return None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FileStore]:
    with closing(FileStore(Location(tmp_path.as_uri()))) as store:
        yield store


async def test_a_client_that_sends_slowly_keeps_nobody_from_a_preview(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although there are many of them, and few pictures are resized at a time."""
    monkeypatch.setattr("files.previews.MAX_SECONDS", 120.0)

    async def stuck() -> AsyncIterator[bytes]:
        yield picture()[:-1]
        await asyncio.Event().wait()

    async def feed() -> AsyncIterator[bytes]:
        yield picture()

    previews = Previews(1)
    taken = Avatars(cast(Users, NobodyElse()), store, previews)
    waiting = [asyncio.create_task(taken.replace(new_id(), stuck())) for _ in range(5)]
    await asyncio.sleep(0.3)
    async with asyncio.timeout(50):  # a request that waits for its body is ended after sixty
        made = await previews.make("image/jpeg", feed, by="ann")
    assert made.webp is not None
    await stop(waiting)
    assert store.walk() == {}


async def test_a_picture_may_take_its_time(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a minute, which is not the time of its resizing; only the resized picture is stored."""
    arrived = 0

    class Resizing(Previews):
        async def make(self, *args: Any, **more: Any) -> Picture:
            assert arrived == LENGTH
            return await super().make(*args, **more)

    async def slow() -> AsyncIterator[bytes]:
        nonlocal arrived
        data = picture()
        for start in range(0, LENGTH, LENGTH // 5):
            yield data[start : start + LENGTH // 5]
            arrived += LENGTH // 5
            await asyncio.sleep(0.2)

    taken = Avatars(cast(Users, NobodyElse()), store, Resizing(1))
    avatar = await taken.replace(new_id(), slow())
    assert [path.rpartition("/")[2] for path in store.walk()] == [NAME]
    assert Image.open(io.BytesIO(await store.read(avatar, NAME))).size == (256, 256)
    monkeypatch.setattr(avatars, "MAX_SECONDS", 0.5)
    with pytest.raises(Refusal) as refused:
        await taken.replace(new_id(), slow())
    assert "longer than a minute" in refused.value.detail
    assert len(store.walk()) == 1
