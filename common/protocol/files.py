"""Files: what clients see of one, and the calls of chats by which they come and go.

chats says who may have which file and what exists; the role `files` has the bytes, under the file's
id. A file's bytes are there before chats says that it is, and until chats has forgotten it.
"""

from typing import Annotated

import msgspec

from common.protocol.wire import Id, Wire


class Attachment(Wire):
    """A file as clients get it. `width` and `height`, as the picture is shown, and `preview` are
    there for pictures."""

    id: Id
    name: Annotated[str, msgspec.Meta(examples=["garden.jpg"])]
    type: Annotated[str, msgspec.Meta(examples=["image/jpeg"])]
    size: int
    width: int | msgspec.UnsetType = msgspec.UNSET
    height: int | msgspec.UnsetType = msgspec.UNSET
    preview: bool | msgspec.UnsetType = msgspec.UNSET


class BeginUpload(Wire, omit_defaults=False):
    """Bytes are about to come, for the file `id`. `size` is what was declared, 0 for nothing.

    Refused: `not_found`, `invalid_request` where the person has no room left, `rate_limited` where
    `at_once` uploads of theirs are under way.
    """

    id: str
    user: str
    chat: str
    key: str
    name: str
    size: int
    at_once: int


class UploadBegun(Wire, omit_defaults=False):
    """`known` is the first result of the key, where there is one: then nothing is to be done."""

    known: Attachment | None


class FinishUpload(Wire, omit_defaults=False):
    """The bytes are there. May be repeated. Refused: `not_found`, `invalid_request`."""

    id: str
    size: int
    type: str
    width: int | None
    height: int | None
    preview: bool | None


class DropUpload(Wire, omit_defaults=False):
    """Nothing will come of it, unless it is finished already: then nothing is changed. Else its
    bytes are nobody's, also where it is doomed or forgotten already."""

    id: str


class FindFile(Wire, omit_defaults=False):
    """For `reader`, who must take part in `chat`; both are None where a link is good for it.
    Refused: `not_found`."""

    id: str
    chat: str | None
    reader: str | None


class StoredFile(Wire, omit_defaults=False):
    """What is served by it. `preview` is None for what is no picture."""

    name: str
    type: str
    size: int
    preview: bool | None


class DeleteFile(Wire, omit_defaults=False):
    """Refused: `not_found`, `forbidden` where a message has it or it is another's."""

    user: str
    chat: str
    id: str
    key: str


class FindFiles(Wire, omit_defaults=False):
    """Those of a chat that links are wanted for. Refused: `not_found` for the chat."""

    user: str
    chat: str
    ids: list[str]


class FilesFound(Wire, omit_defaults=False):
    """Which of them are there, and which have a preview."""

    previews: dict[str, bool]


class ListDoomed(Wire, omit_defaults=False):
    """Whose bytes may go; also what was never finished, or taken by no message in time."""

    limit: int


class FileIds(Wire, omit_defaults=False):
    """In answers: those that are meant. `keep_uploads`: their bytes still come. `forget_files`:
    their bytes are gone. `known_files`: which of them does chats know at all?"""

    ids: list[str]
