"""The calls to chats about direct chats: opening one, and closing those of a deleted account."""

from common.protocol.chats import Chat
from common.protocol.wire import Internal


class OpenDirectChat(Internal):
    """The chat of `user` and `other`, created if they have none."""

    user: str
    session: str
    key: str
    other: str


class DirectChat(Internal):
    """`is_new`: this call has created it."""

    chat: Chat
    is_new: bool


class EndAccount(Internal):
    """Called by users: the user's account is deleted."""

    user: str


class DirectChats(Internal):
    """The user's direct chats, which the other participants keep."""

    chats: list[str]
