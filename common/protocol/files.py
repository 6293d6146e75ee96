"""Files: what clients see of one, and the calls to chats by which they are created and deleted.

chats knows which files exist and who may have them; the role `files` stores the bytes, under the
file's id. A file's bytes are there before chats lists it, and until chats has forgotten it.
"""

from typing import Annotated

import msgspec

from common.protocol.wire import Id, Internal, Wire


class Attachment(Wire):
    """A file as clients get it. `width` and `height` (as the picture is displayed) and `preview`
    are present for pictures."""

    id: Id
    name: Annotated[str, msgspec.Meta(examples=["garden.jpg"])]
    type: Annotated[str, msgspec.Meta(examples=["image/jpeg"])]
    size: int
    width: int | msgspec.UnsetType = msgspec.UNSET
    height: int | msgspec.UnsetType = msgspec.UNSET
    preview: bool | msgspec.UnsetType = msgspec.UNSET


class BeginUpload(Internal):
    """An upload is about to begin, for the file `id`. `size` is the declared size, 0 if none was
    declared.

    Refused: `not_found`, `invalid_request` if the user has no space left, `rate_limited` if
    `at_once` of their uploads are under way.
    """

    id: str
    user: str
    chat: str
    key: str
    name: str
    size: int
    at_once: int


class UploadBegun(Internal):
    """`known` is the key's first result, if there is one: then there is nothing to do."""

    known: Attachment | None


class FinishUpload(Internal):
    """The bytes are stored. May be repeated. Refused: `not_found`, `invalid_request`."""

    id: str
    size: int
    type: str
    width: int | None
    height: int | None
    preview: bool | None


class DropUpload(Internal):
    """Abandons the upload, unless it is finished already: then nothing changes. Otherwise its bytes
    may be deleted, even if it is doomed or forgotten already."""

    id: str


class FindFile(Internal):
    """For `reader`, who must take part in `chat`; both are None for a request with a valid link.
    Refused: `not_found`."""

    id: str
    chat: str | None
    reader: str | None


class StoredFile(Internal):
    """What serving it needs. `preview` is None if the file is no picture."""

    name: str
    type: str
    size: int
    preview: bool | None


class DeleteFile(Internal):
    """Refused: `not_found`, `forbidden` if a message has it or it belongs to another user."""

    user: str
    chat: str
    id: str
    key: str


class FindFiles(Internal):
    """Those of a chat for which links are wanted. Refused: `not_found` for the chat."""

    user: str
    chat: str
    ids: list[str]


class FilesFound(Internal):
    """Which of them exist, and which have a preview."""

    previews: dict[str, bool]


class ListDoomed(Internal):
    """Files whose bytes may be deleted, including uploads that were never finished and files that
    no message took in time; without the `skip` oldest."""

    limit: int
    skip: int = 0


class FileIds(Internal):
    """In answers: the files in question. `keep_uploads`: their bytes still arrive. `forget_files`:
    their bytes are gone. `known_files`: which of them does chats know at all?"""

    ids: list[str]
