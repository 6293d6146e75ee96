"""Link previews: calls to chats, from files, which fetches the pages."""

from typing import Final, Literal

from common.protocol.events import LinkPreview
from common.protocol.wire import Internal

LinkMode = Literal["on", "off", "local"]
"""`local`: pages of this machine, for tests."""

MAX_LINKS: Final = 3  # fetched for one message
MAX_URL_CHARACTERS: Final = 2_048
MAX_TITLE_CHARACTERS: Final = 200
MAX_DESCRIPTION_CHARACTERS: Final = 300
MAX_SITE_NAME_CHARACTERS: Final = 100


class ClaimLinks(Internal):
    limit: int


class ClaimedLinks(Internal):
    """Of a message, to be fetched soon, or another process may claim it."""

    chat: str
    seq: int
    text_seq: int
    message: str
    sender: str
    urls: list[str]


class LinksClaimed(Internal):
    links: list[ClaimedLinks]


class SettleLinks(Internal):
    """What was found for a message; if nothing, its links are forgotten."""

    links: ClaimedLinks
    previews: list[LinkPreview]
