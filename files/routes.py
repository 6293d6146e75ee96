"""The calls: what each reads from its request, in the contract's order of checks."""

import time
from typing import Final

from common.identity.gate import Gate
from common.identity.links import LinkSigner
from common.identity.tokens import Claims
from common.protocol.avatars import MAX_AVATAR_BYTES
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.fields import check_fields, wrong_with_file_name
from common.protocol.files import Attachment, StoredFile
from common.protocol.limits import MAX_FILE_BYTES
from common.protocol.wire import Wire
from common.valkey.rates import Rate, demand
from common.valkey.shared_rates import SharedBuckets
from files.avatars import Avatars, avatar_too_large
from files.downloads import Served, Wanted, serve_file, serve_preview
from files.store import FileStore
from files.uploads import Asked, Uploads, too_large
from files.upstream import Chats
from files.web import Answer, Body, Request, Route, answer_json, query_value

UPLOADS: Final = Rate(60 / 60, 60)  # per user
ALL: Final = "/api/chat/{chat_id}/file"
READ: Final = ("GET", "HEAD")


class FileUploaded(Wire, omit_defaults=False):
    """The answer to an upload."""

    file: Attachment
    message: str = "File uploaded successfully"


class AvatarUpdated(Wire, omit_defaults=False):
    """A different path for each picture."""

    avatar: str
    message: str = "Avatar updated successfully"


class AvatarRemoved(Wire, omit_defaults=False):
    """There is no picture now."""

    message: str = "Avatar removed successfully"


class Routes:
    """Each method serves one of `calls`."""

    def __init__(
        self,
        gate: Gate,
        buckets: SharedBuckets,
        chats: Chats,
        store: FileStore,
        uploads: Uploads,
        avatars: Avatars,
        signer: LinkSigner,
        rate_factor: int,
    ) -> None:
        self._gate = gate
        self._buckets = buckets
        self._chats = chats
        self._store = store
        self._uploads = uploads
        self._avatars = avatars
        self._signer = signer
        self._rate = UPLOADS.times(rate_factor)

    def calls(self) -> list[Route]:
        return [
            Route(("POST",), ALL, self.upload),
            Route(READ, ALL + "/{file_id}", self.download),
            Route(READ, ALL + "/{file_id}/preview", self.preview),
            Route(READ, "/api/file/{link}", self.follow),
            Route(("PUT",), "/api/user/me/avatar", self.set_avatar),
            Route(("DELETE",), "/api/user/me/avatar", self.remove_avatar),
            Route(READ, "/api/avatar/{picture}", self.show_avatar),
        ]

    async def upload(self, request: Request, chat: str) -> Answer:
        caller = await self._admit_upload(request)
        if (declared := read_length(request)) is not None and declared > MAX_FILE_BYTES:
            raise too_large()
        name = query_value(request.query, "name")
        check_fields({"name": "is missing" if name is None else wrong_with_file_name(name)})
        if declared == 0:
            raise invalid("file", "must not be empty")
        asked = Asked(chat, name or "", request.key(), declared)
        file = await self._uploads.take(caller, asked, self._body(request, caller))
        return answer_json(201, FileUploaded(file=file))

    async def download(self, request: Request, chat: str, file: str) -> Answer:
        found = await self._find(request, chat, file)
        return _answer(await serve_file(self._store, file, found, _wanted(request)))

    async def preview(self, request: Request, chat: str, file: str) -> Answer:
        found = await self._find(request, chat, file)
        return _answer(await serve_preview(self._store, file, found, _wanted(request)))

    async def follow(self, request: Request, text: str) -> Answer:
        link = self._signer.read(text, time.time())
        if link is None:
            raise not_found()
        found = await self._chats.find_file(link.file, None, None)
        serve = serve_preview if link.of == "preview" else serve_file
        return _answer(await serve(self._store, link.file, found, _wanted(request)))

    async def set_avatar(self, request: Request) -> Answer:
        caller = await self._admit_upload(request)
        if (read_length(request) or 0) > MAX_AVATAR_BYTES:
            raise avatar_too_large()
        avatar = await self._avatars.replace(caller.user, self._body(request, caller))
        return answer_json(200, AvatarUpdated(avatar=f"/api/avatar/{avatar}"))

    async def remove_avatar(self, request: Request) -> Answer:
        caller = await self._admit(request)
        await self._avatars.remove(caller.user)
        return answer_json(200, AvatarRemoved())

    async def show_avatar(self, request: Request, picture: str) -> Answer:
        return _answer(await self._avatars.serve(picture, _wanted(request)))

    async def _admit(self, request: Request) -> Claims:
        """Raises Refusal unauthenticated, unavailable."""
        caller = self._gate.admit(request.headers.get("authorization"))
        if self._gate.is_untold(caller):
            await self._gate.wait_until_told(caller)
        return caller

    async def _admit_upload(self, request: Request) -> Claims:
        """Raises Refusal: unauthenticated, rate_limited, unsupported_media_type."""
        caller = await self._admit(request)
        demand(await self._buckets.take("upload", caller.user, self._rate))
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            raise Refusal(
                "unsupported_media_type", "The body must be the file itself, not a form with it."
            )
        return caller

    async def _body(self, request: Request, caller: Claims) -> Body:
        """It may take ten minutes to arrive, and the caller's session may end meanwhile. Raises
        BodyBroken; Refusal unauthenticated."""
        async for data in request.body():
            self._gate.demand_session(caller)
            yield data
        self._gate.demand_session(caller)

    async def _find(self, request: Request, chat: str, file: str) -> StoredFile:
        caller = await self._admit(request)
        return await self._chats.find_file(file, chat, caller.user)


def read_length(request: Request) -> int | None:
    """The declared length."""
    header = request.headers.get("content-length", "")
    return int(header) if header.isdecimal() else None


def _wanted(request: Request) -> Wanted:
    headers = request.headers
    return Wanted(headers.get("range"), headers.get("if-range"), headers.get("if-none-match"))


def _answer(served: Served) -> Answer:
    return Answer(served.status, served.headers, served.body)
