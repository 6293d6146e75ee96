"""Profile pictures: small and square; the original is not kept after scaling."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from common.process.logs import log
from common.protocol.avatars import AVATAR_PIXELS, MAX_AVATAR_BYTES
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.ids import is_id, new_id
from files.downloads import Served, Wanted, serve_whole
from files.kinds import HEAD_BYTES, PICTURES, kind_of_head
from files.previews import Previews
from files.ranges import Span
from files.store import FileStore, StoreUnavailable
from files.upstream import Users

NAME: Final = "avatar"
MAX_SECONDS: Final = 60.0  # for 5 MiB


class Avatars:
    """`store` contains nothing else."""

    def __init__(self, users: Users, store: FileStore, previews: Previews) -> None:
        self._users = users
        self._store = store
        self._previews = previews

    async def replace(self, user: str, body: AsyncIterator[bytes]) -> str:
        """The id of the new picture. Raises Refusal, BodyBroken, StoreUnavailable."""
        original = new_id()
        try:
            async with asyncio.timeout(MAX_SECONDS):
                kind, size = await self._receive(original, body)
            feed = partial(self._store.read_span, original, Span(0, size))
            picture = await self._previews.make(kind, feed, AVATAR_PIXELS, "square", by=user)
        except TimeoutError as error:
            raise Refusal("invalid_request", "The upload took longer than a minute.") from error
        finally:
            await asyncio.shield(self._remove(original))
        if picture.webp is None:
            raise invalid("file", "must be a picture that can be read")
        avatar = new_id()
        await self._store.put(avatar, NAME, picture.webp)
        await self._set(user, avatar)
        return avatar

    async def remove(self, user: str) -> None:
        """It need not exist. Raises Refusal."""
        await self._set(user, None)

    async def serve(self, avatar: str, wanted: Wanted) -> Served:
        """Raises Refusal `not_found` for a picture that nobody uses any more."""
        if not is_id(avatar) or avatar not in await self._users.known_avatars([avatar]):
            raise not_found()
        return await serve_whole(self._store, avatar, NAME, "avatar.webp", wanted)

    async def _receive(self, original: str, body: AsyncIterator[bytes]) -> tuple[str, int]:
        """Its kind and size. Stored first, so that the few scaling processes never wait for a
        client."""
        head = bytearray()
        while len(head) < HEAD_BYTES and (data := await anext(body, None)) is not None:
            head += data
        if not head:
            raise invalid("file", "must not be empty")
        kind = kind_of_head(bytes(head))
        if kind not in PICTURES:
            raise invalid("file", "must be a picture: PNG, JPEG, GIF, WebP or AVIF")

        async def judged() -> AsyncIterator[bytes]:
            size = len(head)
            yield bytes(head)
            async for data in body:
                size += len(data)
                if size > MAX_AVATAR_BYTES:
                    raise avatar_too_large()
                yield data

        return kind, await self._store.put_whole(original, judged())

    async def _set(self, user: str, avatar: str | None) -> None:
        replaced = await self._users.set_avatar(user, avatar)
        if replaced is not None:
            await self._remove(replaced)

    async def _remove(self, avatar: str) -> None:
        try:
            await self._store.remove(avatar)
        except StoreUnavailable as error:
            log("avatar left to the sweep", error=str(error))


def avatar_too_large() -> Refusal:
    return Refusal("too_large", f"A picture may have at most {MAX_AVATAR_BYTES:,} bytes.")
