"""Files of chats. The balancer routes calls that transfer bytes to the role `files`; the others are
answered here. All calls are declared here, for routing and documents; those with bytes are
unavailable without a balancer in front."""

import time
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from common.identity.links import LINK_SECONDS, Link, LinkSigner
from common.identity.tokens import Claims
from common.protocol.errors import unavailable
from common.protocol.fields import MAX_FILE_NAME_CHARACTERS, wrong_with_file_name
from common.protocol.files import Attachment, DeleteFile, FindFiles
from common.protocol.limits import MAX_FILES_A_LINK
from common.protocol.wire import Id
from edge.bodies import AnswerBody, Query, RequestBody, Wrongs
from edge.http.answer import Answer
from edge.http.request import RequestKey
from edge.operation import BYTES, PathText, Who, delete, get, post, put
from edge.upstream import Chats

ALL: Final = "/api/chat/{chat_id}/file"
ONE: Final = ALL + "/{file_id}"
LINKED: Final = "/api/file/{link}"
BYTES_ANSWERS: Final = {200: BYTES, 206: BYTES, 304: BYTES}

LinkText = Annotated[str, PathText(str, {"type": "string", "description": "Of a link."})]
FileName = Annotated[
    str,
    Meta(
        description="No control characters, no bidirectional controls, no / and \\.",
        examples=["garden.jpg"],
        extra_json_schema={"minLength": 1, "maxLength": MAX_FILE_NAME_CHARACTERS},
    ),
]


class UploadQuery(Query):
    """The name of the file."""

    name: FileName

    def wrong_fields(self) -> Wrongs:
        return {"name": wrong_with_file_name(self.name)}


class FileUploadedAnswer(AnswerBody):
    message: Annotated[str, Meta(examples=["File uploaded successfully"])]
    file: Attachment


class LinksBody(RequestBody):
    files: Annotated[list[Id], Meta(min_length=1, max_length=MAX_FILES_A_LINK)]


class FileLinks(AnswerBody):
    """Paths on this origin; `previewUrl` if there is a preview."""

    url: Annotated[str, Meta(examples=["/api/file/019a1b2c.file.1767323645.5b1e"])]
    preview_url: str | UnsetType = UNSET


class LinksAnswer(AnswerBody):
    """By file; missing ones are omitted."""

    links: dict[Id, FileLinks]
    expires_in: Annotated[int, Meta(examples=[LINK_SECONDS])]


class AvatarAnswer(AnswerBody):
    """`avatar` is a path that needs no token and differs for each picture."""

    message: Annotated[str, Meta(examples=["Avatar updated successfully"])]
    avatar: Annotated[str, Meta(examples=["/api/avatar/019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071"])]


class FileRoutes:
    """/api/chat/{id}/file, links to files, avatars."""

    def __init__(self, chats: Chats, signer: LinkSigner) -> None:
        self._chats = chats
        self._signer = signer

    @post(
        ALL,
        "Upload a file to a chat: its bytes are the body",
        {201: FileUploadedAnswer},
        who=Who.PARTICIPANTS,
        refusals=("rate_limited", "unsupported_media_type", "too_large"),
        takes_bytes=True,
        served_by_files=True,
    )
    async def upload_file(
        self, caller: Claims, chat_id: Id, query: UploadQuery, key: RequestKey
    ) -> FileUploadedAnswer:
        raise unavailable()

    @get(
        ONE,
        "The bytes of a file",
        BYTES_ANSWERS,
        who=Who.PARTICIPANTS,
        refusals=("range_not_satisfiable",),
        served_by_files=True,
    )
    async def get_file(self, caller: Claims, chat_id: Id, file_id: Id) -> Answer:
        raise unavailable()

    @get(
        ONE + "/preview",
        "The preview of a picture: WebP of at most 1,024 pixels a side",
        BYTES_ANSWERS,
        who=Who.PARTICIPANTS,
        refusals=("range_not_satisfiable",),
        served_by_files=True,
    )
    async def get_preview(self, caller: Claims, chat_id: Id, file_id: Id) -> Answer:
        raise unavailable()

    @get(
        LINKED,
        "The bytes that a link is good for",
        BYTES_ANSWERS,
        who=Who.EVERYBODY,
        refusals=("range_not_satisfiable",),
        served_by_files=True,
    )
    async def get_linked_file(self, link: LinkText) -> Answer:
        raise unavailable()

    @delete(
        ONE,
        "Delete a file that no message has",
        {200: "File deleted successfully"},
        who=Who.UPLOADER,
        refusals=("forbidden",),
    )
    async def delete_file(self, caller: Claims, chat_id: Id, file_id: Id, key: RequestKey) -> None:
        await self._chats.delete_file(
            DeleteFile(user=caller.user, chat=chat_id, id=file_id, key=key.id)
        )

    @post(
        ALL + "/link",
        "Links by which files can be had without a token for ten minutes",
        {200: LinksAnswer},
        who=Who.PARTICIPANTS,
    )
    async def link_files(self, caller: Claims, chat_id: Id, body: LinksBody) -> LinksAnswer:
        found = await self._chats.find_files(
            FindFiles(user=caller.user, chat=chat_id, ids=body.files)
        )
        expires = int(time.time()) + LINK_SECONDS
        links = {
            file: FileLinks(
                url=self._path(Link(file, "file", expires)),
                preview_url=self._path(Link(file, "preview", expires)) if has_preview else UNSET,
            )
            for file, has_preview in found.previews.items()
        }
        return LinksAnswer(links=links, expires_in=LINK_SECONDS)

    @put(
        "/api/user/me/avatar",
        "Show a picture of oneself: its bytes are the body, at most 5 MiB",
        {200: AvatarAnswer},
        refusals=("rate_limited", "invalid_request", "too_large", "unsupported_media_type"),
        takes_bytes=True,
        served_by_files=True,
    )
    async def set_avatar(self, caller: Claims) -> AvatarAnswer:
        raise unavailable()

    @delete(
        "/api/user/me/avatar",
        "Show no picture of oneself any more",
        {200: "Avatar removed successfully"},
        served_by_files=True,
    )
    async def remove_avatar(self, caller: Claims) -> None:
        raise unavailable()

    @get(
        "/api/avatar/{picture}",
        "A picture that somebody shows of themself: WebP of 256 pixels a side",
        BYTES_ANSWERS,
        who=Who.EVERYBODY,
        refusals=("range_not_satisfiable",),
        served_by_files=True,
    )
    async def get_avatar(self, picture: Id) -> Answer:
        raise unavailable()

    def _path(self, link: Link) -> str:
        return LINKED.format(link=self._signer.sign(link))
