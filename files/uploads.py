"""One upload: checked, received piece by piece, examined, and registered with chats.

chats knows of it before the first byte and is told after the last, so that no crash leaves unknown
bytes.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, NamedTuple

from common.identity.tokens import Claims
from common.process.logs import log
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.files import Attachment, BeginUpload, FinishUpload
from common.protocol.ids import new_id
from common.protocol.limits import MAX_FILE_BYTES
from common.valkey.rates import rate_limited
from files.kinds import PICTURES, Sniffer
from files.metrics import BROKEN, RECEIVED, UPLOADS
from files.previews import UNREADABLE, Previews
from files.ranges import Span
from files.store import PREVIEW, BytesMissing, FileStore, StoreUnavailable
from files.upstream import Chats

MAX_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 5  # for one of those in progress to end
TELL_SECONDS: Final = 2.0  # chats treats uploads without news for 10 s as aborted


class Asked(NamedTuple):
    """What an upload declares; `declared` is None if it does not give its length."""

    chat: str
    name: str
    key: str
    declared: int | None


class BodyBroken(Exception):
    """The client disconnected."""


class Uploads:
    """All uploads of one process; `at_once` is a user's limit across all processes."""

    def __init__(self, chats: Chats, store: FileStore, previews: Previews, *, at_once: int) -> None:
        self._chats = chats
        self._store = store
        self._previews = previews
        self._at_once = at_once
        self._under_way: set[str] = set()
        self._has_some = asyncio.Event()

    async def tell(self) -> None:
        """Tells chats which ones are in progress, until cancelled: those of a killed process must
        not count."""
        while True:
            await self._has_some.wait()
            await asyncio.sleep(TELL_SECONDS)
            if not self._under_way:
                self._has_some.clear()
                continue
            try:
                await self._chats.keep_uploads(sorted(self._under_way))
            except Refusal as refusal:
                log("uploads not told", code=refusal.code)

    async def take(self, caller: Claims, asked: Asked, body: AsyncIterator[bytes]) -> Attachment:
        """Raises Refusal, BodyBroken, StoreUnavailable."""
        file = new_id()
        begin = BeginUpload(
            id=file,
            user=caller.user,
            chat=asked.chat,
            key=asked.key,
            name=asked.name,
            size=asked.declared or 0,
            at_once=self._at_once,
        )
        try:
            known = await self._chats.begin_upload(begin)
        except Refusal as refusal:
            if refusal.code == "rate_limited":
                raise self._too_many() from refusal
            raise
        if known is not None:
            return known
        self._under_way.add(file)
        self._has_some.set()
        try:
            with UPLOADS.track_inprogress():
                async with asyncio.timeout(MAX_SECONDS):
                    finish = await self._receive(file, caller.user, body)
            result = await self._chats.finish_upload(finish)
        except BaseException as error:
            BROKEN.labels(_reason(error)).inc()
            await asyncio.shield(self._undo(file))
            if isinstance(error, TimeoutError):
                raise Refusal(
                    "invalid_request", "The upload took longer than ten minutes."
                ) from error
            if isinstance(error, BytesMissing):  # swept while arriving: the chat is gone
                raise not_found() from error
            raise
        finally:
            self._under_way.discard(file)
        return result

    def _too_many(self) -> Refusal:
        return rate_limited(
            limit=self._at_once, remaining=0, retry_after=RETRY_SECONDS, reset=RETRY_SECONDS
        )

    async def _receive(self, file: str, user: str, body: AsyncIterator[bytes]) -> FinishUpload:
        sniffer = Sniffer()

        async def judged() -> AsyncIterator[bytes]:
            size = 0
            async for data in body:
                size += len(data)
                if size > MAX_FILE_BYTES:
                    raise too_large()
                RECEIVED.inc(len(data))
                sniffer.feed(data)
                yield data

        size = await self._store.put_whole(file, judged())
        if not size:
            raise invalid("file", "must not be empty")
        kind = sniffer.kind()
        picture, preview = UNREADABLE, None
        if kind in PICTURES:
            feed = partial(self._store.read_span, file, Span(0, size))
            picture = await self._previews.make(kind, feed, by=user)
            preview = picture.webp is not None
            if picture.webp is not None:
                await self._store.put(file, PREVIEW, picture.webp)
        return FinishUpload(
            id=file,
            size=size,
            type=kind,
            width=picture.width,
            height=picture.height,
            preview=preview,
        )

    async def _undo(self, file: str) -> None:
        """The sweep cleans up what cannot be undone now."""
        try:
            if await self._chats.drop_upload(file):
                await self._store.remove(file)
        except (Refusal, StoreUnavailable) as error:
            log("upload left to the sweep", file=file, error=type(error).__name__)


def too_large() -> Refusal:
    return Refusal("too_large", f"A file may have at most {MAX_FILE_BYTES:,} bytes.")


def _reason(error: BaseException) -> str:
    match error:
        case Refusal():
            return error.code
        case TimeoutError():
            return "too slow"
        case BodyBroken():
            return "broken off"
        case asyncio.CancelledError():
            return "process ended"
        case StoreUnavailable() | BytesMissing():
            return "store"
        case _:
            return "other"
