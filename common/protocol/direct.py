"""The calls of chats about direct chats: opening one, and what an account's end means for them."""

from common.protocol.chats import Chat, Internal


class OpenDirectChat(Internal):
    """The chat of `user` and `other`, made where they have none."""

    user: str
    session: str
    key: str
    other: str


class DirectChat(Internal):
    """`is_new`: this call has made it."""

    chat: Chat
    is_new: bool


class EndAccount(Internal):
    """users asks for it: the user's account is deleted."""

    user: str


class DirectChats(Internal):
    """The user's direct chats, which stay with the others."""

    chats: list[str]
